use super::*;

struct Bytes(Vec<u8>);

impl Store for Bytes {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError> {
        let end = IoError::End { at: off.0, len: self.len() };
        let found = self.0.get(off.0 as usize..off.0 as usize + buf.len());
        buf.copy_from_slice(found.ok_or(end)?);
        Ok(())
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Bits with short and long runs, over `bytes` bytes.
fn bits(bytes: usize) -> Vec<u8> {
    let byte = |i: usize| match i / 700 % 4 {
        0 => 0xff,
        1 => 0,
        _ => (i as u8).wrapping_mul(37),
    };
    (0..bytes).map(byte).collect()
}

/// Small bitmaps are in memory, large ones in the file: both count the same.
#[test]
fn ranks_and_runs_are_those_of_counting() {
    for bytes in [1, 511, 512, 5000, (1 << 20) + 777] {
        let data = bits(bytes);
        let len = bytes as u64 * 8 - 3;
        let store: Arc<dyn Store> = Arc::new(Bytes(data.clone()));
        let map = Ranked::load(&store, 0, len).unwrap();
        let mut rank = 0;
        for at in 0..len {
            let set = data[at as usize / 8] >> (at % 8) & 1 == 1;
            if at % 97 == 0 || at + 9 > len || at < 5000 {
                assert_eq!(map.look(at).unwrap(), (set, rank), "{at} of {len}");
            }
            rank += u64::from(set);
        }
        assert_eq!((map.total(), map.rank(u64::MAX).unwrap()), (rank, rank));
        assert_eq!(walk(&map), rank);
        let mut total = 0;
        runs(&map.map, |r| total += r.end - r.start).unwrap();
        assert_eq!(total, rank);
    }
}

fn walk(map: &Ranked) -> u64 {
    let (mut at, mut found) = (0, 0);
    while let Some(run) = map.run(at) {
        assert!(run.start >= at && run.end > run.start);
        found += run.end - run.start;
        at = run.end;
    }
    found
}

#[test]
fn a_bitmap_that_is_not_there_is_an_error() {
    let store: Arc<dyn Store> = Arc::new(Bytes(vec![0; 10]));
    assert!(Ranked::load(&store, 8, 64).is_err());
    assert!(!Bitmap::on_demand(&store, 8, 64).get(64).unwrap());
    assert!(Bitmap::on_demand(&store, 8, 64).get(63).is_err());
}

//! Opening a large dump reads its bitmap and little else.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use necropsy_base::{FileOff, IoError, PhysAddr, Store, Why};
use necropsy_dump::{FileStore, open_stores};
use necropsy_synth::dump::sparse_kdump;

/// Counts the bytes read.
struct Counting(FileStore, AtomicU64);

impl Store for Counting {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError> {
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.0.read_at(off, buf)
    }
    fn len(&self) -> u64 {
        self.0.len()
    }
}

#[test]
fn a_terabyte_opens_by_its_bitmap_alone() {
    let dumped = [0, 1, 77_777, 100_000_000, 268_435_455];
    for ram in [1 << 30, 1 << 40] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let dumped: Vec<u64> = dumped.into_iter().filter(|p| *p < ram / 4096).collect();
        let bitmaps = sparse_kdump(file.as_file_mut(), ram, &dumped).unwrap();
        let store = Arc::new(Counting(FileStore::open(file.path()).unwrap(), AtomicU64::new(0)));
        let source = open_stores(vec![store.clone()], &["large".into()]).unwrap();
        let read = store.1.load(Ordering::Relaxed);
        // One of the two bitmaps, headers and a piece of the descriptors.
        assert!(read <= bitmaps / 2 + (96 << 10), "{read} bytes read to open {ram:#x}");
        assert!(source.meta.complete, "{:?}", source.meta.notes);
        let mem = source.physical.unwrap();
        let mut buf = [0; 4096];
        for pfn in &dumped {
            mem.read(PhysAddr(pfn * 4096), &mut buf).unwrap();
            assert_eq!(buf, [*pfn as u8; 4096]);
        }
        assert_eq!(mem.read(PhysAddr(5 * 4096), &mut buf).unwrap_err().why, Why::Filtered(31));
        let used = store.1.load(Ordering::Relaxed) - read;
        assert!(used <= 512 << 10, "{used} bytes read for {} pages", dumped.len());
        let last = PhysAddr(3 * 4096);
        let next = mem.present(last).map(|r| r.start.0 / 4096);
        assert_eq!(next, dumped.iter().copied().find(|p| *p >= 3));
    }
}

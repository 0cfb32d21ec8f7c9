//! Any bytes as a dump: opening and reading must neither panic nor hang nor eat memory.

use std::sync::Arc;

use necropsy_base::{FileOff, IoError, PhysAddr, Store};

struct Bytes(Vec<u8>);

impl Store for Bytes {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError> {
        let end = off.0.checked_add(buf.len() as u64).filter(|end| *end <= self.len());
        let end = end.ok_or(IoError::End { at: off.0, len: self.len() })?;
        buf.copy_from_slice(&self.0[off.0 as usize..end as usize]);
        Ok(())
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let store = Arc::new(Bytes(data.to_vec()));
    let Ok(source) = necropsy_dump::open_stores(vec![store], &["fuzz".into()]) else { return };
    let Some(mem) = source.physical else { return };
    let mut buf = vec![0; 70_000];
    let mut at = PhysAddr(0);
    for _ in 0..64 {
        let Some(run) = mem.present(at) else { break };
        assert!(run.end > at);
        let _ = mem.read(run.start, &mut buf[..4096]);
        let _ = mem.read(run.start, &mut buf);
        at = run.end;
    }
    let _ = mem.ram().total();
}

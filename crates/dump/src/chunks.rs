//! A store read through a small cache of aligned pieces.

use std::sync::Arc;

use necropsy_base::{Cache, FileOff, IoError, Store};

/// Serves small reads from cached pieces of `size` bytes; large reads go straight to the store.
pub(crate) struct Chunks {
    store: Arc<dyn Store>,
    size: u64,
    cache: Cache<[u8]>,
}

impl Chunks {
    /// About `entries` pieces of `size` bytes (a power of two) are kept.
    pub(crate) fn new(store: Arc<dyn Store>, size: u64, entries: usize) -> Self {
        Chunks { store, size, cache: Cache::new(entries) }
    }

    /// Length of the store.
    pub(crate) fn len(&self) -> u64 {
        self.store.len()
    }

    /// Fills `buf` whole from `off`, or fails.
    pub(crate) fn read(&self, off: u64, buf: &mut [u8]) -> Result<(), IoError> {
        if buf.len() as u64 >= self.size {
            return self.store.read_at(FileOff(off), buf);
        }
        let mut done = 0;
        while done < buf.len() {
            let at = off.checked_add(done as u64).ok_or(IoError::End { at: off, len: self.len() })?;
            let rest = buf.get_mut(done..).unwrap_or_default();
            match self.copy(at, rest) {
                Some(n) => done += n,
                // The piece is not whole (end of file, or a gap of a flattened one): ask for just these bytes.
                None => return self.store.read_at(FileOff(at), rest),
            }
        }
        Ok(())
    }

    /// Copies what one piece holds of `buf`; tells how much.
    fn copy(&self, at: u64, buf: &mut [u8]) -> Option<usize> {
        let piece = self.piece(at / self.size)?;
        let from = piece.get((at % self.size) as usize..)?;
        let n = from.len().min(buf.len());
        buf.get_mut(..n)?.copy_from_slice(from.get(..n)?);
        (n > 0).then_some(n)
    }

    fn piece(&self, index: u64) -> Option<Arc<[u8]>> {
        if let Some(piece) = self.cache.get(index) {
            return Some(piece);
        }
        let start = index * self.size;
        let len = self.len().checked_sub(start)?.min(self.size);
        let mut piece: Arc<[u8]> = std::iter::repeat_n(0, len as usize).collect();
        self.store.read_at(FileOff(start), Arc::get_mut(&mut piece)?).ok()?;
        self.cache.insert(index, piece.clone());
        Some(piece)
    }
}

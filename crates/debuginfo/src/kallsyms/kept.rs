//! Memory of which the pieces read last are kept: looking for the tables goes over the same megabytes several times, and each time they
//! would have to be decompressed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use necropsy_base::{Abi, Memory, ReadError, VirtAddr};

/// Bytes of a piece.
pub(super) const PIECE: u64 = 64 << 10;
/// How many are kept: more than lie between the names and the tokens of a large kernel.
const PIECES: usize = 96;

/// The memory underneath, and the pieces.
pub(super) struct Kept<'m> {
    mem: &'m dyn Memory,
    pieces: Mutex<VecDeque<(u64, Arc<[u8]>)>>,
}

impl<'m> Kept<'m> {
    pub(super) fn new(mem: &'m dyn Memory) -> Self {
        Kept { mem, pieces: Mutex::default() }
    }

    /// Piece number `index`, if all of it can be read.
    fn piece(&self, index: u64) -> Option<Arc<[u8]>> {
        let lock = || self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, piece)) = lock().iter().rev().find(|(i, _)| *i == index) {
            return Some(piece.clone());
        }
        let mut piece: Arc<[u8]> = std::iter::repeat_n(0, PIECE as usize).collect();
        self.mem.read(VirtAddr(index.checked_mul(PIECE)?), Arc::get_mut(&mut piece)?).ok()?;
        let mut pieces = lock();
        if pieces.len() >= PIECES {
            pieces.pop_front();
        }
        pieces.push_back((index, piece.clone()));
        Some(piece)
    }
}

impl Memory for Kept<'_> {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let here = at.offset(done as u64);
            let within = here.0 % PIECE;
            let n = ((PIECE - within) as usize).min(rest.len());
            let part = rest.get_mut(..n).unwrap_or_default();
            match self
                .piece(here.0 / PIECE)
                .as_deref()
                .and_then(|p| p.get(within as usize..within as usize + n))
            {
                Some(bytes) => part.copy_from_slice(bytes),
                // Some page of it is missing: the others may do.
                None => self.mem.read(here, part)?,
            }
            done += n;
        }
        Ok(())
    }

    fn abi(&self) -> Abi {
        self.mem.abi()
    }
}

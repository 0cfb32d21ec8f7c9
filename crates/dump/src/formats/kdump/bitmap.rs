//! A bitmap in the file, with counts of the bits before every block.

use std::ops::Range;
use std::sync::Arc;

use necropsy_base::{FileOff, IoError, Store};

use crate::chunks::Chunks;

/// Bytes per counted block: 4,096 pages.
const BLOCK: usize = 512;
const BLOCK_BITS: u64 = BLOCK as u64 * 8;
/// Smaller bitmaps are kept in memory.
const KEEP: u64 = 1 << 20;
/// Bytes per read when streaming.
const STREAM: usize = 256 << 10;
/// Bytes per cached piece of a large bitmap.
const PIECE: u64 = 4096;
/// Cached pieces of a large bitmap.
const PIECES: usize = 256;

type Block = [u8; BLOCK];

/// Bits by page frame number.
pub(super) struct Bitmap {
    bits: Bits,
    /// Number of bits that count.
    len: u64,
}

enum Bits {
    Memory(Vec<u8>),
    File { chunks: Chunks, offset: u64, bytes: u64 },
}

impl Bitmap {
    /// The bitmap of `len` bits at `offset`, read on demand.
    pub(super) fn on_demand(store: &Arc<dyn Store>, offset: u64, len: u64) -> Self {
        let chunks = Chunks::new(store.clone(), PIECE, PIECES);
        Bitmap { bits: Bits::File { chunks, offset, bytes: len.div_ceil(8) }, len }
    }

    /// Bit `at`.
    pub(super) fn get(&self, at: u64) -> Result<bool, IoError> {
        if at >= self.len {
            return Ok(false);
        }
        let mut byte = [0];
        self.read(at / 8, &mut byte)?;
        Ok(byte[0] >> (at % 8) & 1 == 1)
    }

    /// Bytes from byte `at` on.
    fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), IoError> {
        match &self.bits {
            Bits::File { chunks, offset, .. } => chunks.read(offset + at, buf),
            Bits::Memory(bits) => {
                let end = at.saturating_add(buf.len() as u64);
                let found = bits.get(at as usize..end as usize);
                buf.copy_from_slice(found.ok_or(IoError::End { at, len: bits.len() as u64 })?);
                Ok(())
            }
        }
    }

    fn bytes(&self) -> u64 {
        match &self.bits {
            Bits::Memory(bits) => bits.len() as u64,
            Bits::File { bytes, .. } => *bytes,
        }
    }

    /// Block `index`; bits behind the end are 0.
    fn block(&self, index: u64) -> Result<Block, IoError> {
        let mut block = [0; BLOCK];
        let start = index * BLOCK as u64;
        let n = self.bytes().saturating_sub(start).min(BLOCK as u64) as usize;
        self.read(start, block.get_mut(..n).unwrap_or_default())?;
        mask(&mut block, self.len.saturating_sub(index * BLOCK_BITS));
        Ok(block)
    }

    /// Calls `each` for all blocks in order, in few large reads.
    pub(super) fn stream(&self, mut each: impl FnMut(u64, &Block)) -> Result<(), IoError> {
        let mut buf = vec![0; STREAM.min(self.bytes().next_multiple_of(BLOCK as u64) as usize)];
        let mut at = 0;
        while at < self.bytes() {
            let n = (self.bytes() - at).min(STREAM as u64) as usize;
            buf.fill(0);
            self.read(at, buf.get_mut(..n).unwrap_or_default())?;
            let (blocks, _) = buf.as_chunks_mut::<BLOCK>();
            for (block, index) in blocks.iter_mut().take(n.div_ceil(BLOCK)).zip(at / BLOCK as u64..) {
                mask(block, self.len.saturating_sub(index * BLOCK_BITS));
                each(index, block);
            }
            at += n as u64;
        }
        Ok(())
    }
}

/// Clears all but the first `len` bits.
fn mask(block: &mut Block, len: u64) {
    if len >= BLOCK_BITS {
        return;
    }
    let (whole, rest) = (len as usize / 8, len % 8);
    if let Some(last) = block.get_mut(whole) {
        *last &= (1u8 << rest) - 1;
    }
    block.get_mut(whole + 1..).unwrap_or_default().fill(0);
}

/// The words of a block, first bit lowest.
fn words(block: &Block) -> impl Iterator<Item = u64> + '_ {
    block.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w))
}

/// A bitmap that knows how many bits are set before a place.
pub(super) struct Ranked {
    map: Bitmap,
    /// Set bits before each block, and in all.
    before: Vec<u64>,
}

impl Ranked {
    /// Reads the bitmap once; keeps it if it is small.
    pub(super) fn load(store: &Arc<dyn Store>, offset: u64, len: u64) -> Result<Self, IoError> {
        let mut map = Bitmap::on_demand(store, offset, len);
        let bytes = map.bytes();
        if bytes <= KEEP {
            let mut bits = vec![0; bytes as usize];
            store.read_at(FileOff(offset), &mut bits)?;
            map.bits = Bits::Memory(bits);
        }
        let mut before = Vec::with_capacity((len / BLOCK_BITS) as usize + 2);
        before.push(0);
        let mut total = 0;
        map.stream(|_, block| {
            total += words(block).map(|w| u64::from(w.count_ones())).sum::<u64>();
            before.push(total);
        })?;
        Ok(Ranked { map, before })
    }

    /// All set bits.
    pub(super) fn total(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }

    /// How many bits before `at` are set.
    pub(super) fn rank(&self, at: u64) -> Result<u64, IoError> {
        Ok(self.look(at)?.1)
    }

    /// Whether bit `at` is set, and how many before it are.
    pub(super) fn look(&self, at: u64) -> Result<(bool, u64), IoError> {
        if at >= self.map.len {
            return Ok((false, self.total()));
        }
        let index = at / BLOCK_BITS;
        let block = self.map.block(index)?;
        let bit = (at % BLOCK_BITS) as usize;
        let before = self.before.get(index as usize).copied().unwrap_or(0);
        let full: u32 = words(&block).take(bit / 64).map(u64::count_ones).sum();
        let word = words(&block).nth(bit / 64).unwrap_or(0);
        let part = (word & ((1u64 << (bit % 64)) - 1)).count_ones();
        Ok((word >> (bit % 64) & 1 == 1, before + u64::from(full + part)))
    }

    /// The first run of set bits at or after `from`; it ends at the latest with its block.
    pub(super) fn run(&self, from: u64) -> Option<Range<u64>> {
        let mut index = from / BLOCK_BITS;
        let mut skip = (from % BLOCK_BITS) as usize;
        loop {
            let empty = self.before.get(index as usize)? == self.before.get(index as usize + 1)?;
            let found = if empty { None } else { run_in(&self.map.block(index).ok()?, skip) };
            if let Some(run) = found {
                let base = index * BLOCK_BITS;
                return Some(base + run.start as u64..base + run.end as u64);
            }
            index += 1;
            skip = 0;
        }
    }
}

/// The first run of set bits in a block from bit `from` on.
fn run_in(block: &Block, from: usize) -> Option<Range<usize>> {
    let start = next_bit(block, from, 0)?;
    Some(start..next_bit(block, start, u64::MAX).unwrap_or(BLOCK_BITS as usize))
}

/// The first bit from `from` on that differs from those of `flip`.
fn next_bit(block: &Block, from: usize, flip: u64) -> Option<usize> {
    let mut keep = u64::MAX << (from % 64);
    for (i, word) in words(block).enumerate().skip(from / 64) {
        let hits = (word ^ flip) & keep;
        if hits != 0 {
            return Some(i * 64 + hits.trailing_zeros() as usize);
        }
        keep = u64::MAX;
    }
    None
}

/// Turns the blocks of a bitmap into runs of set bits; a run goes on over blocks.
pub(super) fn runs(map: &Bitmap, mut each: impl FnMut(Range<u64>)) -> Result<(), IoError> {
    let mut open: Option<Range<u64>> = None;
    let result = map.stream(|index, block| {
        let base = index * BLOCK_BITS;
        let mut at = 0;
        while let Some(run) = run_in(block, at) {
            at = run.end;
            let run = base + run.start as u64..base + run.end as u64;
            match &mut open {
                Some(last) if last.end == run.start => last.end = run.end,
                _ => {
                    if let Some(done) = open.replace(run) {
                        each(done);
                    }
                }
            }
            if at >= BLOCK_BITS as usize {
                break;
            }
        }
    });
    if let Some(last) = open {
        each(last);
    }
    result
}

#[cfg(test)]
mod tests;

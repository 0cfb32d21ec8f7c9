//! The seams between the rooms.

use std::ops::Range;

use crate::{Abi, FileOff, IoError, PhysAddr, RangeSet, ReadError, VirtAddr};

/// Bytes that lie somewhere: a file, a split set, a spooled pipe.
pub trait Store: Send + Sync {
    /// Fills `buf` whole from `off`, or fails.
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError>;
    /// Length in bytes.
    fn len(&self) -> u64;
    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Says which ranges will be read soon; stores over a network may fetch them together.
    fn hint(&self, _ranges: &[Range<FileOff>]) {}
}

/// The physical memory of the dead machine.
pub trait PhysMem: Send + Sync {
    /// Fills `buf` whole, or says which address failed and why. No short reads.
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError>;
    /// RAM that existed, as ranges of physical addresses (not: which pages the dump holds).
    fn ram(&self) -> &RangeSet<PhysAddr>;
    /// The first page at or after `from` whose bytes are in the dump, as `(start, end)` of a run of such pages;
    /// the run may be cut short. Scans walk memory with this instead of asking for every page.
    fn present(&self, from: PhysAddr) -> Option<Range<PhysAddr>>;
    /// Gives what of `range` is in the dump to `look`, in order, in pieces that begin and end with a page, with the range, or where the
    /// file is cut. What is there but cannot be read is left out. Scans of all memory use this: nothing of it goes through a cache.
    fn each_present(&self, range: Range<PhysAddr>, look: &mut dyn FnMut(PhysAddr, &[u8])) {
        let mut buf = vec![0; PIECE as usize];
        let mut at = range.start;
        while let Some(run) = self.present(at).filter(|run| run.start < range.end && run.end > at) {
            let (mut from, end) = (run.start.max(at), run.end.min(range.end));
            while from < end {
                let next = after(from, PIECE).min(end);
                pieces(self, from..next, &mut buf, look);
                from = next;
            }
            at = end;
        }
    }
}

/// What is read at once, and the smallest page there is.
const PIECE: u64 = 64 << 10;
const PAGE: u64 = 4 << 10;

/// The next multiple of `size`.
fn after(at: PhysAddr, size: u64) -> PhysAddr {
    PhysAddr((at.0 / size + 1).saturating_mul(size))
}

/// Gives what can be read of `range` to `look`: all at once, or else page by page.
fn pieces<M: PhysMem + ?Sized>(
    memory: &M,
    range: Range<PhysAddr>,
    buf: &mut [u8],
    look: &mut dyn FnMut(PhysAddr, &[u8]),
) {
    let mut one = |from: PhysAddr, to: PhysAddr| {
        let Some(bytes) = buf.get_mut(..(to.0 - from.0) as usize) else { return false };
        let read = memory.read(from, bytes).is_ok();
        if read {
            look(from, bytes);
        }
        read
    };
    if one(range.start, range.end) {
        return;
    }
    let mut from = range.start;
    while from < range.end {
        let to = after(from, PAGE).min(range.end);
        one(from, to);
        from = to;
    }
}

/// Virtual memory.
pub trait Memory: Send + Sync {
    /// Fills `buf` whole, or says which address failed and why. No short reads.
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError>;
    /// Byte order and pointer width.
    fn abi(&self) -> Abi;
}

/// Numbers and strings out of any [`Memory`].
pub trait MemoryExt: Memory {
    /// An unsigned number of `size` bytes (1 to 8).
    fn uint(&self, at: VirtAddr, size: usize) -> Result<u64, ReadError> {
        let mut buf = [0; 8];
        let buf = &mut buf[..size.min(8)];
        self.read(at, buf)?;
        Ok(self.abi().uint(buf))
    }
    /// A byte.
    fn u8(&self, at: VirtAddr) -> Result<u8, ReadError> {
        Ok(self.uint(at, 1)? as u8)
    }
    /// 16 bits.
    fn u16(&self, at: VirtAddr) -> Result<u16, ReadError> {
        Ok(self.uint(at, 2)? as u16)
    }
    /// 32 bits.
    fn u32(&self, at: VirtAddr) -> Result<u32, ReadError> {
        Ok(self.uint(at, 4)? as u32)
    }
    /// 64 bits.
    fn u64(&self, at: VirtAddr) -> Result<u64, ReadError> {
        self.uint(at, 8)
    }
    /// A pointer or `unsigned long`.
    fn word(&self, at: VirtAddr) -> Result<u64, ReadError> {
        self.uint(at, usize::from(self.abi().word))
    }
    /// A pointer.
    fn ptr(&self, at: VirtAddr) -> Result<VirtAddr, ReadError> {
        self.word(at).map(VirtAddr)
    }
    /// `len` bytes.
    fn bytes(&self, at: VirtAddr, len: usize) -> Result<Vec<u8>, ReadError> {
        let mut buf = vec![0; len];
        self.read(at, &mut buf)?;
        Ok(buf)
    }
    /// The bytes up to a NUL, `max` at most; a hole behind the first byte ends the string.
    fn cstr(&self, at: VirtAddr, max: usize) -> Result<Vec<u8>, ReadError> {
        let mut out = Vec::new();
        while out.len() < max {
            let here = at.offset(out.len() as u64);
            // Never across a page in one read: the next page may be missing and not needed.
            let step = (64 - (here.0 % 64) as usize).min(max - out.len());
            let mut buf = [0; 64];
            match self.read(here, &mut buf[..step]) {
                Ok(()) => {}
                Err(e) if out.is_empty() => return Err(e),
                Err(_) => break,
            }
            if let Some(end) = buf[..step].iter().position(|b| *b == 0) {
                out.extend_from_slice(&buf[..end]);
                break;
            }
            out.extend_from_slice(&buf[..step]);
        }
        Ok(out)
    }
}

impl<M: Memory + ?Sized> MemoryExt for M {}

/// A symbol near an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// The symbol's name.
    pub name: String,
    /// Where the symbol begins.
    pub start: VirtAddr,
    /// Bytes from there to the next symbol, if known.
    pub size: Option<u64>,
    /// Module it belongs to; `None` for the kernel itself.
    pub module: Option<String>,
}

/// Names of addresses.
pub trait Symbols: Send + Sync {
    /// The symbol that covers `at`.
    fn near(&self, at: VirtAddr) -> Option<Near>;
    /// Where `name` is.
    fn address(&self, name: &str) -> Option<VirtAddr>;
}

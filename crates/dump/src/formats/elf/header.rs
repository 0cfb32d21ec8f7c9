//! ELF header and program headers (gABI, chapters 4 and 5).

use necropsy_base::{Abi, Endian, FileOff};

use super::{OpenError, Part, Segment};

/// `e_phnum` when the number does not fit: it is in `sh_info` of section 0.
const PN_XNUM: u64 = 0xffff;
/// QEMU and the kernel write a few hundred segments; excluded pages make makedumpfile write more.
const MAX_PROGRAMS: u64 = 1 << 22;
/// Program headers per read.
const BATCH: u64 = 1024;

/// Offsets of fields for one word size.
struct Layout {
    /// Size of the ELF header.
    size: usize,
    flags: usize,
    /// `e_phentsize`; `e_phnum` follows.
    phentsize: usize,
    /// Size of a program header.
    program: usize,
    /// `sh_info` in a section header.
    sh_info: u64,
}

const ELF64: Layout = Layout { size: 64, flags: 48, phentsize: 54, program: 56, sh_info: 44 };
const ELF32: Layout = Layout { size: 52, flags: 36, phentsize: 42, program: 32, sh_info: 28 };

/// The ELF header.
pub(super) struct Header {
    pub(super) abi: Abi,
    pub(super) kind: u16,
    pub(super) machine: u16,
    pub(super) flags: u32,
    phoff: u64,
    shoff: u64,
    phentsize: u64,
    phnum: u64,
}

/// A program header.
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) vaddr: u64,
    pub(super) paddr: u64,
    pub(super) filesz: u64,
    pub(super) memsz: u64,
}

/// All program headers that could be read.
pub(super) struct Programs {
    pub(super) list: Vec<Program>,
    pub(super) cut: bool,
}

fn layout(abi: Abi) -> &'static Layout {
    if abi.word == 8 { &ELF64 } else { &ELF32 }
}

/// Byte order and word size from `e_ident`.
fn abi(ident: &[u8], name: &str) -> Result<Abi, OpenError> {
    let word = match ident.get(4) {
        Some(1) => 4,
        Some(2) => 8,
        _ => {
            return Err(OpenError::damaged(name, "its ELF class is neither 32 nor 64 bits"));
        }
    };
    let endian = match ident.get(5) {
        Some(1) => Endian::Little,
        Some(2) => Endian::Big,
        _ => {
            return Err(OpenError::damaged(name, "its ELF byte order is neither little nor big"));
        }
    };
    Ok(Abi { endian, word })
}

impl Header {
    /// Reads the ELF header.
    pub(super) fn read(part: &Part) -> Result<Self, OpenError> {
        let mut raw = [0; 64];
        let failed = |e| OpenError::reading(&part.name, "ELF header", e, 64);
        part.store.read_at(FileOff(0), &mut raw[..16]).map_err(failed)?;
        let abi = abi(&raw, &part.name)?;
        let l = layout(abi);
        part.store.read_at(FileOff(0), raw.get_mut(..l.size).unwrap_or_default()).map_err(failed)?;
        let num = |at, size| abi.uint_at(&raw, at, size).unwrap_or(0);
        let word = usize::from(abi.word);
        let mut header = Header {
            abi,
            kind: num(16, 2) as u16,
            machine: num(18, 2) as u16,
            flags: num(l.flags, 4) as u32,
            phoff: num(24 + word, word),
            shoff: num(24 + 2 * word, word),
            phentsize: num(l.phentsize, 2),
            phnum: num(l.phentsize + 2, 2),
        };
        if header.phnum == PN_XNUM {
            header.phnum = header.extended_phnum(part)?;
        }
        Ok(header)
    }

    fn extended_phnum(&self, part: &Part) -> Result<u64, OpenError> {
        let at = self.shoff.saturating_add(layout(self.abi).sh_info);
        let mut raw = [0; 4];
        let read = part.store.read_at(FileOff(at), &mut raw);
        read.map_err(|e| OpenError::reading(&part.name, "first section header", e, at.saturating_add(4)))?;
        Ok(self.abi.uint(&raw))
    }

    /// Reads the program headers, wherever they lie.
    pub(super) fn programs(&self, part: &Part) -> Result<Programs, OpenError> {
        let size = layout(self.abi).program as u64;
        if self.phentsize < size || self.phnum > MAX_PROGRAMS {
            let what = format!("it has {} program headers of {} bytes", self.phnum, self.phentsize);
            return Err(OpenError::damaged(&part.name, what));
        }
        let there = part.store.len().saturating_sub(self.phoff) / self.phentsize;
        let count = self.phnum.min(there);
        let mut list = Vec::new();
        for first in (0..count).step_by(BATCH as usize) {
            self.batch(part, first, (count - first).min(BATCH), &mut list)?;
        }
        Ok(Programs { list, cut: count < self.phnum })
    }

    fn batch(&self, part: &Part, first: u64, count: u64, list: &mut Vec<Program>) -> Result<(), OpenError> {
        let at = self.phoff.saturating_add(first * self.phentsize);
        let mut raw = vec![0; (count * self.phentsize) as usize];
        let read = part.store.read_at(FileOff(at), &mut raw);
        read.map_err(|e| OpenError::reading(&part.name, "program headers", e, at + raw.len() as u64))?;
        list.extend(raw.chunks_exact(self.phentsize as usize).map(|raw| Program::parse(raw, self.abi)));
        Ok(())
    }
}

impl Program {
    /// 64-bit headers have the flags second, 32-bit ones near the end.
    fn parse(raw: &[u8], abi: Abi) -> Self {
        let word = usize::from(abi.word);
        let field = |i: usize| abi.uint_at(raw, word * i, word).unwrap_or(0);
        // A 32-bit "no address" is one in any width.
        let paddr = field(3);
        let unknown = word == 4 && paddr == u64::from(u32::MAX);
        Program {
            kind: abi.uint_at(raw, 0, 4).unwrap_or(0) as u32,
            offset: field(1),
            vaddr: field(2),
            paddr: if unknown { u64::MAX } else { paddr },
            filesz: field(4),
            memsz: field(5),
        }
    }

    /// The part of it that users see.
    pub(super) fn segment(&self) -> Segment {
        Segment { vaddr: self.vaddr, paddr: self.paddr, memsz: self.memsz }
    }
}

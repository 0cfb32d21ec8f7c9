//! Relocations of a `.ko`'s debugging sections, so that its addresses are those of the loaded module.
//!
//! Only what compilers and assemblers put into debugging sections: absolute and PC-relative words (System V ABI
//! supplements for x86-64 and AArch64).

use necropsy_base::{Abi, Cursor, Endian};

use super::Placement;
use crate::elf::File;
use crate::file_bytes::FileBytes;

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// The symbols and section addresses that relocations refer to.
pub struct Relocations {
    abi: Abi,
    machine: u16,
    /// Value of each symbol; `None` when its section is not in memory.
    symbols: Vec<Option<u64>>,
    placed: Placement,
}

/// How a word is changed.
enum Kind {
    Absolute(usize),
    Relative(usize),
}

/// Whether relocations of this machine's files are known.
pub fn knows(machine: u16) -> bool {
    matches!(machine, EM_X86_64 | EM_AARCH64)
}

impl Relocations {
    pub fn new(bytes: &FileBytes, elf: &File, placed: Placement) -> Relocations {
        let table = elf.section(".symtab").and_then(|s| {
            let start = usize::try_from(s.offset.0).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(s.size).ok()?)?)
        });
        // Debugging sections are at 0: what refers to them means an offset. Code and data that were not loaded, or are gone
        // (`.init.text`), are nowhere.
        let base = |index: u16| {
            let section = elf.sections.get(usize::from(index))?;
            match section.flags & 2 {
                0 => Some(0),
                _ => placed.get(&section.name).copied(),
            }
        };
        let value = |entry: &[u8]| {
            let mut c = Cursor::new(entry, elf.abi);
            c.skip(6);
            let (section, value) = (c.u16().ok()?, c.word().ok()?);
            match section {
                0 => None,
                0xfff1 => Some(value),
                n => Some(base(n)?.wrapping_add(value)),
            }
        };
        let symbols = match elf.abi.word {
            8 => table.unwrap_or_default().chunks_exact(24).map(value).collect(),
            _ => Vec::new(),
        };
        Relocations { abi: elf.abi, machine: elf.machine, symbols, placed }
    }

    pub fn placed(&self, section: &str) -> Option<u64> {
        self.placed.get(section).copied()
    }

    /// Applies an array of `Elf64_Rela`.
    pub fn apply(&self, table: &[u8], section: &mut [u8]) {
        for entry in table.chunks_exact(24) {
            let mut c = Cursor::new(entry, self.abi);
            let (Ok(at), Ok(info), Ok(addend)) = (c.u64(), c.u64(), c.u64()) else { continue };
            let Some(kind) = self.kind(info as u32) else { continue };
            let symbol = self.symbols.get((info >> 32) as usize).copied().flatten();
            let (value, size) = match (kind, symbol) {
                (Kind::Absolute(size), Some(s)) => (s.wrapping_add(addend), size),
                (Kind::Relative(size), Some(s)) => (s.wrapping_add(addend).wrapping_sub(at), size),
                // The address that DWARF uses for "not there".
                (Kind::Absolute(size) | Kind::Relative(size), None) => (u64::MAX, size),
            };
            self.store(section, at, value, size);
        }
    }

    fn kind(&self, kind: u32) -> Option<Kind> {
        Some(match (self.machine, kind) {
            (EM_X86_64, 1) | (EM_AARCH64, 257) => Kind::Absolute(8),
            (EM_X86_64, 10 | 11) | (EM_AARCH64, 258) => Kind::Absolute(4),
            (EM_X86_64, 24) | (EM_AARCH64, 260) => Kind::Relative(8),
            (EM_X86_64, 2) | (EM_AARCH64, 261) => Kind::Relative(4),
            _ => return None,
        })
    }

    fn store(&self, section: &mut [u8], at: u64, value: u64, size: usize) {
        let start = usize::try_from(at).ok();
        let place = start.and_then(|s| section.get_mut(s..s.checked_add(size)?));
        let Some(place) = place else { return };
        match self.abi.endian {
            Endian::Little => place.copy_from_slice(&value.to_le_bytes()[..size]),
            Endian::Big => place.copy_from_slice(&value.to_be_bytes()[8 - size..]),
        }
    }
}

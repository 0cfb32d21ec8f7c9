//! Modules of a kernel without type information, by what their descriptions look like.
//!
//! `struct module` has begun with its state, its list and its name since 2.6. Where it lies and where its symbols are stands
//! further on, in one of few shapes (include/linux/module.h): each is known by what must be true of it, never by an offset.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};

use crate::Target;

/// `struct module` is not longer than this many words.
const WORDS: u64 = 256;
/// A word and the name of 64 bytes that begins after the list, less that word.
const NAME: u64 = 56;
/// `enum module_state`: live, coming, going, unformed.
const STATES: u64 = 4;
/// No module is larger or has more symbols.
const MAX_SIZE: u64 = 1 << 30;
const MAX_SYMBOLS: u64 = 1 << 20;

/// What a module's description says.
pub(crate) struct Shape {
    /// Its name.
    pub name: String,
    /// Everything, code first.
    pub region: Range<u64>,
    /// The code.
    pub text: Range<u64>,
    /// Its symbols.
    pub symbols: Option<SymbolTable>,
}

/// Where a module's symbols are.
#[derive(Clone, Copy)]
pub(crate) struct SymbolTable {
    pub symtab: VirtAddr,
    pub count: u64,
    pub strtab: VirtAddr,
    pub typetab: Option<VirtAddr>,
}

/// Bytes from the start of `struct module` to its list.
pub(crate) fn list_offset(t: &Target) -> u64 {
    u64::from(t.abi().word)
}

/// Reads the description at `at`, if it is one.
pub(crate) fn read(t: &Target, at: VirtAddr) -> Option<Shape> {
    let words = Words::read(t, at)?;
    let word = u64::from(t.abi().word);
    let state = t.memory().u32(at).ok().filter(|s| u64::from(*s) < STATES);
    let name = t.memory().bytes(at.offset(3 * word), NAME as usize).ok()?;
    let name = &name[..name.iter().position(|b| *b == 0)?];
    let named = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(b));
    state.filter(|_| named)?;
    let (region, text) = words.layout().or_else(|| words.old_layout())?;
    let symbols = words.symbols().or_else(|| words.old_symbols());
    let name = String::from_utf8_lossy(name).into_owned();
    Some(Shape { name, region, text, symbols: symbols.filter(|s| s.count <= MAX_SYMBOLS) })
}

/// The words of a description.
struct Words {
    at: u64,
    page: u64,
    words: Vec<u64>,
    size: u64,
}

impl Words {
    /// As many as can be read: the description may end at the end of what is mapped.
    fn read(t: &Target, at: VirtAddr) -> Option<Words> {
        let size = u64::from(t.abi().word);
        let words: Vec<u64> = (0..WORDS).map_while(|i| t.memory().word(at.offset(i * size)).ok()).collect();
        (words.len() > 16).then_some(Words { at: at.0, page: t.page_size(), words, size })
    }

    fn get(&self, i: usize) -> Option<u64> {
        self.words.get(i).copied()
    }

    /// The 32-bit number `n` of those that begin at word `i` (little-endian machines only need this).
    fn half(&self, i: usize, n: usize) -> Option<u64> {
        let per = (self.size / 4) as usize;
        Some(self.get(i + n / per)? >> (32 * (n % per)) & 0xffff_ffff)
    }

    /// A base and sizes that hold the description itself, which is part of its module's data.
    fn place(&self, base: u64, size: u64, text: u64) -> Option<(Range<u64>, Range<u64>)> {
        if base == 0 || !base.is_multiple_of(self.page) || text == 0 || text >= size || size >= MAX_SIZE {
            return None;
        }
        let (code, end) = (base.checked_add(text)?, base.checked_add(size)?);
        (code..end).contains(&self.at).then_some((base..end, base..code))
    }

    /// `core_layout` of 4.5 to 6.3: base, size, size of the code.
    fn layout(&self) -> Option<(Range<u64>, Range<u64>)> {
        (0..self.words.len())
            .find_map(|i| self.place(self.get(i)?, self.half(i + 1, 0)?, self.half(i + 1, 1)?))
    }

    /// `module_core`, `init_size`, `core_size`, `init_text_size`, `core_text_size` up to 4.4.
    fn old_layout(&self) -> Option<(Range<u64>, Range<u64>)> {
        (0..self.words.len())
            .find_map(|i| self.place(self.get(i)?, self.half(i + 1, 1)?, self.half(i + 1, 3)?))
    }

    /// Since 4.5: a pointer to the `mod_kallsyms` that follows it.
    fn symbols(&self) -> Option<SymbolTable> {
        (0..self.words.len()).find_map(|i| {
            let next = self.at.wrapping_add((i as u64 + 1) * self.size);
            (self.get(i)? == next).then_some(())?;
            let typetab = self.get(i + 4).filter(|at| self.near(*at)).map(VirtAddr);
            self.table(self.get(i + 1)?, self.half(i + 2, 0)?, self.get(i + 3)?, typetab)
        })
    }

    /// Before: the table in use is the one that was kept, each of its three members twice in a row.
    fn old_symbols(&self) -> Option<SymbolTable> {
        let counts = (8 / self.size) as usize;
        (0..self.words.len()).find_map(|i| {
            let strings = i + 2 + counts;
            let twice = |a: Option<u64>, b: Option<u64>| a.is_some() && a == b;
            let same = twice(self.get(i), self.get(i + 1))
                && twice(self.half(i + 2, 0), self.half(i + 2, 1))
                && twice(self.get(strings), self.get(strings + 1));
            same.then(|| self.table(self.get(i)?, self.half(i + 2, 0)?, self.get(strings)?, None))?
        })
    }

    fn table(&self, symtab: u64, count: u64, strtab: u64, typetab: Option<VirtAddr>) -> Option<SymbolTable> {
        let fits = self.near(symtab) && self.near(strtab) && count > 0;
        fits.then_some(SymbolTable { symtab: VirtAddr(symtab), count, strtab: VirtAddr(strtab), typetab })
    }

    /// A module's parts lie together.
    fn near(&self, at: u64) -> bool {
        at.abs_diff(self.at) < MAX_SIZE
    }
}

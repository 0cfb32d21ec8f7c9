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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use necropsy_arch::x86_64::X86_64;
    use necropsy_base::Abi;
    use necropsy_debuginfo::Btf;
    use necropsy_synth::memory::SparseMemory;
    use necropsy_synth::names::BtfBuilder;

    use super::*;

    const BASE: u64 = 0xffff_ffff_c010_0000;
    const AT: VirtAddr = VirtAddr(BASE + 0x2100);

    /// `struct module` as far as all kernels agree: state, list, name; and numbers at offsets from its start.
    fn module(name: &[u8], words: &[(u64, u64)]) -> Target {
        let mut m = SparseMemory::new(Abi::LE64);
        m.put(AT, &[0; 0x600]);
        m.put_uint(AT.offset(8), BASE + 0x9000, 8).put_uint(AT.offset(16), BASE - 0x9000, 8);
        m.put(AT.offset(24), name);
        for (offset, value) in words {
            m.put_uint(AT.offset(*offset), *value, 8);
        }
        let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
        Target::from_parts(&X86_64, Arc::new(m), Arc::new(types))
    }

    fn halves(low: u64, high: u64) -> u64 {
        high << 32 | low
    }

    /// 5.10: `core_layout` at 0x140, `kallsyms` at 0x1a0 followed by what it points to.
    const NEW: [(u64, u64); 8] = [
        (0x100, BASE + 0x40), // some function of the module
        (0x140, BASE),
        (0x148, 0x1000 << 32 | 0x4000),
        (0x150, 0x2000_0000_2000),
        (0x1a0, AT.0 + 0x1a8),
        (0x1a8, BASE + 0x3000),
        (0x1b0, 48),
        (0x1b8, BASE + 0x3800),
    ];

    #[test]
    fn as_kernels_of_4_5_to_6_3_describe_one() {
        let shape = read(&module(b"netpkt\0", &NEW), AT).unwrap();
        assert_eq!(
            (shape.name.as_str(), shape.region, shape.text),
            ("netpkt", BASE..BASE + 0x4000, BASE..BASE + 0x1000)
        );
        let symbols = shape.symbols.unwrap();
        assert_eq!((symbols.symtab.0, symbols.count, symbols.strtab.0), (BASE + 0x3000, 48, BASE + 0x3800));
        assert!(symbols.typetab.is_none());
    }

    #[test]
    fn as_kernels_up_to_4_4_describe_one() {
        // module_init, module_core, init_size and core_size, init_text_size and core_text_size, then the symbols twice.
        let words = [
            (0x150, 0),
            (0x158, BASE),
            (0x160, halves(0, 0x4000)),
            (0x168, halves(0, 0x1000)),
            (0x1c0, BASE + 0x3000),
            (0x1c8, BASE + 0x3000),
            (0x1d0, halves(48, 48)),
            (0x1d8, BASE + 0x3800),
            (0x1e0, BASE + 0x3800),
        ];
        let shape = read(&module(b"bad_driver\0", &words), AT).unwrap();
        assert_eq!((shape.region, shape.text), (BASE..BASE + 0x4000, BASE..BASE + 0x1000));
        let symbols = shape.symbols.unwrap();
        assert_eq!((symbols.symtab.0, symbols.count, symbols.strtab.0), (BASE + 0x3000, 48, BASE + 0x3800));
    }

    #[test]
    fn what_does_not_hold_its_own_description_is_none() {
        for name in [&b"\0"[..], b"not a name\0", b"\xff\0", &[b'a'; 64]] {
            assert!(read(&module(name, &NEW), AT).is_none(), "{name:?}");
        }
        for (index, value) in
            [(1, BASE + 8), (1, BASE + 0x10_0000), (2, halves(0x2000, 0x1000)), (2, u64::MAX)]
        {
            let mut words = NEW;
            words[index].1 = value;
            assert!(read(&module(b"netpkt\0", &words), AT).is_none(), "{index} {value:#x}");
        }
        assert!(read(&module(b"netpkt\0", &[]), VirtAddr(0x1000)).is_none());
    }
}

//! A module's code as the kernel links it: the sections of its file with addresses filled in (arch/x86/kernel/module.c; System V ABI
//! supplement for x86-64), and where its file says that the kernel rewrites code afterwards.
//!
//! What refers to a symbol that is not known stays open: those bytes are taken as they are in memory.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::DebugFile;
use necropsy_debuginfo::elf::{Reference, RefersTo};
use necropsy_target::Target;

const EM_X86_64: u16 = 62;
const SHF_ALLOC_EXEC: u64 = 6;
/// No module has more code.
const MAX_CODE: usize = 256 << 20;
/// The module's own trampolines lie behind its code (`.plt`, `.text.ftrace_trampoline`): not its file's.
const MADE_BY_THE_LOADER: &[&str] = &[".plt", ".text.ftrace_trampoline"];

/// The sections of a module's code, linked.
pub struct Linked {
    /// Sorted by address.
    sections: Vec<(u64, Vec<u8>)>,
}

impl Linked {
    /// `regions`: where the module lies. `None` if no section's place is known, or for machines whose relocations are not.
    pub fn new(t: &Target, regions: &[Range<u64>], file: &DebugFile) -> Option<Linked> {
        if file.elf().machine != EM_X86_64 {
            return None;
        }
        let mut sections = Vec::new();
        for s in file.elf().sections.iter().filter(|s| s.flags & SHF_ALLOC_EXEC == SHF_ALLOC_EXEC) {
            let Some(at) = file.placed(&s.name).filter(|at| regions.iter().any(|r| r.contains(at))) else {
                continue;
            };
            let raw = file.raw_section(&s.name);
            if raw.is_empty() || raw.len() > MAX_CODE || MADE_BY_THE_LOADER.contains(&s.name.as_str()) {
                continue;
            }
            sections.push((at, link(t, file, &s.name, at, raw)));
        }
        sections.sort_by_key(|(at, _)| *at);
        (!sections.is_empty()).then_some(Linked { sections })
    }

    /// At most `len` bytes, fewer at the end of a section.
    pub fn at(&self, address: u64, len: usize) -> Option<&[u8]> {
        let after = self.sections.partition_point(|(at, _)| *at <= address);
        let (start, code) = &self.sections[after.checked_sub(1)?];
        let tail = code.get(usize::try_from(address - start).ok()?..).filter(|tail| !tail.is_empty())?;
        Some(tail.get(..len).unwrap_or(tail))
    }

    /// The addresses that there is code for.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.sections.iter().map(|(at, code)| *at..at + code.len() as u64).collect()
    }

    /// What the kernel rewrites by the module's tables (`sites`: sections of `int`s, and how many bytes at each place), and the sites of
    /// ftrace.
    pub fn rewritten(
        &self,
        t: &Target,
        file: &DebugFile,
        sites: &[(&str, u64)],
    ) -> (Vec<Range<u64>>, Vec<u64>) {
        let addresses = |section: &str| -> Vec<(u64, u64)> {
            let all = file.references(section);
            all.iter().filter_map(|r| Some((r.at, own(file, r)?.wrapping_add(r.addend)))).collect()
        };
        let mut ranges = Vec::new();
        for (section, len) in sites {
            ranges.extend(addresses(section).into_iter().map(|(_, at)| at..at.wrapping_add(*len)));
        }
        ranges.extend(alternatives(t, file, &addresses(".altinstructions")));
        // `struct paravirt_patch_site` (up to 6.7): the address, a type, and how many bytes.
        let paravirt = file.raw_section(".parainstructions");
        ranges.extend(addresses(".parainstructions").into_iter().filter_map(|(entry, at)| {
            let len = *paravirt.get(usize::try_from(entry).ok()?.checked_add(9)?)?;
            Some(at..at.wrapping_add(u64::from(len)))
        }));
        let traced = addresses("__mcount_loc").into_iter().map(|(_, at)| at).collect();
        (ranges, traced)
    }
}

/// `struct alt_instr`: where, and how many bytes; its other members came and went.
fn alternatives(t: &Target, file: &DebugFile, entries: &[(u64, u64)]) -> Vec<Range<u64>> {
    let layout = (
        t.size_of("alt_instr"),
        t.offset_of("alt_instr", "instr_offset"),
        t.offset_of("alt_instr", "instrlen"),
    );
    let (Ok(size), Ok(place), Ok(len)) = layout else { return Vec::new() };
    let (bytes, size) = (file.raw_section(".altinstructions"), size.max(1));
    let range = |&(entry, at): &(u64, u64)| {
        let first = entry.checked_sub(place).filter(|first| first % size == 0)?;
        let len = *bytes.get(usize::try_from(first.checked_add(len)?).ok()?)?;
        Some(at..at.wrapping_add(u64::from(len)))
    };
    entries.iter().filter_map(range).collect()
}

/// The address of something in the module itself.
fn own(file: &DebugFile, reference: &Reference) -> Option<u64> {
    match &reference.to {
        RefersTo::Section { name, offset } => Some(file.placed(name)?.wrapping_add(*offset)),
        _ => None,
    }
}

fn link(t: &Target, file: &DebugFile, section: &str, at: u64, raw: &[u8]) -> Vec<u8> {
    let mut code = raw.to_vec();
    for r in file.references(section) {
        let Some((len, relative)) = word(r.kind) else { continue };
        let range = usize::try_from(r.at).ok().and_then(|start| Some(start..start.checked_add(len)?));
        let Some(place) = range.and_then(|range| code.get_mut(range)) else { continue };
        let word_at = at.wrapping_add(r.at);
        let value = |to: u64| {
            let from = if relative { word_at } else { 0 };
            to.wrapping_add(r.addend).wrapping_sub(from).to_le_bytes()
        };
        let now = t.memory().bytes(VirtAddr(word_at), len).unwrap_or_default();
        // Names need not be unique: that one is right which the kernel took.
        let known: Vec<[u8; 8]> = addresses(t, file, &r).into_iter().map(value).collect();
        match known.iter().find(|value| value[..len] == now[..]).or(known.first()) {
            Some(value) => place.copy_from_slice(&value[..len]),
            None if now.len() == len => place.copy_from_slice(&now),
            None => {}
        }
    }
    code
}

/// How many bytes a relocation fills in, and whether with a distance (`R_X86_64_*`).
fn word(kind: u32) -> Option<(usize, bool)> {
    Some(match kind {
        1 => (8, false),
        2 | 4 => (4, true),
        10 | 11 => (4, false),
        24 => (8, true),
        _ => return None,
    })
}

/// Where a reference may lead.
fn addresses(t: &Target, file: &DebugFile, r: &Reference) -> Vec<u64> {
    match &r.to {
        RefersTo::Absolute(value) => vec![*value],
        RefersTo::Section { .. } => own(file, r).into_iter().collect(),
        RefersTo::External(name) => {
            let kernel = t.kallsyms().map(|table| (table, table.by_name(name)));
            let kernel =
                kernel.into_iter().flat_map(|(table, all)| all.into_iter().filter_map(|i| table.address(i)));
            let modules = t.modules().list.iter().flat_map(|m| m.symbols(t));
            kernel.chain(modules.filter(|s| s.name == *name).map(|s| s.value)).collect()
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use std::sync::Arc;

    use necropsy_base::Abi;
    use necropsy_debuginfo::dwarf::Placement;
    use necropsy_debuginfo::{Btf, FileBytes};
    use necropsy_synth::memory::SparseMemory;
    use necropsy_synth::names::{BtfBuilder, ElfBuilder, elf_symbols};

    use super::*;

    const TEXT: u64 = 0xffff_ffff_c000_0000;
    const KERNEL_FUNCTION: u64 = 0xffff_ffff_8100_0040;

    fn rela(at: u64, symbol: u64, kind: u64, addend: i64) -> Vec<u8> {
        [at.to_le_bytes(), (symbol << 32 | kind).to_le_bytes(), addend.to_le_bytes()].concat()
    }

    /// A call of the kernel, an address in the module's data, a call of something unknown, and a return that is rewritten.
    fn file() -> DebugFile {
        let code =
            [&[0xe8, 0, 0, 0, 0, 0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xe9][..], &[0; 4]].concat();
        // Sections are numbered from 1: .text, .data.
        let symbols = [
            ("own", 3, 2, 0, 0),
            ("told", 0x10, 0xfff1, KERNEL_FUNCTION, 0),
            ("far", 0x10, 0, 0, 0),
            ("start", 3, 1, 0, 0),
        ];
        let (symtab, strtab) = elf_symbols(Abi::LE64, &symbols);
        let text =
            [rela(1, 2, 4, -4), rela(8, 1, 11, 0x10), rela(13, 3, 4, -4), rela(u64::MAX, 1, 1, 0)].concat();
        let mut elf = ElfBuilder::new(Abi::LE64, 1, 62);
        elf.flagged_section(".text", 1, 6, &code).flagged_section(".data", 1, 3, &[0; 32]);
        elf.section(".rela.text", 4, 0, &text)
            .section(".symtab", 2, 0, &symtab)
            .section(".strtab", 3, 0, &strtab);
        elf.flagged_section(".return_sites", 1, 2, &[0; 4]).section(
            ".rela.return_sites",
            4,
            0,
            &rela(0, 4, 2, 17),
        );
        let placed = Placement::from([(".text".to_owned(), TEXT), (".data".to_owned(), TEXT + 0x1000)]);
        DebugFile::from_bytes("made.ko".into(), FileBytes::from(elf.build()), Some(&placed)).unwrap()
    }

    #[test]
    fn as_the_kernel_links() {
        let mut memory = SparseMemory::new(Abi::LE64);
        memory.put(VirtAddr(TEXT), &[0xaa; 32]);
        let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
        let t = Target::from_parts(&necropsy_arch::x86_64::X86_64, Arc::new(memory), Arc::new(types));
        let file = file();
        let linked = Linked::new(&t, &[TEXT..TEXT + 0x2000], &file).unwrap();
        let code = linked.at(TEXT, 64).unwrap();
        assert_eq!(code.len(), 22);
        let distance = KERNEL_FUNCTION.wrapping_sub(TEXT + 5) as u32;
        assert_eq!(code[1..5], distance.to_le_bytes());
        assert_eq!(code[8..12], ((TEXT + 0x1010) as u32).to_le_bytes());
        assert_eq!(code[13..17], [0xaa; 4], "what is not known is as it is in memory");
        assert_eq!(linked.rewritten(&t, &file, &[(".return_sites", 8)]).0, [TEXT + 17..TEXT + 25]);
        assert!(linked.at(TEXT + 22, 1).is_none() && linked.at(TEXT - 1, 1).is_none());
        assert!(Linked::new(&t, &[0..4096], &file).is_none(), "not where the module lies");
    }
}

//! Mappings of processes, swap areas and sections of memory, in memory made for them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::{Target, sections, swap, vma};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::VmcoreInfo;

const DATA: u64 = 0xffff_ffff_8200_0000;
const HEAP: u64 = 0xffff_8880_0100_0000;

fn memory(values: &[(u64, u64)]) -> SparseMemory {
    let mut m = SparseMemory::new(Abi::LE64);
    m.put(VirtAddr(DATA), &[0; 4096]).put(VirtAddr(HEAP), &[0; 8192]);
    for (at, value) in values {
        m.put_uint(VirtAddr(*at), *value, 8);
    }
    m
}

fn opened(memory: SparseMemory, types: &BtfBuilder, info: &str) -> Target {
    let types = Btf::parse(types.build(), Abi::LE64, None).unwrap();
    Target::from_parts(&X86_64, Arc::new(memory), Arc::new(types))
        .with_vmcoreinfo(VmcoreInfo::from_text(info.as_bytes()))
}

/// The shape before maple trees: `mm_struct.mmap`, `vm_area_struct.vm_next`.
fn listed() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let mm = [("mmap", pointer, 0, 0), ("pgd", pointer, 64, 0), ("total_vm", ulong, 128, 0)];
    b.structure(false, "mm_struct", 24, &mm);
    let area = [
        ("vm_start", ulong, 0, 0),
        ("vm_end", ulong, 64, 0),
        ("vm_next", pointer, 128, 0),
        ("vm_flags", ulong, 192, 0),
        ("vm_pgoff", ulong, 256, 0),
        ("vm_file", pointer, 320, 0),
        ("vm_mm", pointer, 384, 0),
    ];
    b.structure(false, "vm_area_struct", 56, &area);
    b
}

const FIRST: u64 = HEAP + 0x100;
const SECOND: u64 = HEAP + 0x200;
const MAPPINGS: [(u64, u64); 9] = [
    (HEAP, FIRST),
    (HEAP + 16, 12),
    (FIRST, 0x40_0000),
    (FIRST + 8, 0x40_1000),
    (FIRST + 16, SECOND),
    (FIRST + 24, 0x75),
    (SECOND, 0x60_0000),
    (SECOND + 8, 0x60_3000),
    (SECOND + 24, 0x73),
];

#[test]
fn mappings_on_a_list() {
    let t = opened(memory(&MAPPINGS), &listed(), "");
    let space = vma::space(&t, VirtAddr(HEAP)).unwrap();
    let walk = vma::areas(&t, &space).unwrap();
    let found: Vec<_> = walk.items.iter().map(|a| (a.at.0, a.start.0, a.flags)).collect();
    assert_eq!(found, [(FIRST, 0x40_0000, 0x75), (SECOND, 0x60_0000, 0x73)]);
    assert!(walk.problem.is_none() && space.total_vm == 12);
    let holding = |at| vma::holding(&t, VirtAddr(HEAP), VirtAddr(at)).map(|a| a.at.0);
    assert_eq!((holding(0x60_2fff), holding(0x60_3000)), (Some(SECOND), None));
}

#[test]
fn a_list_that_loops_ends_and_is_told() {
    let mut m = memory(&MAPPINGS);
    m.put_uint(VirtAddr(SECOND + 16), FIRST, 8);
    let t = opened(m, &listed(), "");
    let walk = vma::areas(&t, &vma::space(&t, VirtAddr(HEAP)).unwrap()).unwrap();
    assert_eq!(walk.items.len(), 2);
    assert!(walk.problem.unwrap().contains("loops"));
}

#[test]
fn swap_areas_and_the_entries_that_name_them() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    let uint = b.int("unsigned int", 4, false);
    let short = b.int("short", 2, true);
    let pointer = b.pointer(0);
    let area = [
        ("flags", ulong, 0, 0),
        ("prio", short, 64, 0),
        ("pages", uint, 96, 0),
        ("inuse_pages", ulong, 128, 0),
        ("swap_file", pointer, 192, 0),
    ];
    b.structure(false, "swap_info_struct", 32, &area);
    // The first area is no longer used; the second's count has a mark in its upper bits.
    let mut m = memory(&[
        (DATA, HEAP),
        (DATA + 8, HEAP + 64),
        (DATA + 16, 2),
        (HEAP + 64, 0x43),
        (HEAP + 64 + 16, 1 << 62 | 7),
        (HEAP + 64 + 24, HEAP + 0x800),
    ]);
    m.put_uint(VirtAddr(HEAP + 72), 0xfffe, 2).put_uint(VirtAddr(HEAP + 76), 1000, 4);
    let info = format!("SYMBOL(swap_info)={DATA:x}\nSYMBOL(nr_swapfiles)={:x}\n", DATA + 16);
    let t = opened(m, &b, &info);
    let areas = swap::areas(&t).unwrap();
    let [area] = &areas[..] else { panic!("{areas:?}") };
    assert_eq!((area.at.0, area.pages, area.used, area.priority), (HEAP + 64, 1000, 7, -2));
    assert!(area.partition);

    // Area 1, page 0x123: the offset is stored inverted, from bit 9 on.
    let raw = 1 << 59 | (!0x123u64 << 14) >> 5;
    let found = swap::entry(&t, raw).unwrap();
    assert_eq!((found.file.0, found.offset), (HEAP + 0x800, 0x123));
    assert_eq!(swap::entry(&t, 0), None);
    assert_eq!(swap::entry(&t, raw | 1), None);
    // An area that is not in use, and a page behind the area's end.
    assert_eq!(swap::entry(&t, (!0x123u64 << 14) >> 5), None);
    assert_eq!(swap::entry(&t, 1 << 59 | (!1001u64 << 14) >> 5), None);
}

#[test]
fn sections_in_a_table_of_tables() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    b.structure(false, "mem_section", 16, &[("section_mem_map", ulong, 0, 0)]);
    let coded = 0xffff_ea00_0000_0000;
    let m = memory(&[
        (DATA, HEAP),
        (DATA + 8, 2),
        (HEAP, HEAP + 4096),
        (HEAP + 4096, coded | 0xf),
        (HEAP + 4096 + 32, coded | 0x7),
    ]);
    let info = format!(
        "SYMBOL(mem_section)={DATA:x}\nSYMBOL(__highest_present_section_nr)={:x}\nNUMBER(SECTION_SIZE_BITS)=27\n",
        DATA + 8
    );
    let t = opened(m, &b, &info);
    let found = sections::sections(&t).unwrap();
    let short: Vec<_> = found.iter().map(|s| (s.number, s.frame, s.state.as_str(), s.coded.0)).collect();
    assert_eq!(short, [(0, 0, "PMOE", coded), (2, 65536, "PMO", coded)]);
}

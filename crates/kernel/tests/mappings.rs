//! Mappings of processes, swap areas, sections of memory and lists of free pages, in memory made for them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::{Target, buddy, sections, swap, vfs, vma};
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
    // As a shared file names it.
    let found = swap::by_value(&t, 1 << 58 | 0x123).unwrap();
    assert_eq!((found.file.0, found.offset), (HEAP + 0x800, 0x123));
    assert_eq!(swap::by_value(&t, 0x123), None);
    assert_eq!(swap::by_value(&t, 9 << 58 | 0x123), None);
}

#[test]
fn pages_in_swap_and_in_memory() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    b.structure(false, "address_space", 16, &[("nrpages", ulong, 64, 0)]);
    // Two areas; the second, in no use, has no cache. The first's is in two parts.
    let m = memory(&[(DATA, HEAP), (DATA + 0x40, 2), (DATA + 0x80, 2), (HEAP + 8, 5), (HEAP + 24, 60)]);
    let symbols = [("swapper_spaces", 0), ("nr_swapper_spaces", 0x40), ("nr_swapfiles", 0x80)];
    let info: String = symbols.iter().map(|(name, at)| format!("SYMBOL({name})={:x}\n", DATA + at)).collect();
    assert_eq!(swap::cached(&opened(m, &b, &info)).unwrap(), 65);
    assert!(swap::cached(&opened(memory(&[]), &b, "")).is_err());
}

#[test]
fn pages_of_a_shared_file_in_swap() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let (byte, ulong, pointer) =
        (b.int("unsigned char", 1, false), b.int("unsigned long", 8, false), b.pointer(0));
    let slots = b.array(pointer, ulong, 64);
    b.structure(false, "xa_node", 520, &[("shift", byte, 0, 0), ("slots", slots, 64, 0)]);
    let tree = b.structure(false, "xarray", 8, &[("xa_head", pointer, 0, 0)]);
    b.structure(false, "address_space", 16, &[("i_pages", tree, 0, 0), ("nrpages", ulong, 64, 0)]);
    b.structure(false, "super_block", 8, &[("s_magic", ulong, 0, 0)]);
    let (mapping, node) = (HEAP, HEAP + 0x100);
    let values = [
        (mapping, node | 2),
        (node + 8, HEAP + 0x1000),
        (node + 8 + 8 * 3, 0x123 << 1 | 1),
        (node + 8 + 8 * 4, 6),
    ];
    let pages = |magic: u64| {
        let mut m = memory(&values);
        m.put_uint(VirtAddr(DATA), magic, 8);
        let t = opened(m, &b, "");
        let inode = vfs::Inode {
            kind: vfs::Kind::Regular,
            super_block: VirtAddr(DATA),
            mapping: VirtAddr(mapping),
            cached: 1,
        };
        (vfs::swapped_pages(&t, &inode).unwrap(), vfs::cached_pages(&t, &inode).unwrap())
    };
    // A page in memory, one in swap, and a slot that belongs to the one before.
    let page = vec![(0, VirtAddr(HEAP + 0x1000))];
    assert_eq!(pages(0x0102_1994), (vec![(3, 0x123)], page.clone()));
    // In a file on a disk such numbers say when a page was last used.
    assert_eq!(pages(0xef53), (vec![], page));
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

/// A node with one zone of one order and two kinds of mobility, whose pages are described from `HEAP` on, 64 bytes each.
fn zone_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let int = b.int("int", 4, true);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    b.structure(false, "page", 64, &[("flags", ulong, 0, 0), ("lru", list, 64, 0)]);
    b.enumeration("zone_stat_item", false, &[("NR_FREE_PAGES", 0), ("NR_VM_ZONE_STAT_ITEMS", 1)]);
    let (lists, marks, counts) = (b.array(list, int, 2), b.array(ulong, int, 3), b.array(ulong, int, 1));
    let area = b.structure(false, "free_area", 40, &[("free_list", lists, 0, 0)]);
    let areas = b.array(area, int, 1);
    b.structure(false, "per_cpu_pages", 32, &[("lists", lists, 0, 0)]);
    let zone = [
        ("name", pointer, 0, 0),
        ("zone_start_pfn", ulong, 64, 0),
        ("spanned_pages", ulong, 128, 0),
        ("present_pages", ulong, 192, 0),
        ("_watermark", marks, 256, 0),
        ("vm_stat", counts, 448, 0),
        ("free_area", areas, 512, 0),
        ("per_cpu_pageset", pointer, 832, 0),
    ];
    let zone = b.structure(false, "zone", 112, &zone);
    let zones = b.array(zone, int, 1);
    let node = [
        ("node_id", int, 0, 0),
        ("node_start_pfn", ulong, 64, 0),
        ("node_spanned_pages", ulong, 128, 0),
        ("node_zones", zones, 192, 0),
    ];
    b.structure(false, "pglist_data", 136, &node);
    b
}

#[test]
fn free_blocks_of_a_zone() {
    let (zone, name) = (DATA + 24, DATA + 0x200);
    let (head, page) = (zone + 64 + 16, |frame: u64| HEAP + 64 * frame);
    let values = [
        (DATA + 8, 1),
        (DATA + 16, 32),
        (zone, name),
        (zone + 8, 1),
        (zone + 16, 32),
        (zone + 24, 32),
        (zone + 32, 5),
        (zone + 56, 2),
        (name, u64::from_le_bytes(*b"Normal\0\0")),
        // The first list is empty, on the second are two pages.
        (zone + 64, zone + 64),
        (head, page(7) + 8),
        (page(7) + 8, page(9) + 8),
        (page(9) + 8, head),
        (DATA + 0x300, HEAP),
    ];
    let mut m = memory(&values);
    for (at, before) in [(page(7), head), (page(9), page(7) + 8), (head - 8, page(9) + 8)] {
        m.put_uint(VirtAddr(at + 16), before, 8);
    }
    m.put_uint(VirtAddr(zone + 72), zone + 64, 8);
    let info = format!("SYMBOL(contig_page_data)={DATA:x}\nSYMBOL(mem_map)={:x}\n", DATA + 0x300);
    let t = opened(m, &zone_types(), &info);
    let nodes = buddy::nodes(&t);
    let [node] = &nodes[..] else { panic!("{nodes:?}") };
    let [zone] = &node.zones[..] else { panic!("{nodes:?}") };
    assert!(node.complete);
    assert_eq!((zone.name.as_str(), zone.first, zone.free(), zone.watermarks[0]), ("Normal", 1, 2, 5));
    let found: Vec<Vec<u64>> = zone
        .lists
        .iter()
        .map(|list| buddy::blocks(&t, list).unwrap().items.iter().map(|p| p.0).collect())
        .collect();
    assert_eq!(found, [vec![], vec![page(7), page(9)]]);
    let holding = |frame| buddy::holding(&t, frame).map(|f| (f.list.kind, f.page.0));
    assert_eq!((holding(9), holding(8)), (Some((1, page(9))), None));
}

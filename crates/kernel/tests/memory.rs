//! Areas of vmalloc(), counters of memory and open files, in memory made for them.
#![allow(clippy::unwrap_used)]

mod made;

use necropsy_base::{Abi, VirtAddr};
use necropsy_kernel::meminfo::Counters;
use necropsy_kernel::vmalloc::{self, Kind};
use necropsy_kernel::{Target, memmap, system};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;

use made::{DATA, HEAP, memory, opened};

/// `struct vmap_area`, `vm_struct`, and the lists of `vmap_node`.
fn area_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let uint = b.int("unsigned int", 4, false);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let area = [
        ("va_start", ulong, 0, 0),
        ("va_end", ulong, 64, 0),
        ("list", list, 128, 0),
        ("vm", pointer, 256, 0),
    ];
    b.structure(false, "vmap_area", 40, &area);
    let vm = [
        ("addr", pointer, 0, 0),
        ("flags", ulong, 64, 0),
        ("pages", pointer, 128, 0),
        ("nr_pages", uint, 192, 0),
        ("caller", pointer, 256, 0),
    ];
    b.structure(false, "vm_struct", 40, &vm);
    let busy = b.structure(false, "rb_list", 16, &[("head", list, 0, 0)]);
    b.structure(false, "vmap_node", 32, &[("busy", busy, 128, 0)]);
    b
}

/// Puts areas on the list at `head`: where each begins, its flags, its pages and who asked.
fn put_areas(m: &mut SparseMemory, head: u64, at: u64, areas: &[(u64, u64, u64, u64)]) {
    let mut before = head;
    for (i, (start, flags, pages, caller)) in areas.iter().enumerate() {
        let (area, vm) = (at + 0x80 * i as u64, at + 0x80 * i as u64 + 0x40);
        for (offset, value) in [(0, *start), (8, start + (pages + 1) * 4096), (32, vm)] {
            m.put_uint(VirtAddr(area + offset), value, 8);
        }
        for (offset, value) in [(0, *start), (8, *flags), (24, *pages), (32, *caller)] {
            m.put_uint(VirtAddr(vm + offset), value, 8);
        }
        m.put_uint(VirtAddr(before), area + 16, 8).put_uint(VirtAddr(area + 24), before, 8);
        before = area + 16;
    }
    m.put_uint(VirtAddr(before), head, 8).put_uint(VirtAddr(head + 8), before, 8);
}

const AREAS: [(u64, u64, u64, u64); 4] = [
    (0xffff_c900_0000_0000, 2, 10, 0xffff_ffff_8100_1000),
    (0xffff_c900_0010_0000, 1, 0, 0xffff_ffff_8100_2000),
    (0xffff_c900_0020_0000, 2, 30, 0xffff_ffff_8100_3000),
    (0xffff_c900_0030_0000, 2, 25, 0xffff_ffff_8100_1000),
];

fn check(t: &Target) {
    let walk = vmalloc::areas(t).unwrap();
    assert!(walk.problem.is_none() && walk.items.len() == 4, "{walk:?}");
    assert_eq!((walk.items[0].kind, walk.items[1].kind), (Kind::Memory, Kind::Device));
    let sums: Vec<_> =
        vmalloc::by_caller(&walk.items).iter().map(|c| (c.caller.0, c.areas, c.pages)).collect();
    assert_eq!(sums, [(AREAS[0].3, 2, 35), (AREAS[2].3, 1, 30)]);
    assert_eq!(vmalloc::holding(t, VirtAddr(AREAS[2].0 + 4096)).unwrap().start.0, AREAS[2].0);
    assert_eq!(vmalloc::holding(t, VirtAddr(AREAS[2].0 - 1)), None);
}

#[test]
fn areas_are_on_one_list_or_on_those_of_nodes() {
    let mut m = memory();
    put_areas(&mut m, DATA, HEAP, &AREAS);
    check(&opened(m, &area_types(), &[("vmap_area_list", DATA)]));

    let mut m = memory();
    put_areas(&mut m, HEAP + 16, HEAP + 0x400, &AREAS[..1]);
    put_areas(&mut m, HEAP + 48, HEAP + 0x800, &AREAS[1..]);
    m.put_uint(VirtAddr(DATA), HEAP, 8).put_uint(VirtAddr(DATA + 8), 2, 4);
    check(&opened(m, &area_types(), &[("vmap_nodes", DATA), ("nr_vmap_nodes", DATA + 8)]));
}

#[test]
fn an_area_whose_description_is_a_number_has_none() {
    let mut m = memory();
    put_areas(&mut m, DATA, HEAP, &AREAS[..1]);
    m.put_uint(VirtAddr(HEAP + 32), 0x1000, 8); // subtree_max_size, in the same place
    let t = opened(m, &area_types(), &[("vmap_area_list", DATA)]);
    let areas = vmalloc::areas(&t).unwrap().items;
    assert_eq!((areas[0].kind, areas[0].vm, areas[0].pages), (Kind::Other, None, 0));
}

#[test]
fn counters_add_what_cpus_hold_back() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let byte = b.int("signed char", 1, true);
    let uint = b.int("unsigned int", 4, false);
    let pointer = b.pointer(0);
    b.enumeration("zone_stat_item", false, &[("NR_FREE_PAGES", 0), ("NR_VM_ZONE_STAT_ITEMS", 1)]);
    b.enumeration("node_stat_item", false, &[("NR_LRU_BASE", 0), ("NR_INACTIVE_ANON", 0), ("NR_SHMEM", 1)]);
    let diffs = b.array(byte, uint, 2);
    let zone = b.structure(false, "zone", 8, &[("per_cpu_zonestats", pointer, 0, 0)]);
    let zones = b.array(zone, uint, 1);
    b.structure(
        false,
        "pglist_data",
        16,
        &[("node_zones", zones, 0, 0), ("per_cpu_nodestats", pointer, 64, 0)],
    );
    b.structure(false, "per_cpu_zonestat", 2, &[("vm_stat_diff", diffs, 0, 0)]);
    b.structure(false, "per_cpu_nodestat", 2, &[("vm_node_stat_diff", diffs, 0, 0)]);
    let mut m = memory();
    // Two CPUs, 4096 bytes apart: the second's copies are on the second page.
    for (at, value) in [(0, 1000), (16, 50), (24, 70), (64, 0), (72, 4096), (128, 3)] {
        m.put_uint(VirtAddr(DATA + at), value, 8);
    }
    m.put_uint(VirtAddr(HEAP + 256), HEAP, 8).put_uint(VirtAddr(HEAP + 264), HEAP + 512, 8);
    m.put(VirtAddr(HEAP), &[5, 0]).put(VirtAddr(HEAP + 4096), &[0xfe, 0]);
    m.put(VirtAddr(HEAP + 512), &[1, 9]).put(VirtAddr(HEAP + 512 + 4096), &[0xff, 0xf8]);
    let symbols = [
        ("vm_zone_stat", DATA),
        ("vm_node_stat", DATA + 16),
        ("__per_cpu_offset", DATA + 64),
        ("__cpu_possible_mask", DATA + 128),
        ("contig_page_data", HEAP + 256),
    ];
    let c = Counters::read(&opened(m, &b, &symbols)).unwrap();
    assert_eq!(
        (c.get("NR_FREE_PAGES"), c.get("NR_INACTIVE_ANON"), c.get("NR_SHMEM")),
        (Some(1003), Some(50), Some(71))
    );
    assert_eq!((c.get("NR_LRU_BASE"), c.get("NR_PAGETABLE"), c.pages("NR_NONE|NR_SHMEM")), (None, None, 71));
}

#[test]
fn pages_and_their_descriptions_are_found_from_each_other() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    b.structure(false, "page", 64, &[("flags", ulong, 0, 0)]);
    let mut m = memory();
    m.put_uint(VirtAddr(DATA), 0xffff_ea00_0000_0000, 8).put_uint(VirtAddr(DATA + 8), HEAP, 8);
    let t = opened(m, &b, &[("vmemmap_base", DATA), ("page_offset_base", DATA + 8)]);
    let map = memmap::Memmap::of(&t).unwrap();
    assert_eq!(map.frame(map.page(77)), Some(77));
    assert_eq!(map.memory(map.page(2)).unwrap().0, 8192);
    assert_eq!(map.frame(VirtAddr(1)), None);
    let phys = memmap::to_phys(&t, VirtAddr(HEAP + 5)).unwrap();
    assert_eq!((phys.0, memmap::to_virt(&t, phys)), (5, Some(VirtAddr(HEAP + 5))));
}

#[test]
fn pages_are_described_in_sections_where_there_is_no_one_array() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    b.structure(false, "page", 64, &[("flags", ulong, 0, 0)]);
    b.structure(false, "mem_section", 16, &[("section_mem_map", ulong, 0, 0)]);
    // The kernel lies in the first section, whose page the one array would have, and has not.
    let (first, third) = (HEAP + 0x10_0000, HEAP + 0x4000_0000);
    let mut m = memory();
    for (at, value) in [
        (DATA, 0xffff_ea00_0000_0000),
        (DATA + 8, HEAP),
        (DATA + 16, HEAP + 0x1000),
        (DATA + 24, 2),
        (HEAP + 0x1000, HEAP + 0x2000),
        (HEAP + 0x2000, first | 0xf),
        (HEAP + 0x2020, third | 0xf),
    ] {
        m.put_uint(VirtAddr(at), value, 8);
    }
    let symbols = [
        ("vmemmap_base", DATA),
        ("page_offset_base", DATA + 8),
        ("mem_section", DATA + 16),
        ("__highest_present_section_nr", DATA + 24),
        ("_stext", HEAP + 0x3000),
    ];
    let map = memmap::Memmap::of(&opened(m, &b, &symbols)).unwrap();
    // Sections of 128 MiB: 32768 pages.
    assert_eq!((map.page(5).0, map.page(65537).0), (first + 5 * 64, third + 65537 * 64));
    assert_eq!((map.frame(map.page(7)), map.frame(map.page(65540))), (Some(7), Some(65540)));
    assert_eq!(map.frame(VirtAddr(0xffff_ea00_0000_0000)), None);
}

#[test]
fn clocks_stand_behind_a_sequence_count_of_any_size() {
    for (lock, at) in [(None, 8), (Some(12), 16), (Some(64), 64)] {
        let mut b = BtfBuilder::new(Abi::LE64);
        let ulong = b.int("unsigned long", 8, false);
        let uint = b.int("unsigned int", 4, false);
        b.structure(false, "seqcount", 4, &[("sequence", uint, 0, 0)]);
        if let Some(size) = lock {
            b.structure(false, "seqcount_raw_spinlock", size, &[("sequence", uint, 0, 0)]);
        }
        let members = [("xtime_sec", ulong, 0, 0), ("ktime_sec", ulong, 64, 0), ("offs_boot", ulong, 128, 0)];
        b.structure(false, "timekeeper", 24, &members);
        let mut m = memory();
        m.put_uint(VirtAddr(DATA + at), 1_700_000_000, 8).put_uint(VirtAddr(DATA + at + 8), 77, 8);
        let clock = system::clock(&opened(m, &b, &[("tk_core", DATA)])).unwrap();
        assert_eq!((clock.date, clock.uptime), (1_700_000_000, 77), "{lock:?}");
    }
}

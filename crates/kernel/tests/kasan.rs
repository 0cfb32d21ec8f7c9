//! The shadow of memory, and what KASAN, KMSAN and the stack depot keep, in memory made for them.
#![allow(clippy::unwrap_used)]

mod made;

use necropsy_base::{Abi, VirtAddr};
use necropsy_kernel::kasan::{self, Bad, Poison, Shadow};
use necropsy_kernel::{Target, kmsan, stack_depot};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;

use made::{DATA, HEAP, memory, opened};

/// `KASAN_SHADOW_OFFSET` of x86-64.
const SHADOW: u64 = 0xdffffc0000000000;
const TEXT: u64 = 0xffff_ffff_8100_0000;
const CACHE: u64 = HEAP + 0x4000;
const POOL: u64 = HEAP + 0x8000;
/// The third pool, 0x12 times 16 bytes into it; with numbers that begin with 1 the fourth.
const HANDLE: u32 = 0x12 << 17 | 3;

fn put_shadow(m: &mut SparseMemory, at: u64, bytes: &[u8]) {
    m.put(VirtAddr((at >> 3) + SHADOW), bytes);
}

/// Types of a kernel whose handles have pools that are counted from 1, or from 0.
fn types(pool: &str) -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let uint = b.int("unsigned int", 4, false);
    let int = b.int("int", 4, true);
    let ulong = b.int("unsigned long", 8, false);
    let parts = [(pool, uint, 0, 17), ("offset", uint, 17, 10), ("extra", uint, 27, 5)];
    let parts = b.structure(false, "", 4, &parts);
    b.structure(true, "handle_parts", 4, &[("handle", uint, 0, 0), ("", parts, 0, 0)]);
    let entries = b.array(ulong, uint, 0);
    b.structure(false, "stack_record", 32, &[("size", uint, 32, 0), ("entries", entries, 192, 0)]);
    let info = [("alloc_meta_offset", int, 0, 0), ("free_meta_offset", int, 32, 0)];
    let info = b.structure(false, "kasan_cache", 8, &info);
    b.structure(false, "kmem_cache", 64, &[("kasan_info", info, 64, 0)]);
    let track = b.structure(false, "kasan_track", 8, &[("pid", uint, 0, 0), ("stack", uint, 32, 0)]);
    b.structure(false, "kasan_alloc_meta", 16, &[("alloc_track", track, 0, 0)]);
    b.structure(false, "kasan_free_meta", 16, &[("free_track", track, 64, 0)]);
    b
}

/// An object at `HEAP`, freed; behind its 64 bytes who allocated it.
fn kernel(pool: &str, number: u64) -> Target {
    let mut m = memory();
    put_shadow(&mut m, HEAP, &[0xfa, 0xfb, 0xfb, 0xfb, 0xfb, 0xfb, 0xfb, 0xfb, 0xfc]);
    put_shadow(&mut m, HEAP + 0x100, &[0, 0, 5, 0xfc, 0xfc, 0, 0x37]);
    m.put_uint(VirtAddr(CACHE + 8), 64, 4).put_uint(VirtAddr(CACHE + 12), 0, 4);
    m.put_uint(VirtAddr(HEAP + 64), 131, 4).put_uint(VirtAddr(HEAP + 68), HANDLE.into(), 4);
    m.put_uint(VirtAddr(HEAP + 8), 132, 4).put_uint(VirtAddr(HEAP + 12), HANDLE.into(), 4);
    m.put_uint(VirtAddr(DATA + number * 8), POOL, 8);
    let record = POOL + 0x120;
    m.put_uint(VirtAddr(record + 4), 3, 4);
    for (i, pc) in [TEXT + 5, TEXT + 0x40, 0x17].into_iter().enumerate() {
        m.put_uint(VirtAddr(record + 24 + 8 * i as u64), pc, 8);
    }
    let symbols = [
        ("__asan_report_load8_noabort", TEXT),
        ("stack_pools", DATA),
        ("_stext", TEXT),
        ("_etext", TEXT + 0x1000),
    ];
    opened(m, &types(pool), &symbols)
}

#[test]
fn the_shadow_says_what_stands_in_the_way() {
    let t = kernel("pool_index", 3);
    let shadow = Shadow::of(&t).unwrap();
    let bad = |at: u64, size: u64| shadow.bad(&t, VirtAddr(at), size);
    let of = |at: u64, byte: u8, why: Poison| Some(Bad { at: VirtAddr(at), byte, why });
    assert_eq!(bad(HEAP + 8, 8), of(HEAP + 8, 0xfb, Poison::FreedObject));
    assert_eq!(bad(HEAP + 2, 1), of(HEAP + 2, 0xfa, Poison::FreedOrGlobal));
    // 21 bytes may be touched.
    assert_eq!(bad(HEAP + 0x100, 21), None);
    assert_eq!(bad(HEAP + 0x100, 22), of(HEAP + 0x115, 0xfc, Poison::SlabRedZone));
    assert_eq!(bad(HEAP + 0x116, 1), of(HEAP + 0x115, 0xfc, Poison::SlabRedZone));
    // A value without a meaning, and no shadow at all.
    assert_eq!((bad(HEAP + 0x130, 1), bad(TEXT, 8), bad(u64::MAX, 8)), (None, None, None));
    assert_eq!(shadow.asked(&t, VirtAddr(HEAP + 0x100), 64), Some(21));
    assert_eq!(shadow.asked(&t, VirtAddr(HEAP), 64), None);
    assert!(shadow.is_freed(&t, VirtAddr(HEAP)) && !shadow.is_freed(&t, VirtAddr(HEAP + 0x100)));
    assert_eq!(shadow.memory_of(shadow.address(VirtAddr(HEAP + 8))), VirtAddr(HEAP + 8));
    let none = opened(memory(), &types("pool_index"), &[("stack_pools", DATA)]);
    assert!(Shadow::of(&none).is_none());
}

#[test]
fn who_allocated_and_who_freed_is_in_the_depot() {
    for (pool, number) in [("pool_index", 3), ("pool_index_plus_1", 2), ("slabindex", 3)] {
        let t = kernel(pool, number);
        assert_eq!(stack_depot::stack(&t, HANDLE).unwrap().len(), 3, "{pool}");
        assert_eq!(stack_depot::code(&t, HANDLE).unwrap(), [VirtAddr(TEXT + 5), VirtAddr(TEXT + 0x40)]);
        let tracks = kasan::tracks(&t, VirtAddr(CACHE), VirtAddr(HEAP)).unwrap();
        let (allocated, freed) = (tracks.allocated.unwrap(), tracks.freed.unwrap());
        assert_eq!((allocated.pid, allocated.caller.0, allocated.stack.len()), (131, TEXT + 5, 2));
        assert_eq!((freed.pid, freed.cpu), (132, -1));
        // In an object in use the user's data is where a freed one has who freed it.
        let used = kasan::tracks(&t, VirtAddr(CACHE), VirtAddr(HEAP + 0x100)).unwrap();
        assert!(used.freed.is_none() && used.allocated.is_none());
    }
    assert!(stack_depot::stack(&kernel("pool_index", 3), u32::MAX).is_err());
}

#[test]
fn what_was_never_written() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let (ulong, pointer) = (b.int("unsigned long", 8, false), b.pointer(0));
    let members =
        [("flags", ulong, 0, 0), ("kmsan_shadow", pointer, 64, 0), ("kmsan_origin", pointer, 128, 0)];
    b.structure(false, "page", 64, &members);
    // Pages are described from HEAP + 0x1000 on; the tenth is memory, the eleventh its shadow, the twelfth its origins.
    let (map, page) = (HEAP + 0x1000, |n: u64| HEAP + 0x1000 + n * 64);
    let mut m = memory();
    m.put_uint(VirtAddr(DATA), map, 8).put_uint(VirtAddr(DATA + 8), HEAP, 8);
    m.put_uint(VirtAddr(page(10) + 8), page(11), 8).put_uint(VirtAddr(page(10) + 16), page(12), 8);
    m.put(VirtAddr(HEAP + 11 * 4096 + 0x40), &[0, 0, 0, 0, 0, 0xf0, 0, 0]);
    m.put_uint(VirtAddr(HEAP + 12 * 4096 + 0x44), 0x1234, 4);
    m.put_uint(VirtAddr(HEAP + 12 * 4096 + 0x40), 0x5678, 4);
    let t = opened(m, &b, &[("vmemmap_base", DATA), ("page_offset_base", DATA + 8)]);
    let noted = |offset: u64, size: u64| kmsan::noted(&t, VirtAddr(HEAP + 10 * 4096 + offset), size);
    let some = noted(0x45, 1).unwrap();
    assert_eq!((some.unwritten, some.origin, some.shadow.0), (true, 0x1234, HEAP + 11 * 4096 + 0x45));
    let all = noted(0x40, 4).unwrap();
    assert_eq!((all.unwritten, all.origin), (false, 0x5678));
    // A page without any, and one that nobody describes.
    assert!(kmsan::noted(&t, VirtAddr(HEAP + 13 * 4096), 4).is_err());
    assert!(kmsan::noted(&t, VirtAddr(HEAP - 4096), 4).is_err());
}

#[test]
fn variables_on_a_stack_are_described_in_their_frame() {
    let mut m = memory();
    m.put_uint(VirtAddr(HEAP + 0x100), 0x41b58ab3, 8).put_uint(VirtAddr(HEAP + 0x108), DATA, 8);
    m.put(VirtAddr(DATA), b"2 32 8 3 len 96 32 7 name:30\0");
    let t = opened(m, &types("pool_index"), &[]);
    let of = |offset: u64| {
        let v = kasan::variable(&t, VirtAddr(HEAP + 0x100 + offset))?;
        Some((v.name, v.at.0 - HEAP - 0x100, v.size))
    };
    assert_eq!(of(128), Some(("name".to_owned(), 96, 32)), "behind it");
    assert_eq!(of(36), Some(("len".to_owned(), 32, 8)));
    // Before the first, and where no frame is described below.
    assert_eq!(of(16), None);
    assert_eq!(kasan::variable(&t, VirtAddr(HEAP + 0x80)), None);
}

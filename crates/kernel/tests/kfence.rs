//! Objects that KFENCE guards, in memory made for them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::Target;
use necropsy_kernel::slab::guarded;
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::VmcoreInfo;

const TEXT: u64 = 0xffff_ffff_8100_0000;
const DATA: u64 = 0xffff_ffff_8200_0000;
const POOL: u64 = 0xffff_8880_0100_0000;
/// Bytes of a track with room for two entries, and of a description.
const TRACK: u64 = 8 + 8 + 16;
const EACH: u64 = 32 + 2 * TRACK;
/// Pages are 4 KiB; object 0 is on the third.
const FIRST: u64 = POOL + 0x2000;

fn types() -> Btf {
    let mut b = BtfBuilder::new(Abi::LE64);
    let (int, uint) = (b.int("int", 4, true), b.int("unsigned int", 4, false));
    let long = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let entries = b.array(long, uint, 2);
    let track = [
        ("pid", int, 0, 0),
        ("cpu", int, 32, 0),
        ("num_stack_entries", int, 64, 0),
        ("stack_entries", entries, 128, 0),
    ];
    let track = b.structure(false, "kfence_track", TRACK as u32, &track);
    let members = [
        ("state", uint, 0, 0),
        ("addr", long, 64, 0),
        ("size", long, 128, 0),
        ("cache", pointer, 192, 0),
        ("alloc_track", track, 256, 0),
        ("free_track", track, 256 + 8 * TRACK as u32, 0),
    ];
    b.structure(false, "kfence_metadata", EACH as u32, &members);
    Btf::parse(b.build(), Abi::LE64, None).unwrap()
}

/// Two objects: one freed, of 32 bytes at the end of its page; one in use, of 64 at the beginning.
fn opened(allocated_table: bool) -> Target {
    let mut m = SparseMemory::new(Abi::LE64);
    m.put(VirtAddr(DATA), &[0; 4096]).put(VirtAddr(POOL), &[0; 4096]);
    let mut put = |at: u64, value: u64, size: usize| {
        m.put_uint(VirtAddr(at), value, size);
    };
    let table = DATA + 0x100;
    put(DATA, POOL, 8);
    if allocated_table {
        put(DATA + 8, table, 8);
    }
    for (i, (state, addr, size)) in [(2, FIRST + 0xfe0, 32), (1, FIRST + 0x2000, 64)].into_iter().enumerate()
    {
        let at = table + i as u64 * EACH;
        put(at, state, 4);
        put(at + 8, addr, 8);
        put(at + 16, size, 8);
        put(at + 32, 77, 4);
        put(at + 40, 1, 4);
        put(at + 48, TEXT + 0x10, 8);
        if state == 2 {
            put(at + 32 + TRACK, 78, 4);
            // A count that is too large ends with what is no code.
            put(at + 40 + TRACK, 9, 4);
            put(at + 48 + TRACK, TEXT + 0x20, 8);
        }
    }
    let mut symbols = vec![("_stext", TEXT), ("_etext", TEXT + 0x1000), ("__kfence_pool", DATA)];
    if allocated_table {
        symbols.extend([("kfence_metadata", DATA + 8), ("kfence_metadata_init", DATA + 16)]);
    } else {
        symbols.push(("kfence_metadata", table));
    }
    let text: String = symbols.iter().map(|(name, at)| format!("SYMBOL({name})={at:x}\n")).collect();
    Target::from_parts(&X86_64, Arc::new(m), Arc::new(types()))
        .with_vmcoreinfo(VmcoreInfo::from_text(text.as_bytes()))
}

#[test]
fn objects_by_page_and_by_guard() {
    for allocated_table in [false, true] {
        let t = opened(allocated_table);
        let at = |at: u64| guarded(&t, VirtAddr(at)).unwrap();
        let freed = at(FIRST + 0xff0).unwrap();
        assert_eq!((freed.start.0, freed.size, freed.allocated_now), (FIRST + 0xfe0, 32, Some(false)));
        let by = |track: &Option<necropsy_kernel::slab::Track>| {
            track.as_ref().map(|k| (k.pid, k.stack.len(), k.caller.0 - TEXT))
        };
        assert_eq!((by(&freed.allocated), by(&freed.freed)), (Some((77, 1, 0x10)), Some((78, 1, 0x20))));
        // The guard between the two: the object that is nearer.
        assert_eq!(at(FIRST + 0x1000).unwrap().start.0, FIRST + 0xfe0);
        assert_eq!(at(FIRST + 0x1ff8).unwrap().start.0, FIRST + 0x2000);
        assert_eq!(at(FIRST + 0x2040).unwrap().allocated_now, Some(true));
        assert!(at(POOL).is_none() && at(POOL - 1).is_none() && at(DATA).is_none(), "no object's");
    }
}

//! BPF programs and maps, in memory made for them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::{Target, bpf};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::VmcoreInfo;

const DATA: u64 = 0xffff_ffff_8200_0000;
const HEAP: u64 = 0xffff_8880_0100_0000;

fn types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let byte = b.int("unsigned char", 1, false);
    let short = b.int("unsigned short", 2, false);
    let uint = b.int("unsigned int", 4, false);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let (tag, name, words) = (b.array(byte, uint, 8), b.array(byte, uint, 16), b.array(ulong, uint, 0));
    let slots = b.array(pointer, uint, 64);
    b.structure(false, "xa_node", 520, &[("shift", byte, 0, 0), ("slots", slots, 64, 0)]);
    let tree = b.structure(false, "xarray", 16, &[("xa_head", pointer, 64, 0)]);
    b.structure(false, "idr", 24, &[("idr_rt", tree, 0, 0), ("idr_base", uint, 128, 0)]);
    let kinds = [("BPF_PROG_TYPE_UNSPEC", 0), ("BPF_PROG_TYPE_KPROBE", 2)];
    let kind = b.enumeration("bpf_prog_type", false, &kinds);
    let map_kind = b.enumeration("bpf_map_type", false, &[("BPF_MAP_TYPE_HASH", 1)]);
    let program = [
        ("pages", short, 0, 0),
        ("jited", short, 16, 1),
        ("gpl_compatible", short, 18, 1),
        ("type", kind, 32, 0),
        ("len", uint, 64, 0),
        ("jited_len", uint, 96, 0),
        ("tag", tag, 128, 0),
        ("aux", pointer, 192, 0),
        ("bpf_func", pointer, 256, 0),
        ("insnsi", words, 320, 0),
    ];
    b.structure(false, "bpf_prog", 40, &program);
    let aux = [
        ("used_map_cnt", uint, 0, 0),
        ("used_maps", pointer, 64, 0),
        ("load_time", ulong, 128, 0),
        ("name", name, 192, 0),
    ];
    b.structure(false, "bpf_prog_aux", 40, &aux);
    let map = [
        ("map_type", map_kind, 0, 0),
        ("key_size", uint, 32, 0),
        ("value_size", uint, 64, 0),
        ("max_entries", uint, 96, 0),
        ("map_flags", uint, 128, 0),
        ("id", uint, 160, 0),
        ("name", name, 192, 0),
    ];
    b.structure(false, "bpf_map", 40, &map);
    b
}

fn opened(memory: SparseMemory) -> Target {
    let types = Btf::parse(types().build(), Abi::LE64, None).unwrap();
    let info = format!("SYMBOL(prog_idr)={DATA:x}\nSYMBOL(map_idr)={:x}\n", DATA + 0x40);
    Target::from_parts(&X86_64, Arc::new(memory), Arc::new(types))
        .with_vmcoreinfo(VmcoreInfo::from_text(info.as_bytes()))
}

fn words(m: &mut SparseMemory, at: u64, words: &[u64]) {
    for (i, word) in words.iter().enumerate() {
        m.put_uint(VirtAddr(at + 8 * i as u64), *word, 8);
    }
}

#[test]
fn programs_with_their_maps() {
    let (program, aux, map, node) = (HEAP, HEAP + 0x100, HEAP + 0x200, HEAP + 0x400);
    let mut m = SparseMemory::new(Abi::LE64);
    m.put(VirtAddr(DATA), &[0; 4096]).put(VirtAddr(HEAP), &[0; 8192]);
    // A tree with a node: identifier 3 lies in slot 3; the other has its only entry, 0, in the head, and begins at 7.
    words(&mut m, DATA, &[0, node + 2, 0]);
    words(&mut m, node + 8 + 3 * 8, &[program]);
    words(&mut m, DATA + 0x40, &[0, map, 7]);
    words(
        &mut m,
        program,
        &[0b101 << 16 | 2 << 32, 2 | 100 << 32, 0x0807_0605_0403_0201, aux, DATA, 0xb7, 0x95],
    );
    words(&mut m, aux, &[1, HEAP + 0x300, 5_000_000_000]);
    m.put(VirtAddr(aux + 24), b"watch\0");
    words(&mut m, HEAP + 0x300, &[map]);
    words(&mut m, map, &[1 | 4 << 32, 8 | 64 << 32, 1 | 7 << 32]);
    m.put(VirtAddr(map + 24), b"seen\0");
    let t = opened(m);
    let found = bpf::programs(&t).unwrap();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.id, one.kind.as_str(), one.name.as_str()), (3, "KPROBE", "watch"));
    assert_eq!((one.tag.as_str(), one.instructions, one.compiled), ("0102030405060708", 2, 100));
    assert_eq!((one.gpl, one.loaded, one.maps.as_slice()), (true, 5_000_000_000, &[7][..]));
    assert_eq!(bpf::instructions(&t, one), [0xb7, 0x95]);
    let found = bpf::maps(&t).unwrap();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.id, one.kind.as_str(), one.name.as_str()), (7, "HASH", "seen"));
    assert_eq!((one.key, one.value, one.entries, one.flags), (4, 8, 64, 1));
}

#[test]
fn a_lost_program_costs_a_note() {
    let mut m = SparseMemory::new(Abi::LE64);
    m.put(VirtAddr(DATA), &[0; 4096]);
    words(&mut m, DATA, &[0, HEAP, 0]);
    let t = opened(m);
    assert!(bpf::programs(&t).unwrap().is_empty() && t.notes().len() == 1);
}

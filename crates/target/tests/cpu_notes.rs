//! Which CPU a note of the file is of, where some CPUs were offline.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::{CpuNote, CpuNoteKind, Target, VmcoreInfo};

const DATA: u64 = 0xffff_ffff_8200_0000;
/// `elf_prstatus` (arch/x86/include/asm/elf.h): 336 bytes, the registers from 112 on, the instruction pointer the 17th of them.
const PRSTATUS: usize = 336;
const IP: usize = 112 + 16 * 8;

/// A machine that may have six CPUs, with the notes of those that the file has, told apart by where they were.
fn machine(present: u64, online: u64, notes: &[u64]) -> Target {
    let mut m = SparseMemory::new(Abi::LE64);
    m.put(VirtAddr(DATA), &[0; 4096]).put_uint(VirtAddr(DATA), 6, 4);
    for (i, mask) in [0x3f, present, online].into_iter().enumerate() {
        m.put_uint(VirtAddr(DATA + 8 + 8 * i as u64), mask, 8);
    }
    let symbols = [
        ("nr_cpu_ids", 0),
        ("__cpu_possible_mask", 8),
        ("__cpu_present_mask", 16),
        ("__cpu_online_mask", 24),
        ("__per_cpu_offset", 64),
    ];
    let text: String = symbols.iter().map(|(name, at)| format!("SYMBOL({name})={:x}\n", DATA + at)).collect();
    let note = |(cpu, ip): (usize, &u64)| {
        let mut data = vec![0; PRSTATUS];
        data[IP..IP + 8].copy_from_slice(&ip.to_le_bytes());
        CpuNote { cpu, kind: CpuNoteKind::Prstatus, pid: None, data }
    };
    let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
    Target::from_parts(&X86_64, Arc::new(m), Arc::new(types))
        .with_vmcoreinfo(VmcoreInfo::from_text(text.as_bytes()))
        .with_cpu_notes(notes.iter().enumerate().map(note).collect())
}

/// Where each CPU was.
fn places(t: &Target) -> Vec<Option<u64>> {
    (0..6).map(|cpu| t.noted_regs(cpu).and_then(|r| r.get(t.arch().pc()))).collect()
}

#[test]
fn a_note_for_each_cpu() {
    let t = machine(0x3f, 0x01, &[10, 11, 12, 13, 14, 15]);
    assert_eq!(places(&t), [10, 11, 12, 13, 14, 15].map(Some));
}

#[test]
fn those_behind_an_offline_cpu_move_up() {
    let t = machine(0x3f, 0b11_1011, &[10, 11, 13, 14, 15]);
    assert_eq!(places(&t), [Some(10), Some(11), None, Some(13), Some(14), Some(15)]);
}

#[test]
fn cpus_that_were_never_plugged_in_have_none() {
    // panic() took the others offline, which says nothing.
    let t = machine(0b01_1011, 0b1, &[10, 11, 13, 14]);
    assert_eq!(places(&t), [Some(10), Some(11), None, Some(13), Some(14), None]);
}

#[test]
fn a_count_that_fits_no_mask_is_of_nobody() {
    let t = machine(0x3f, 0x3f, &[10, 11, 12]);
    assert_eq!(places(&t), [None; 6]);
}

//! Kernels of some types, symbols and words, for the tests of walkers. Not every test needs all of it.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::Target;
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::VmcoreInfo;

/// A page for variables.
pub const DATA: u64 = 0xffff_ffff_8200_0000;
/// Two pages for objects.
pub const HEAP: u64 = 0xffff_8880_0100_0000;

pub fn memory() -> SparseMemory {
    let mut m = SparseMemory::new(Abi::LE64);
    m.put(VirtAddr(DATA), &[0; 4096]).put(VirtAddr(HEAP), &[0; 8192]);
    m
}

pub fn opened(memory: SparseMemory, types: &BtfBuilder, symbols: &[(&str, u64)]) -> Target {
    let types = Btf::parse(types.build(), Abi::LE64, None).unwrap();
    let text: String = symbols.iter().map(|(name, at)| format!("SYMBOL({name})={at:x}\n")).collect();
    Target::from_parts(&X86_64, Arc::new(memory), Arc::new(types))
        .with_vmcoreinfo(VmcoreInfo::from_text(text.as_bytes()))
}

pub fn words(m: &mut SparseMemory, at: u64, words: &[u64]) {
    for (i, word) in words.iter().enumerate() {
        m.put_uint(VirtAddr(at + 8 * i as u64), *word, 8);
    }
}

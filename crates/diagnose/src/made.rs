//! Kernels for tests: functions and variables with their names, and nothing else.

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::Abi;
use necropsy_debuginfo::{Btf, Kallsyms, Keys};
use necropsy_synth::functions::{Functions, TEXT};
use necropsy_synth::names::{BtfBuilder, KallsymsImage};
use necropsy_target::{Target, VmcoreInfo};

/// Where the parts of a symbol table are.
pub fn keys(image: &KallsymsImage) -> Keys {
    let at = |name: &str| image.labels.get(name).copied();
    let known = |name: &str| at(name).unwrap();
    Keys {
        names: known("kallsyms_names"),
        num_syms: known("kallsyms_num_syms"),
        token_table: known("kallsyms_token_table"),
        token_index: known("kallsyms_token_index"),
        addresses: at("kallsyms_addresses"),
        ..Keys::default()
    }
}

/// A kernel of these.
pub fn kernel(made: Functions) -> Target {
    typed(made, &BtfBuilder::new(Abi::LE64))
}

/// A kernel of these that has types.
pub fn typed(made: Functions, types: &BtfBuilder) -> Target {
    let (memory, image) = made.build();
    let names = Kallsyms::from_keys(&memory, &keys(&image), &[("_stext", TEXT)]).unwrap();
    let info = VmcoreInfo::from_text(format!("SYMBOL(_stext)={TEXT:x}\n").as_bytes());
    let types = Btf::parse(types.build(), Abi::LE64, None).unwrap();
    Target::from_parts(&X86_64, Arc::new(memory), Arc::new(types)).with_vmcoreinfo(info).with_kallsyms(names)
}

//! The stored inputs of the fuzz targets, as ordinary tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../fuzz/bodies/btf.rs"]
mod btf;
#[path = "../../../fuzz/bodies/dwarf.rs"]
mod dwarf;
#[path = "../../../fuzz/bodies/kallsyms.rs"]
mod kallsyms;
#[path = "../../../fuzz/bodies/orc.rs"]
mod orc;

#[path = "../../../fuzz/bodies/replay.rs"]
mod replay;
use replay::replay;

#[test]
fn btf_inputs() {
    replay("btf", btf::run);
}

#[test]
fn kallsyms_inputs() {
    replay("kallsyms", kallsyms::run);
}

#[test]
fn dwarf_inputs() {
    replay("dwarf", dwarf::run);
}

#[test]
fn orc_inputs() {
    replay("orc", orc::run);
}

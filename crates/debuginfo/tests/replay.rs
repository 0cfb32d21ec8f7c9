//! The stored inputs of the fuzz targets, as ordinary tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;

#[path = "../../../fuzz/bodies/btf.rs"]
mod btf;
#[path = "../../../fuzz/bodies/kallsyms.rs"]
mod kallsyms;
#[path = "../../../fuzz/bodies/orc.rs"]
mod orc;

fn replay(target: &str, run: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(dir).unwrap().flatten().map(|e| e.path()).collect();
    assert!(!files.is_empty(), "no stored inputs for {target}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        run(&bytes);
        // What a cut or a flipped bit makes of it.
        for i in (0..bytes.len()).step_by((bytes.len() / 64).max(1)) {
            run(&bytes[..i]);
            let mut flipped = bytes.clone();
            flipped[i] ^= 1 << (i % 8);
            run(&flipped);
        }
    }
}

#[test]
fn btf_inputs() {
    replay("btf", btf::run);
}

#[test]
fn kallsyms_inputs() {
    replay("kallsyms", kallsyms::run);
}

#[test]
fn orc_inputs() {
    replay("orc", orc::run);
}

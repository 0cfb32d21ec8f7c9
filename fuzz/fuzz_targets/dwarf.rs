//! Any bytes as an file with debugging information.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/dwarf.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));

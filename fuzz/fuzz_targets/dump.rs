//! Any bytes as a dump: opening and reading must neither panic nor hang nor eat memory.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/dump.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));

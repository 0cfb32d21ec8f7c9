//! Any bytes as an ORC table.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/orc.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));

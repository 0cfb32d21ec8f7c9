//! Any bytes as BTF: parsing and every question about every type must neither panic nor hang.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/btf.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));

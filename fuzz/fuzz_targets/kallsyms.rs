//! Any bytes as the memory kallsyms lies in: by keys, which the first bytes give, and by shape.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/kallsyms.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));

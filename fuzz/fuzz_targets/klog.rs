//! Any bytes as a kernel's log.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/klog.rs"]
mod body;

fuzz_target!(|data: &[u8]| body::run(data));

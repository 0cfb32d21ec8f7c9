//! Stored inputs through a target, whole and damaged.

use std::path::Path;

/// Every file in `fuzz/corpus/TARGET`, and what a cut or a flipped bit makes of it.
pub fn replay(target: &str, run: fn(&[u8])) {
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

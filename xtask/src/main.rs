//! Chores of the project: `cargo xtask tidy`, `cargo xtask trim IN OUT`, `cargo xtask sparse GIB FILE`.

mod seeds;
mod tidy;
mod trim;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["tidy"] => tidy::run(&root()),
        ["trim", ref rest @ ..] => trim::run(rest),
        ["seeds"] => seeds::run(&root()),
        ["sparse", gib, file] => sparse(gib.parse()?, Path::new(file)),
        _ => bail!("usage: cargo xtask tidy | trim [options] IN OUT | sparse GIB FILE | seeds"),
    }
}

/// Writes a dump of a machine with that much memory that takes no room: for measuring what opening costs.
fn sparse(gib: u64, file: &Path) -> Result<()> {
    let mut out = std::fs::File::create(file)?;
    necropsy_synth::dump::sparse_kdump(&mut out, gib << 30, &[0, 1, (gib << 18) - 1])?;
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

//! House rules that the compiler does not know: checked by `cargo xtask tidy` and by the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The one file that may map files into memory.
const FENCE: &str = "crates/debuginfo/src/mapping.rs";

/// No source file is longer, tables excepted.
const MAX_LINES: usize = 1000;
/// Files that are one table.
const TABLES: &[&str] = &["crates/kernel/src/globals.rs"];

/// All rules; the complaints, one line each.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    dependencies(root, &mut complaints)?;
    for file in sources(&root.join("crates"))? {
        let text = std::fs::read_to_string(&file)?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        complaints.extend(file_rules(&name, &text));
    }
    Ok(complaints)
}

/// Prints the complaints.
pub fn run(root: &Path) -> Result<()> {
    let complaints = check(root)?;
    complaints.iter().for_each(|c| eprintln!("tidy: {c}"));
    if complaints.is_empty() { Ok(()) } else { bail!("{} house rules broken", complaints.len()) }
}

/// Rules about one file.
fn file_rules(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES && !TABLES.contains(&name) {
        complaints.push(format!("{name} has {lines} lines, more than {MAX_LINES}"));
    }
    let is_test = name.contains("/tests/") || name.ends_with("tests.rs") || name.contains("/benches/");
    // Examples are programs too.
    let in_binary = name.starts_with("crates/necropsy/") || name.contains("/examples/");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    for (i, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        let prints = ["println!", "print!(", "eprint!(", "dbg!("].iter().any(|p| line.contains(p));
        if prints && !in_binary && !is_test {
            complaints.push(format!("{name}:{} prints: only the binary may", i + 1));
        }
        let unsafe_ =
            line.starts_with("unsafe ") || line.contains(" unsafe {") || line.contains(" unsafe fn");
        if unsafe_ && name != FENCE {
            complaints.push(format!("{name}:{} is unsafe: that is for {FENCE} alone", i + 1));
        }
    }
    complaints
}

/// Each crate uses only what the table in ARCHITECTURE.md allows it.
fn dependencies(root: &Path, complaints: &mut Vec<String>) -> Result<()> {
    let allowed = allowed(&std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?);
    let manifests = manifests(root)?;
    for (name, manifest) in &manifests {
        let Some(may) = allowed.get(name) else {
            complaints.push(format!("crate {name} is missing from the table in ARCHITECTURE.md"));
            continue;
        };
        for used in used(&std::fs::read_to_string(manifest)?) {
            if !may.contains(&used) {
                complaints.push(format!("crate {name} uses {used}, which ARCHITECTURE.md does not allow"));
            }
        }
    }
    let missing = allowed.keys().filter(|name| !manifests.contains_key(*name));
    complaints.extend(missing.map(|name| format!("ARCHITECTURE.md lists {name}, which does not exist")));
    Ok(())
}

fn manifests(root: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::from([("xtask".to_owned(), root.join("xtask/Cargo.toml"))]);
    for entry in std::fs::read_dir(root.join("crates"))? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        found.insert(name, path.join("Cargo.toml"));
    }
    Ok(found)
}

/// The table: rows `| crate | may use | ... |`.
fn allowed(text: &str) -> BTreeMap<String, Vec<String>> {
    let rows =
        text.lines().skip_while(|l| !l.starts_with("| crate |")).skip(2).take_while(|l| l.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let name = cells.next()?.to_owned();
        Some((name, cells.next()?.split_whitespace().map(str::to_owned).collect()))
    })
    .collect()
}

/// The necropsy crates that a manifest's `[dependencies]` name; tests may use more.
fn used(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|l| l.trim() != "[dependencies]").skip(1);
    let lines = lines.take_while(|l| !l.starts_with('['));
    lines
        .filter_map(|l| l.strip_prefix("necropsy-")?.split(['.', ' ', '=']).next().map(str::to_owned))
        .collect()
}

fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(check(root).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn the_rules_notice() {
        assert_eq!(file_rules("crates/dump/src/x.rs", "fn f() { println!(\"x\"); }").len(), 1);
        assert_eq!(file_rules("crates/dump/src/x.rs", "fn f() { unsafe { g() } }").len(), 1);
        assert_eq!(file_rules("crates/dump/src/x.rs", &"\n".repeat(1001)).len(), 1);
        assert!(file_rules("crates/necropsy/src/x.rs", "fn f() { println!(\"x\"); }").is_empty());
        let table = allowed("| crate | may use | never |\n|---|---|---|\n| dump | base | x |\n");
        assert_eq!(table["dump"], ["base"]);
        assert_eq!(
            used(
                "[dependencies]\nnecropsy-base.workspace = true\nserde = \"1\"\n[dev-dependencies]\nnecropsy-x = 1"
            ),
            ["base"]
        );
    }
}

//! Where files of known issues are: in the user's and the system's directories, and where one says.

use std::path::{Path, PathBuf};

use necropsy_diagnose::KnownIssues;

/// Directories of the system, in the order in which they are read.
const SYSTEM: &[&str] = &["/usr/share/necropsy/known-issues.d", "/etc/necropsy/known-issues.d"];
/// Files of one directory, and bytes of one file.
const MAX_FILES: usize = 1000;
const MAX_BYTES: u64 = 4 << 20;

/// All issues, and what was wrong with files: that costs the file, not the analysis.
pub fn load(given: &[PathBuf]) -> (KnownIssues, Vec<String>) {
    let (mut issues, mut notes) = (KnownIssues::built_in(), Vec::new());
    let system = SYSTEM.iter().map(PathBuf::from).chain(of_user());
    for dir in system.filter(|dir| dir.is_dir()).chain(given.iter().cloned()) {
        match files(&dir) {
            Ok(files) => files.iter().for_each(|file| read(file, &mut issues, &mut notes)),
            Err(e) => notes.push(format!("known issues: {}: {e}", dir.display())),
        }
    }
    (issues, notes)
}

/// `$XDG_CONFIG_HOME/necropsy/known-issues.d`.
fn of_user() -> Option<PathBuf> {
    let set = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".config"));
    Some(set.or_else(home)?.join("necropsy/known-issues.d"))
}

fn files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files.truncate(MAX_FILES);
    Ok(files)
}

fn read(file: &Path, issues: &mut KnownIssues, notes: &mut Vec<String>) {
    let name = file.display().to_string();
    let text = match std::fs::metadata(file) {
        Ok(meta) if meta.len() > MAX_BYTES => Err(format!("larger than {} MiB", MAX_BYTES >> 20)),
        _ => std::fs::read_to_string(file).map_err(|e| e.to_string()),
    };
    if let Err(why) = text.and_then(|text| issues.add(&text, &name)) {
        notes.push(format!("known issues: {name}: {why}"));
    }
}

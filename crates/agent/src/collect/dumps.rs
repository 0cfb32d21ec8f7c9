//! Dumps in the crash directory, as the distributions' tools leave them.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Analyst, Crashes, Options, Trace, crash_dir};

/// No more directories are looked at.
const DIRECTORIES: usize = 4096;

/// A dump as it lies there.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// When it was last written to.
    pub time: Timestamp,
    /// Its name says that it was not finished.
    pub incomplete: bool,
}

/// Dumps that are not in the list, analysed.
pub fn new(options: &Options, list: &Crashes, notes: &mut Vec<String>) -> Vec<Trace> {
    let dir = crash_dir(options);
    let analyst = Analyst {
        program: options.program.clone(),
        patience: options.patience,
        keep_free: options.keep_free,
    };
    let mut traces = Vec::new();
    for dump in find(&dir) {
        let key = format!("{} {}", dump.path.display(), dump.size);
        if list.knows(&key) {
            continue;
        }
        traces.push(trace(dump, key, &analyst, notes));
    }
    traces
}

fn trace(dump: Dump, key: String, analyst: &Analyst, notes: &mut Vec<String>) -> Trace {
    let mut trace = Trace {
        source: "kdump",
        key,
        time: dump.time,
        dump: Some(dump.path.clone()),
        complete: dump.incomplete.then_some(false),
        ..Trace::default()
    };
    match analyst.analyse(&dump.path) {
        Ok(Some(a)) => {
            trace.time = a.time.unwrap_or(dump.time);
            trace.complete = trace.complete.or(a.complete);
            (trace.class, trace.title) = (a.class, a.title);
            (trace.requested, trace.confidence) = (a.requested, a.confidence);
            (trace.fingerprint, trace.reports) = (a.fingerprint, a.reports);
            notes.extend(a.notes);
        }
        Ok(None) => {}
        Err(e) => {
            trace.complete = Some(false);
            trace.title = Some("a dump that cannot be opened".to_owned());
            notes.push(format!("{}: {e:#}", dump.path.display()));
        }
    }
    trace
}

/// All dumps in the directories of a directory, and in itself.
pub fn find(dir: &Path) -> Vec<Dump> {
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let read = fs::read_dir(dir).into_iter().flatten().take(DIRECTORIES);
        let mut paths: Vec<PathBuf> = read.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort_unstable();
        paths
    };
    // What is a link may lead anywhere.
    let real_dir = |p: &PathBuf| fs::symlink_metadata(p).is_ok_and(|m| m.is_dir());
    let here = entries(dir);
    let below: Vec<PathBuf> = here.iter().filter(|p| real_dir(p)).flat_map(|d| entries(d)).collect();
    here.iter().chain(&below).filter_map(|p| dump(p)).collect()
}

/// A file, if its name is that of a dump: `vmcore`, `vmcore.flat`, `vmcore-incomplete`, `dump.202611201200`.
fn dump(path: &Path) -> Option<Dump> {
    let name = path.file_name()?.to_str()?;
    let debian = name.strip_prefix("dump.").is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    let usual = matches!(name, "vmcore" | "vmcore.flat" | "vmcore-incomplete" | "vmcore.zst" | "vmcore.gz");
    if !debian && !usual {
        return None;
    }
    let meta = fs::symlink_metadata(path).ok().filter(|m| m.is_file())?;
    let time = meta.modified().ok().and_then(|t| Timestamp::try_from(t).ok())?;
    let incomplete = name.ends_with("incomplete") || meta.len() == 0;
    Some(Dump { path: path.to_owned(), size: meta.len(), time, incomplete })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_in_all_layouts() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            "202611201200/dump.202611201200",
            "202611201200/dmesg.202611201200",
            "127.0.0.1-2026/vmcore",
            "127.0.0.1-2026/vmcore-dmesg.txt",
            "2026/vmcore-incomplete",
            "kexec_cmd",
            "x.crash",
            "a/b/vmcore",
        ];
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink("/proc", dir.path().join("link")).unwrap();
        let found = find(dir.path());
        let names: Vec<_> =
            found.iter().map(|d| d.path.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(
            names,
            ["127.0.0.1-2026/vmcore", "2026/vmcore-incomplete", "202611201200/dump.202611201200"]
        );
        assert!(found[1].incomplete && !found[0].incomplete);
    }
}

//! Records of the kernel's last words: in the firmware's store, or where systemd-pstore has moved them.
//!
//! Of one crash there are several records, `dmesg-BACKEND-NUMBER`, each with a part of the log under a line that says which.
//! systemd-pstore moves those of one crash into a directory of their own under /var/lib/systemd/pstore.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use necropsy_klog::{Report, Role, reports};

use super::{Crashes, Options, Trace, has_room};

/// Where records are.
const STORE: &str = "/sys/fs/pstore";
const MOVED: &str = "/var/lib/systemd/pstore";
/// No record is larger.
const RECORD: u64 = 4 << 20;
/// No more of them are read.
const RECORDS: usize = 1024;

/// Records of one crash.
struct Group {
    files: Vec<PathBuf>,
    in_store: bool,
}

/// What is not in the list.
pub fn new(options: &Options, list: &Crashes, notes: &mut Vec<String>) -> Vec<Trace> {
    let mut traces = Vec::new();
    for group in groups(options) {
        let Some((text, time)) = read(&group.files) else { continue };
        let key = format!("pstore {:016x}", hash(&text));
        let known = list.knows(&key);
        if !known {
            let mut trace = trace(&text, key, time);
            trace.reports.extend(keep(options, &text, time, notes));
            traces.push(trace);
        }
        // Only what is known for good is taken out of the store.
        if group.in_store && options.clear_pstore && known {
            group.files.iter().for_each(|f| drop(std::fs::remove_file(f)));
        }
    }
    traces
}

fn groups(options: &Options) -> Vec<Group> {
    let files = |dir: &str| -> Vec<PathBuf> {
        let names =
            options.root.list(dir).into_iter().filter(|n| n.starts_with("dmesg-") && !n.ends_with(".z"));
        names.take(RECORDS).map(|n| options.root.path(&format!("{dir}/{n}"))).collect()
    };
    let mut found = vec![Group { files: files(STORE), in_store: true }];
    let moved = options.root.list(MOVED).into_iter().take(RECORDS);
    for name in moved {
        let dir = format!("{MOVED}/{name}");
        let direct = files(&dir);
        // Newer versions put each record's parts one directory further down.
        let below: Vec<PathBuf> =
            options.root.list(&dir).iter().take(RECORDS).flat_map(|n| files(&format!("{dir}/{n}"))).collect();
        found.push(Group { files: [direct, below].concat(), in_store: false });
    }
    // Records that lie there by themselves.
    found.push(Group { files: files(MOVED), in_store: false });
    found.retain(|g| !g.files.is_empty());
    found
}

/// The text of all records, and when the last was written.
fn read(files: &[PathBuf]) -> Option<(Vec<u8>, Timestamp)> {
    use std::io::Read;
    let mut all = Vec::new();
    let mut last = None;
    for file in files.iter().take(RECORDS) {
        let Ok(open) = crate::root::open_file(file) else { continue };
        let time = open.metadata().ok().and_then(|m| Timestamp::try_from(m.modified().ok()?).ok());
        last = last.max(time);
        let _ = open.take(RECORD).read_to_end(&mut all);
        all.push(b'\n');
    }
    Some((all, last?)).filter(|(text, _)| text.len() > 1)
}

fn trace(text: &[u8], key: String, time: Timestamp) -> Trace {
    let found = reports(text);
    Trace { source: "pstore", key, time, ..of_reports(&found) }
}

/// What the reports of a log say of the crash at its end.
pub fn of_reports(found: &[Report]) -> Trace {
    let cause = found.iter().find(|r| r.role == Role::Cause).or(found.last());
    let Some(report) = cause else { return Trace::default() };
    Trace {
        class: Some(report.class.to_owned()),
        title: Some(report.title.clone()),
        fingerprint: Some(report.fingerprint.loose.clone()),
        requested: report.class == "requested-crash",
        ..Trace::default()
    }
}

/// A copy: the store is small, and may be emptied by others.
fn keep(options: &Options, text: &[u8], time: Timestamp, notes: &mut Vec<String>) -> Option<PathBuf> {
    let dir: &Path = &options.state_dir;
    let path = dir.join(format!("pstore-{}.txt", time.strftime("%Y%m%d-%H%M%S")));
    if !has_room(dir, text.len() as u64, options.keep_free) {
        notes.push(format!("{}: not written, the disk is nearly full", path.display()));
        return None;
    }
    match crate::write_whole(&path, text) {
        Ok(()) => Some(path),
        Err(e) => {
            notes.push(format!("{}: {e}", path.display()));
            None
        }
    }
}

/// FNV-1a.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

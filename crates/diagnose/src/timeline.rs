//! What the log says happened when.

use necropsy_klog::{Event, Role, events};
use necropsy_report::LogLine;

use crate::Class;

fn found(log: &[(f64, String)]) -> Vec<Event> {
    events(log.iter().map(|(s, text)| (Some(*s), text.as_str())))
}

/// The events of the log.
pub fn timeline(log: &[(f64, String)]) -> Vec<necropsy_report::Event> {
    let event = |e: Event| necropsy_report::Event { seconds: e.seconds, event: e.text, role: e.role.name() };
    found(log).into_iter().map(event).collect()
}

/// The log around the first thing that went wrong; its end, if nothing is known to have.
pub fn excerpt(log: &[(f64, String)]) -> Vec<LogLine> {
    const BEFORE: usize = 12;
    const LINES: usize = 60;
    let cause = found(log).into_iter().find(|e| e.role == Role::Cause).map(|e| e.line.saturating_sub(1));
    let start = cause.unwrap_or_else(|| log.len().saturating_sub(LINES - BEFORE)).saturating_sub(BEFORE);
    let lines = log.iter().enumerate().skip(start).take(LINES);
    lines.map(|(i, (seconds, text))| LogLine { line: i + 1, seconds: *seconds, text: text.clone() }).collect()
}

/// What `panic()` said.
pub fn panic_line(log: &[(f64, String)]) -> Option<String> {
    const START: &str = "Kernel panic - not syncing: ";
    log.iter().rev().find_map(|(_, line)| line.strip_prefix(START)).map(str::to_owned)
}

/// The line with the first event of one of these kinds, and its number.
pub fn first_event(log: &[(f64, String)], ids: &[&str]) -> Option<(usize, String)> {
    found(log).into_iter().find(|e| ids.contains(&e.id)).map(|e| (e.line, e.text))
}

/// Kinds of events (`crates/klog/src/patterns`) that are signs of a class before it kills.
const SIGNS: &[(Class, &[&str])] = &[
    (
        Class::FilesystemError,
        &[
            "ext4",
            "ext4.panic",
            "ext4.ro",
            "xfs.down",
            "btrfs",
            "f2fs",
            "jbd2",
            "jbd2.err",
            "blk.io",
            "buf.io",
        ],
    ),
    (Class::IoError, &["blk.io", "buf.io", "nvme.timeout", "nvme.down", "scsi.off", "scsi.offlined"]),
    (
        Class::HardwareError,
        &["ghes.ce", "ghes", "ghes.source", "edac", "edac.ue", "aer", "aer.fatal", "aer.bus", "dpc", "bert"],
    ),
    (
        Class::MachineCheck,
        &["mce", "mce.logged", "mce.sev", "mce.amd", "mce.amd.ce", "edac", "edac.ue", "thermal"],
    ),
    (Class::Nmi, &["nmi.unknown", "nmi.serr", "aer.fatal"]),
    (Class::WatchdogReset, &["wd.user", "wd.panic", "blk.io", "nvme.timeout"]),
    (Class::InitKilled, &["panic.init", "buf.io", "blk.io"]),
    (Class::NoRootFilesystem, &["root.device", "panic.root"]),
    (Class::NoInit, &["panic.noinit"]),
    (Class::Fencing, &["panic.fence", "blk.io"]),
];

/// The lines that are signs of a class, in order.
pub fn signs(log: &[(f64, String)], class: Class) -> Vec<(usize, String)> {
    let Some((_, ids)) = SIGNS.iter().find(|(of, _)| *of == class) else { return Vec::new() };
    let wanted = found(log).into_iter().filter(|e| ids.contains(&e.id));
    wanted.map(|e| (e.line, e.text)).collect()
}

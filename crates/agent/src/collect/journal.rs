//! The kernel's log of the boot before, as the journal kept it.

use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use necropsy_klog::{Report, read_reports};
use serde_json::Value;

use super::pstore::of_reports;
use super::{Options, Trace};
use crate::child;

/// Where a collected machine's journal is, exported by `journalctl -k -b -1 -o json`.
const EXPORTED: &str = "/var/log/necropsy/last-boot.json";
/// The end of a log is what matters; one that is longer is not read.
const LARGEST: u64 = 256 << 20;

/// What it says of the end of that boot; `None`: nothing went wrong in it that it knows of.
pub fn trace(options: &Options, boot: &str, alive: Timestamp, notes: &mut Vec<String>) -> Option<Trace> {
    let text = text(options, boot, notes)?;
    let mut found: Vec<Report> = Vec::new();
    read_reports(&text[..], |r| found.push(r)).ok()?;
    let last = last_time(&text)?;
    // The machine may have lived on after the last line.
    let time = last.max(alive);
    let more = time.duration_since(last).as_secs_f64();
    // An oops that the machine lived on with for hours is not why it went down.
    let end = last_seconds(&text).map(|s| s + more);
    let near = |r: &Report| r.panicked || end.zip(r.time).is_none_or(|(end, at)| end - at < 600.0);
    found.retain(|r| r.role != necropsy_klog::Role::Precursor && near(r));
    if found.is_empty() {
        return None;
    }
    Some(Trace {
        source: "journal",
        key: format!("journal {boot}"),
        time,
        boot_id: Some(boot.to_owned()),
        ..of_reports(&found)
    })
}

fn text(options: &Options, boot: &str, notes: &mut Vec<String>) -> Option<Vec<u8>> {
    if !options.root.is_live() {
        return options.root.text(EXPORTED).map(String::into_bytes);
    }
    let plain = boot.len() <= 40 && boot.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if !plain {
        return None;
    }
    let mut command = Command::new("journalctl");
    command.args(["-k", "-o", "json", "--no-pager", "-q", "-b", &boot.replace('-', "")]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let limits = child::Limits { time: Duration::from_secs(60), output: LARGEST, ..child::Limits::default() };
    match child::run(command, b"", &limits) {
        Ok(done) if done.status.success() && !done.output.is_empty() => Some(done.output),
        Ok(_) => None,
        Err(e) => {
            notes.push(format!("the journal cannot be read: {e:#}"));
            None
        }
    }
}

fn last_line(text: &[u8]) -> Option<Value> {
    let line = text.split(|b| *b == b'\n').rev().find(|l| !l.is_empty())?;
    serde_json::from_slice(line).ok()
}

fn number(value: &Value, name: &str) -> Option<i64> {
    value.get(name)?.as_str()?.parse().ok()
}

fn last_time(text: &[u8]) -> Option<Timestamp> {
    Timestamp::from_microsecond(number(&last_line(text)?, "__REALTIME_TIMESTAMP")?).ok()
}

fn last_seconds(text: &[u8]) -> Option<f64> {
    Some(number(&last_line(text)?, "_SOURCE_MONOTONIC_TIMESTAMP")? as f64 / 1e6)
}

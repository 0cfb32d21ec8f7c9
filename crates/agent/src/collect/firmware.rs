//! What the firmware says about the last boot in the log of this one: the Boot Error Record Table.
//!
//! drivers/acpi/apei/bert.c prints it once, when the kernel starts, and empties it.

use std::path::Path;

use jiff::Timestamp;
use necropsy_klog::{Report, reports};

use super::{Options, Trace};
use crate::watch::{Got, Log, Source};

/// As much of the log as the kernel keeps.
const LARGEST: usize = 32 << 20;
/// So often it may be overwritten while it is read.
const OVERRUNS: usize = 64;
/// Records that were bad enough to end a boot.
const BAD: &[&str] = &["fatal", "recoverable"];

/// Errors that firmware recorded in the boot that ended then.
pub fn trace(options: &Options, boot: &str, end: Timestamp) -> Option<Trace> {
    let found = reports(&log(options));
    let report = found.iter().find(|r| r.pattern == "bert")?;
    let trace = Trace {
        source: "bert",
        key: format!("bert {boot}"),
        time: end,
        boot_id: Some(boot.to_owned()),
        title: Some(title(report)),
        ..Trace::default()
    };
    let bad = severity(report).is_some_and(|s| BAD.contains(&s));
    // That a module of memory corrects errors does not explain why a machine went down.
    Some(if bad {
        let (class, fingerprint) = (report.class.to_owned(), report.fingerprint.loose.clone());
        Trace { class: Some(class), fingerprint: Some(fingerprint), ..trace }
    } else {
        trace
    })
}

fn severity(report: &Report) -> Option<&str> {
    report.hardware_error.as_ref()?.severity.as_deref()
}

/// `firmware recorded: fatal PCIe error, PCIe device 0000:00:1c.0 [8086:9d10]`.
fn title(report: &Report) -> String {
    let Some(error) = &report.hardware_error else {
        return "firmware recorded errors that the kernel did not print".to_owned();
    };
    let kind = error.kind.as_deref().unwrap_or("hardware error");
    let what: Vec<&str> = error.severity.as_deref().into_iter().chain([kind]).collect();
    let part = error.part.as_ref().map(|p| format!(", {p}")).unwrap_or_default();
    format!("firmware recorded: {}{part}", what.join(" ")).chars().take(300).collect()
}

/// The log of this boot: /dev/kmsg to its end, or a file of it.
fn log(options: &Options) -> Vec<u8> {
    if !options.root.is_live() {
        return options.root.text("/var/log/dmesg").map(String::into_bytes).unwrap_or_default();
    }
    Source::open(Path::new("/dev/kmsg")).map(whole).unwrap_or_default()
}

/// All that is there now.
fn whole(mut source: Source) -> Vec<u8> {
    let mut text = Vec::new();
    let mut buffer = vec![0; crate::watch::CHUNK];
    let mut overruns = 0;
    while text.len() < LARGEST && overruns < OVERRUNS {
        match source.read(&mut buffer) {
            Ok(Got::Bytes(n)) => text.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Ok(Got::Overrun) => overruns += 1,
            _ => break,
        }
    }
    text
}

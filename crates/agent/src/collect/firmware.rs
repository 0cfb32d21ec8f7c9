//! What the firmware says about the last boot in the log of this one: the Boot Error Record Table.

use std::io::Read;

use jiff::Timestamp;
use necropsy_klog::reports;

use super::pstore::hash;
use super::{Options, Trace};

/// As much of the log as the kernel keeps.
const LARGEST: u64 = 32 << 20;

/// Errors that firmware recorded before this boot.
pub fn traces(options: &Options) -> Vec<Trace> {
    let text = log(options);
    let found = reports(&text);
    let Some(report) = found.iter().find(|r| r.pattern == "bert") else { return Vec::new() };
    vec![Trace {
        source: "bert",
        key: format!("bert {:016x}", hash(text.get(..4096.min(text.len())).unwrap_or_default())),
        time: Timestamp::now(),
        class: Some(report.class.to_owned()),
        title: Some(report.title.clone()),
        fingerprint: Some(report.fingerprint.loose.clone()),
        ..Trace::default()
    }]
}

/// The log of this boot: /dev/kmsg to its end, or a file of it.
fn log(options: &Options) -> Vec<u8> {
    if !options.root.is_live() {
        return options.root.text("/var/log/dmesg").map(String::into_bytes).unwrap_or_default();
    }
    use std::os::unix::fs::OpenOptionsExt;
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let Ok(file) = std::fs::File::options().read(true).custom_flags(flags).open("/dev/kmsg") else {
        return Vec::new();
    };
    let mut text = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    // A record per read; the end is an error: there is nothing more now.
    while (text.len() as u64) < LARGEST {
        match (&file).read(&mut buffer) {
            Ok(n @ 1..) => text.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {}
            _ => break,
        }
    }
    text
}

//! What is looked up when somebody asks, or from time to time: the kernel's own counters, kdump, crashes, this program.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Alarm;
use super::shared::Shared;
use crate::classes::{CLASSES, HARDWARE, SOURCES, bounded, class};
use crate::kdump::{CHECKS, Status};
use crate::metrics::Sample;
use crate::{Root, kdump};

/// Letters of the taint flags by their bit (kernel/panic.c, `taint_flags`).
const TAINTS: &str = "PFSRMBUDAWCIOELKXTNJ";
/// No report of `kdump check` and no list of crashes is larger.
const LARGEST: u64 = 4 << 20;

fn sample(name: &'static str, labels: &[&str], value: f64) -> Sample {
    Sample { name, labels: labels.iter().map(|l| (*l).to_owned()).collect(), value }
}

/// All samples of now.
pub fn all(shared: &Shared) -> Vec<Sample> {
    let root = Root::new("/");
    let mut out = {
        let inner = shared.lock();
        let mut out = inner.values.samples();
        out.extend(inner.gauges.iter().cloned());
        out.push(sample("necropsy_upload_pending_bytes", &[], inner.outbox.bytes() as f64));
        out
    };
    if let Some(path) = &shared.config.kdump_report {
        out.extend(kdump_gauges(Some(path)));
    }
    kernel(&root, &mut out);
    crashes(&shared.config.crashes, &mut out);
    itself(&root, &mut out);
    let causes = CLASSES.iter().map(|c| ("necropsy_kernel_events_total", vec![*c, "cause"]));
    let hardware = HARDWARE.iter().map(|k| ("necropsy_hardware_errors_total", vec![*k]));
    let plain = STARTS.iter().map(|(name, labels)| (*name, labels.to_vec()));
    for (name, labels) in causes.chain(hardware).chain(plain) {
        if !out.iter().any(|s| s.name == name && s.labels == labels) {
            out.push(sample(name, &labels, 0.0));
        }
    }
    out
}

/// Counters that are there from the beginning: the first increase of one that was absent would not be seen.
const STARTS: &[(&str, &[&str])] = &[
    ("necropsy_kmsg_records_total", &[]),
    ("necropsy_kmsg_lost_records_total", &[]),
    ("necropsy_kmsg_read_errors_total", &[]),
    ("necropsy_events_told_total", &[]),
    ("necropsy_events_suppressed_total", &[]),
    ("necropsy_lines_cut_total", &[]),
    ("necropsy_unclean_reboots_total", &[]),
    ("necropsy_uploads_total", &["ok"]),
    ("necropsy_uploads_total", &["failed"]),
    ("necropsy_uploads_total", &["dropped"]),
];

/// What the kernel counts itself.
fn kernel(root: &Root, out: &mut Vec<Sample>) {
    let number = |p: &str| root.number(p).map(|n| n as f64);
    if let Some(bits) = root.word("/proc/sys/kernel/tainted").and_then(|t| t.parse::<u64>().ok()) {
        for (bit, letter) in TAINTS.chars().enumerate() {
            let set = bits >> bit & 1;
            out.push(sample("necropsy_kernel_tainted", &[&letter.to_string()], set as f64));
        }
    }
    let counters = [
        ("necropsy_kernel_oops_count", "/sys/kernel/oops_count"),
        ("necropsy_kernel_warn_count", "/sys/kernel/warn_count"),
        ("necropsy_kernel_hung_task_count", "/proc/sys/kernel/hung_task_detect_count"),
    ];
    out.extend(counters.iter().filter_map(|(name, path)| Some(sample(name, &[], number(path)?))));
    let release = root.word("/proc/sys/kernel/osrelease").unwrap_or_default();
    out.push(sample("necropsy_build_info", &[&release, env!("CARGO_PKG_VERSION")], 1.0));
}

/// One crash of the list that `collect` keeps.
#[derive(Deserialize)]
struct Crash {
    class: String,
    source: String,
    time: jiff::Timestamp,
}

#[derive(Deserialize)]
struct Crashes {
    crashes: Vec<Crash>,
    #[serde(default)]
    dumps_present: u64,
    #[serde(default)]
    unclean_reboots: u64,
    /// Those that are in the list no more.
    #[serde(default)]
    totals: std::collections::BTreeMap<String, u64>,
}

fn crashes(path: &Path, out: &mut Vec<Sample>) {
    let Some(found) = read(path).and_then(|t| serde_json::from_str::<Crashes>(&t).ok()) else { return };
    let mut last = std::collections::BTreeMap::new();
    for crash in &found.crashes {
        let labels = (class(&crash.class), bounded(SOURCES, &crash.source, "none"));
        let at = crash.time.as_second() as f64;
        last.entry(labels).and_modify(|t: &mut f64| *t = t.max(at)).or_insert(at);
    }
    for ((class, source), at) in &last {
        out.push(sample("necropsy_last_crash_timestamp_seconds", &[class, source], *at));
    }
    let mut totals = std::collections::BTreeMap::<(&str, &str), u64>::new();
    for (name, count) in &found.totals {
        let Some((kind, source)) = name.split_once(' ') else { continue };
        *totals.entry((class(kind), bounded(SOURCES, source, "none"))).or_default() += count;
    }
    for ((class, source), n) in totals {
        out.push(sample("necropsy_crashes_total", &[class, source], n as f64));
    }
    out.push(sample("necropsy_dumps_present", &[], found.dumps_present as f64));
    out.push(sample("necropsy_unclean_reboots_total", &[], found.unclean_reboots as f64));
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn itself(root: &Root, out: &mut Vec<Sample>) {
    let status = root.text("/proc/self/status").unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    out.extend(resident.map(|kib| sample("process_resident_memory_bytes", &[], kib * 1024.0)));
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    out.push(sample("process_cpu_seconds_total", &[], cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9));
}

/// A report of `kdump check`, as its JSON has it.
#[derive(Deserialize)]
struct KdumpReport {
    time: jiff::Timestamp,
    ready: Option<bool>,
    crashkernel_bytes: Option<u64>,
    dump_expected_bytes: Option<u64>,
    dump_free_bytes: Option<u64>,
    checks: Vec<CheckStatus>,
}

#[derive(Deserialize)]
struct CheckStatus {
    id: String,
    status: Status,
}

/// Looks at kdump from time to time.
pub fn start(
    shared: Arc<Shared>,
    stopping: Arc<AtomicBool>,
    alarm: Alarm,
) -> std::io::Result<JoinHandle<()>> {
    let began = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
    let work = move || {
        let _alarm = alarm;
        let every = Duration::from_secs(shared.config.kdump_interval_seconds);
        let mut next = Instant::now();
        loop {
            let seen = shared.changes();
            if stopping.load(Ordering::SeqCst) {
                return;
            }
            if Instant::now() >= next {
                let mut gauges = vec![sample("process_start_time_seconds", &[], began)];
                if !every.is_zero() && shared.config.kdump_report.is_none() {
                    gauges.extend(kdump_gauges(None));
                }
                shared.lock().gauges = gauges;
                next = Instant::now() + if every.is_zero() { Duration::from_secs(86_400) } else { every };
            }
            shared.wait(seen, next.saturating_duration_since(Instant::now()));
        }
    };
    std::thread::Builder::new().name("kdump".to_owned()).stack_size(1 << 20).spawn(work)
}

fn kdump_gauges(report: Option<&Path>) -> Vec<Sample> {
    let text = match report {
        Some(path) => read(path),
        None => serde_json::to_string(&kdump::check(&Root::new("/"))).ok(),
    };
    let Some(found) = text.and_then(|t| serde_json::from_str::<KdumpReport>(&t).ok()) else {
        return Vec::new();
    };
    let mut out = vec![sample("necropsy_kdump_check_timestamp_seconds", &[], found.time.as_second() as f64)];
    let bytes = [
        ("necropsy_crashkernel_bytes", found.crashkernel_bytes),
        ("necropsy_dump_expected_bytes", found.dump_expected_bytes),
        ("necropsy_dump_free_bytes", found.dump_free_bytes),
    ];
    out.extend(bytes.iter().filter_map(|(name, n)| Some(sample(name, &[], (*n)? as f64))));
    out.extend(found.ready.map(|r| sample("necropsy_kdump_ready", &[], f64::from(u8::from(r)))));
    for check in CHECKS {
        let Some(one) = found.checks.iter().find(|c| c.id == check.id) else { continue };
        let number = Status::ALL.iter().position(|s| *s == one.status).unwrap_or(1);
        out.push(sample("necropsy_kdump_check_status", &[check.id], number as f64));
    }
    out
}

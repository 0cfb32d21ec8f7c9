//! All metrics.

/// What a metric's value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is.
    Gauge,
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What its value does.
    pub kind: Kind,
    /// Names of its labels, sorted.
    pub labels: &'static [&'static str],
    /// What it is.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

/// The table.
pub static METRICS: &[Metric] = &[
    counter(
        "necropsy_kernel_events_total",
        &["class", "role"],
        "What the kernel reported, by kind and part; kept over restarts.",
    ),
    gauge(
        "necropsy_last_crash_timestamp_seconds",
        &["class", "source"],
        "When the last crash of a kind was.",
    ),
    counter("necropsy_crashes_total", &["class", "source"], "Crashes that were found after the reboot."),
    counter("necropsy_kmsg_records_total", &[], "Records of the kernel's log that were read."),
    counter(
        "necropsy_kmsg_lost_records_total",
        &[],
        "Records that were overwritten before they could be read.",
    ),
    counter("necropsy_kmsg_read_errors_total", &[], "Reads of the kernel's log that failed."),
    gauge("necropsy_kernel_tainted", &["flag"], "1 for each flag that taints the kernel."),
    counter("necropsy_kernel_oops_count", &[], "Oopses since boot, as the kernel counts them."),
    counter("necropsy_kernel_warn_count", &[], "Warnings since boot, as the kernel counts them."),
    counter("necropsy_kernel_hung_task_count", &[], "Hung tasks since boot, as the kernel counts them."),
    gauge(
        "necropsy_kdump_ready",
        &[],
        "1 if a crash would leave a dump, 0 if not; absent if it cannot be known.",
    ),
    gauge("necropsy_kdump_check_status", &["check"], "0 pass, 1 unknown, 2 warn, 3 fail."),
    gauge("necropsy_kdump_check_timestamp_seconds", &[], "When kdump was last checked."),
    gauge("necropsy_crashkernel_bytes", &[], "Memory reserved for the capture kernel."),
    gauge("necropsy_dump_free_bytes", &[], "Free space where a dump would go."),
    gauge("necropsy_dump_expected_bytes", &[], "What a dump of now would have at most."),
    gauge("necropsy_dumps_present", &[], "Dumps that are kept."),
    counter("necropsy_unclean_reboots_total", &[], "Boots that no orderly shutdown preceded."),
    gauge("necropsy_upload_pending_bytes", &[], "Events that wait to be sent."),
    counter(
        "necropsy_uploads_total",
        &["result"],
        "Events sent to the webhook: ok, failed (tried again), dropped.",
    ),
    counter("necropsy_commands_total", &["result"], "Runs of the command hook: ok, failed."),
    counter("necropsy_hardware_errors_total", &["kind"], "Hardware errors that the kernel logged."),
    counter("necropsy_events_told_total", &[], "Events that were told."),
    counter(
        "necropsy_events_suppressed_total",
        &[],
        "Events that were only counted, because the same was told shortly before.",
    ),
    counter("necropsy_decodes_total", &["result"], "Reports decoded with source lines: ok, nothing, failed."),
    counter("necropsy_lines_cut_total", &[], "Lines that were too long to be read whole."),
    gauge("necropsy_build_info", &["kernel", "version"], "1."),
    gauge("process_resident_memory_bytes", &[], "Memory that this program has."),
    counter("process_cpu_seconds_total", &[], "CPU time that this program took."),
    gauge("process_start_time_seconds", &[], "When this program started."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for (i, m) in METRICS.iter().enumerate() {
            assert!(METRICS[..i].iter().all(|o| o.name != m.name), "{}", m.name);
            assert!(m.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", m.name);
            let counts = m.name.ends_with("_total") || m.name.ends_with("_count");
            assert_eq!(counts, m.kind == Kind::Counter, "{}", m.name);
            assert!(m.labels.is_sorted() && m.help.ends_with('.'), "{}", m.name);
            assert!(!m.labels.contains(&"host") && !m.labels.contains(&"instance"));
        }
    }
}

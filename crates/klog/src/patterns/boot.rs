//! Boots, people and policies; and lines that look bad but are of no known kind.

use super::Kind::{Cause, Context, Detail, Response, Weak};
use super::{Pattern, plain};

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("boot", "unknown", Context),
        "Linux version ",
        r"^Linux version (?P<release>\S+)",
        &[],
        &[
            "Linux version 6.1.0-18-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14)) #1 SMP",
        ],
    ),
    Pattern::new(
        ("sysrq", "requested-crash", Cause),
        "Trigger a crash",
        r"^(?:sysrq: )?(?:SysRq ?: )?Trigger a crash",
        &[plain("sysrq: Trigger a crash")],
        &["sysrq: Trigger a crash", "sysrq: SysRq : Trigger a crash", "SysRq : Trigger a crash"],
    ),
    Pattern::new(
        ("taint", "unknown", Context),
        "module verification failed",
        r"^\S+: module verification failed",
        &[],
        &["bad_driver: module verification failed: signature and/or required key missing - tainting kernel"],
    ),
    Pattern::new(
        ("crash.kernel", "unknown", Response),
        "Rebooting in ",
        r"^Rebooting in \d+ seconds",
        &[],
        &["Rebooting in 86400 seconds.."],
    ),
    Pattern::new(
        ("reboot", "unknown", Cause),
        "Booting the kernel.",
        r"^Booting the kernel\. *$",
        &[plain("unexpected kernel reboot")],
        &["Booting the kernel."],
    ),
    Pattern::new(
        ("root.device", "no-root-filesystem", Detail),
        "Cannot open root device",
        r"^VFS: Cannot open root device",
        &[],
        &["VFS: Cannot open root device \"sda1\" or unknown-block(0,0): error -6"],
    ),
    Pattern::new(
        ("fallback.info", "unknown", Detail),
        "INFO: ",
        r"^INFO: (?:NMI handler|Stall ended before|recovery required)",
        &[],
        &["INFO: NMI handler (perf_event_nmi_handler) took too long to run: 2.277 msecs"],
    ),
    Pattern::new(
        ("boring.warning", "unknown", Detail),
        "WARNING: ",
        r"^WARNING: (?:/etc/|workqueue cpumask|[Tt]he mand mount|Unsupported flag|Unprivileged eBPF|fbcon: |See https|kernel not compiled)",
        &[],
        &[
            "WARNING: /etc/ssh/moduli does not exist, using fixed modulus",
            "WARNING: the mand mount option is being deprecated and",
        ],
    ),
    Pattern::new(
        ("boring.bug", "unknown", Detail),
        "BUG: ",
        r"^BUG: no syscalls can create",
        &[],
        &["BUG: no syscalls can create resource fd_foo"],
    ),
    Pattern::new(
        ("fallback.bug", "unknown", Cause),
        "BUG: ",
        r"^BUG: (?P<what>\S.*)",
        &[plain("BUG: {what}")],
        &["BUG: something nobody has seen before"],
    ),
    Pattern::new(
        ("fallback.bug.empty", "unknown", Cause),
        "BUG:",
        r"^BUG:\s*$",
        &[plain("BUG: corrupted").broken()],
        &["BUG:"],
    ),
    Pattern::new(
        ("fallback.warn.empty", "warning", Weak),
        "WARNING:",
        r"^WARNING:\s*$",
        &[plain("WARNING: corrupted").broken()],
        &["WARNING:"],
    ),
    Pattern::new(
        ("fallback.warn", "warning", Weak),
        "WARNING: ",
        r"^WARNING: (?P<what>\S.*)",
        &[plain("WARNING: {what}")],
        &["WARNING: foo"],
    ),
];

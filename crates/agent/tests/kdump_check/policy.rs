//! What keeps a crash from leading to a dump, or the dump from being of use.

use necropsy_agent::kdump::Status::{Fail, Warn};

use super::faults::Fault;
use super::faults::What::{File, Files, Gone};

#[rustfmt::skip] // A table.
pub const FAULTS: &[Fault] = &[
    ("oops goes on", "panic-policy", Fail, "panic_on_oops = 1",
        File("/proc/sys/kernel/panic_on_oops", "0\n")),
    ("stays down", "panic-policy", Warn, "kernel.panic = 10",
        File("/proc/sys/kernel/panic", "0\n")),
    ("no NMI button", "panic-policy", Warn, "unknown_nmi_panic = 1",
        File("/proc/sys/kernel/unknown_nmi_panic", "0\n")),
    ("lockups go on", "panic-policy", Warn, "softlockup_panic = 1",
        File("/proc/sys/kernel/softlockup_panic", "0\n")),
    ("panics on a warning", "panic-on-warn", Warn, "panic_on_warn=0",
        File("/proc/sys/kernel/panic_on_warn", "1\n")),
    ("short watchdog", "watchdog", Warn, "RuntimeWatchdogSec",
        Files(&[("/sys/class/watchdog/watchdog0/state", "active\n"), ("/sys/class/watchdog/watchdog0/timeout", "15\n"), ("/sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n")])),
    ("memory hot-plug", "virtual-machine", Warn, "udev",
        Files(&[("/sys/class/dmi/id/sys_vendor", "QEMU\n"), ("/sys/devices/system/memory/auto_online_blocks", "online\n"), ("/sys/devices/system/memory/memory0/online", "1\n")])),
    ("no pstore", "pstore", Warn, "efi_pstore",
        File("/sys/module/pstore/parameters/backend", "(null)\n")),
    ("no debug file", "debuginfo", Warn, "-dbg",
        Gone("/usr/lib/debug")),
    ("never tested", "last-test", Warn, "kdump test",
        Gone("/var/lib/necropsy/kdump-test.json")),
    ("test failed", "last-test", Fail, "kdump test",
        File("/var/lib/necropsy/kdump-test.json", "{\"time\":\"2026-01-01T00:00:00Z\",\"passed\":false,\"why\":\"no dump\"}")),
    ("other kernel tested", "last-test", Warn, "kdump test",
        File("/var/lib/necropsy/kdump-test.json", "{\"time\":\"2099-01-01T00:00:00Z\",\"passed\":true,\"kernel\":\"5\"}")),
];

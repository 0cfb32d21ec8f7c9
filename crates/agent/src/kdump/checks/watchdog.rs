//! Whether a hardware watchdog would bite while the dump is written.

use crate::duration;
use crate::kdump::{Check, Outcome, Status, System, shell};

pub static CHECK: Check = Check {
    id: "watchdog",
    title: "hardware watchdogs against the time a dump takes",
    why: "a watchdog that nobody feeds in the capture kernel resets the machine in the middle of the dump",
    essential: false,
    run,
};

/// What a single capture CPU reads, filters and writes in a second, at worst.
const SPEED: u64 = 50 << 20;
/// Until the capture kernel has booted.
const BOOT: u64 = 30;

fn run(system: &System) -> Outcome {
    let names = system.root.list("/sys/class/watchdog");
    let systemd = systemd_feeds(system);
    if names.is_empty() {
        return match system.root.exists("/sys/class") {
            true => Outcome::pass("no hardware watchdog"),
            false => Outcome::unknown("/sys/class/watchdog cannot be seen"),
        };
    }
    let needed = system.expected_dump().map(|e| BOOT + e.bytes / SPEED);
    let read = |name: &String, what: &str| system.root.word(&format!("/sys/class/watchdog/{name}/{what}"));
    let active: Vec<&String> =
        names.iter().take(16).filter(|n| read(n, "state").as_deref() == Some("active")).collect();
    let Some(name) = active.first() else {
        return Outcome::pass(format!("{} watchdog(s), none is running", names.len()));
    };
    let identity = read(name, "identity").unwrap_or_default();
    let timeout = read(name, "timeout").and_then(|t| t.parse::<u64>().ok());
    let said = timeout.map_or("an unknown time".to_owned(), duration);
    let outcome = Outcome::pass(format!("{identity} ({name}) resets the machine after {said}{systemd}"));
    let (Some(timeout), Some(needed)) = (timeout, needed) else {
        return Outcome { status: Status::Unknown, ..outcome };
    };
    if timeout >= needed || carried(system, &identity) {
        return outcome;
    }
    outcome
        .problem(Status::Warn, format!("a dump may take {}: nobody feeds it in the capture kernel", duration(needed)))
        .fix([
            "have the capture kernel feed it: put the watchdog's module in its initramfs (dracut module watchdog), or".to_owned(),
            format!("set RuntimeWatchdogSec={needed} in /etc/systemd/system.conf"),
        ])
}

fn systemd_feeds(system: &System) -> String {
    let text = system.root.text("/etc/systemd/system.conf").unwrap_or_default();
    match shell::assignments(&text).get("RuntimeWatchdogSec").filter(|v| *v != "0" && *v != "off") {
        Some(value) => {
            format!(", fed by systemd (RuntimeWatchdogSec={})", value.chars().take(32).collect::<String>())
        }
        None => String::new(),
    }
}

/// Whether the capture kernel has the watchdog's driver: then its own init feeds or stops it.
fn carried(system: &System, identity: &str) -> bool {
    const DRIVERS: &[(&str, &str)] = &[
        ("iTCO_wdt", "iTCO_wdt"),
        ("HPE iLO2+ HW Watchdog Timer", "hpwdt"),
        ("SP5100 TCO timer", "sp5100_tco"),
        ("IPMI", "ipmi_watchdog"),
        ("i6300ESB timer", "i6300esb"),
        ("Software Watchdog", "softdog"),
    ];
    let module = DRIVERS.iter().find(|(i, _)| *i == identity).map(|(_, m)| *m);
    let in_it = module.zip(system.initramfs().ok()).is_some_and(|(m, contents)| contents.has_module(m));
    let built_in = module.is_some_and(|m| system.is_built_in(m) == Some(true));
    in_it || built_in || identity == "Software Watchdog"
}

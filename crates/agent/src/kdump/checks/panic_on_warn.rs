//! What panics too easily.

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "panic-on-warn",
    title: "panics that are too easy",
    why: "a warning, or a task that waits long for a slow disk, is no reason to take a machine down",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    let value = |name: &str| system.sysctl(name).and_then(|v| v.parse::<i64>().ok());
    let Some(warn) = value("kernel.panic_on_warn") else {
        return Outcome::unknown("/proc/sys/kernel/panic_on_warn cannot be read");
    };
    let mut outcome = Outcome::pass(format!("panic_on_warn={warn}"));
    if warn != 0 {
        outcome = outcome
            .problem(Status::Warn, "kernel.panic_on_warn: any WARNING takes the machine down")
            .fix(["sysctl -w kernel.panic_on_warn=0, and remove it from /etc/sysctl.d"]);
    }
    if value("kernel.warn_limit").is_some_and(|n| (1..10).contains(&n)) {
        outcome = outcome
            .problem(Status::Warn, "kernel.warn_limit: a few WARNINGs take the machine down")
            .fix(["sysctl -w kernel.warn_limit=0"]);
    }
    outcome
}

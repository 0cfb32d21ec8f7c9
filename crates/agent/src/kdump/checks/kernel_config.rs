//! What the kernel must have been built with.

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "kernel-config",
    title: "the kernel's configuration",
    why: "without kexec there is no capture kernel, without /proc/vmcore it sees nothing",
    essential: true,
    run,
};

/// One of each must be there.
const NEEDED: &[&[&str]] = &[&["KEXEC", "KEXEC_FILE"], &["CRASH_DUMP"], &["PROC_VMCORE"]];

fn run(system: &System) -> Outcome {
    let Some(text) = system.kernel_config() else {
        return Outcome::unknown(format!("there is no /boot/config-{}", system.release_or_command()));
    };
    let has = |name: &str| {
        text.lines().any(|l| l.strip_prefix("CONFIG_").and_then(|l| l.strip_prefix(name)) == Some("=y"))
    };
    let mut outcome = Outcome::pass("kexec, crash dumps and /proc/vmcore are built in");
    for one_of in NEEDED.iter().filter(|names| !names.iter().any(|n| has(n))) {
        let what = format!("CONFIG_{} is not set", one_of.join(" and CONFIG_"));
        outcome = outcome
            .problem(Status::Fail, what)
            .fix(["boot a kernel of the distribution, or build one with it"]);
    }
    let relocatable = has("RELOCATABLE") || system.machine.as_deref().is_some_and(|m| m == "s390x");
    if !relocatable && text.contains("CONFIG_X86") {
        outcome = outcome
            .problem(Status::Warn, "CONFIG_RELOCATABLE is not set: it cannot be its own capture kernel");
    }
    if !has("DEBUG_INFO_BTF") {
        let what =
            "CONFIG_DEBUG_INFO_BTF is not set: a dump can only be read in full with the kernel's debug file";
        outcome = outcome.problem(Status::Warn, what);
    }
    if outcome.status == Status::Fail {
        outcome.found = "a part is missing".to_owned();
    }
    outcome
}

//! What leads to a panic, and what follows it.

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "panic-policy",
    title: "what makes the kernel panic",
    why: "only a panic makes a dump: a kernel that goes on after an oops, or hangs, leaves none",
    essential: false,
    run,
};

/// A sysctl, what it should be, and what is lost if it is not.
struct Wish {
    name: &'static str,
    good: fn(i64) -> bool,
    value: &'static str,
    status: Status,
    lost: &'static str,
}

const WISHES: &[Wish] = &[
    Wish {
        name: "kernel.panic_on_oops",
        good: |v| v != 0,
        value: "1",
        status: Status::Fail,
        lost: "after an oops the kernel goes on without the task that caused it, and leaves no dump",
    },
    Wish {
        name: "kernel.unknown_nmi_panic",
        good: |v| v != 0,
        value: "1",
        status: Status::Warn,
        lost: "the NMI button of the machine, and of its management controller, makes no dump",
    },
    Wish {
        name: "kernel.panic_on_unrecovered_nmi",
        good: |v| v != 0,
        value: "1",
        status: Status::Warn,
        lost: "an NMI for broken memory or a broken bus is only logged",
    },
    Wish {
        name: "kernel.hardlockup_panic",
        good: |v| v != 0,
        value: "1",
        status: Status::Warn,
        lost: "a CPU that hangs with interrupts off leaves no dump",
    },
    Wish {
        name: "kernel.nmi_watchdog",
        good: |v| v != 0,
        value: "1",
        status: Status::Warn,
        lost: "a CPU that hangs with interrupts off is not noticed",
    },
    Wish {
        name: "kernel.softlockup_panic",
        good: |v| v != 0,
        value: "1",
        status: Status::Warn,
        lost: "a CPU that hangs in the kernel leaves no dump",
    },
];

/// What is a matter of policy: shown, not judged.
const SHOWN: &[&str] = &[
    "hung_task_panic",
    "panic_on_rcu_stall",
    "panic_on_io_nmi",
    "oops_limit",
    "hung_task_timeout_secs",
    "sysrq",
];

/// The file for what is set.
const FILE: &str = "/etc/sysctl.d/90-necropsy-kdump.conf";

fn run(system: &System) -> Outcome {
    let not_loaded = system.root.number("/sys/kernel/kexec_crash_loaded") == Some(0);
    let mut seen = Vec::new();
    let mut outcome = Outcome::pass("");
    for wish in WISHES {
        // A kernel without the sysctl cannot do it; nothing to wish for.
        let Some(value) = system.sysctl(wish.name).and_then(|v| v.parse().ok()) else { continue };
        seen.push(format!("{}={value}", wish.name.trim_start_matches("kernel.")));
        if !(wish.good)(value) && !not_for_this_machine(system, wish) {
            outcome = outcome
                .problem(wish.status, format!("{}={value}: {}", wish.name, wish.lost))
                .fix([format!("echo '{} = {}' >> {FILE}", wish.name, wish.value)]);
        }
    }
    if let Some(0) = system.sysctl("kernel.panic").and_then(|v| v.parse::<i64>().ok()) {
        seen.push("panic=0".to_owned());
        let what = "kernel.panic=0: if no capture kernel can be booted, the machine stays down";
        let status = if not_loaded { Status::Fail } else { Status::Warn };
        outcome = outcome.problem(status, what).fix([format!("echo 'kernel.panic = 10' >> {FILE}")]);
    }
    if seen.is_empty() {
        return Outcome::unknown("/proc/sys/kernel cannot be read");
    }
    let policy = SHOWN.iter().filter_map(|n| Some(format!("{n}={}", system.sysctl(&format!("kernel.{n}"))?)));
    seen.extend(policy.map(|p| p.chars().take(40).collect()));
    outcome.found = seen.join(" ");
    if outcome.status != Status::Pass {
        outcome = outcome.fix(["sysctl --system"]);
    }
    outcome
}

/// A virtual machine mostly has no counter for the NMI watchdog, and its NMI button is another.
fn not_for_this_machine(system: &System, wish: &Wish) -> bool {
    let virtual_machine = super::virtual_machine::hypervisor(system).is_some();
    virtual_machine && matches!(wish.name, "kernel.nmi_watchdog" | "kernel.hardlockup_panic")
}

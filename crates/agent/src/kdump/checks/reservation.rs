//! Whether the reservation was made, and is large enough.

use crate::bytes;
use crate::kdump::crashkernel::{parameter, recommended};
use crate::kdump::{Check, Outcome, Status, System, estimate};

pub static CHECK: Check = Check {
    id: "reservation",
    title: "memory reserved for the capture kernel",
    why: "a capture kernel that runs out of memory dies before it has written the dump",
    essential: true,
    run,
};

/// What an unpacked kernel and its data take, where the running one's size is not known.
const KERNEL: u64 = 64 << 20;

fn run(system: &System) -> Outcome {
    let Some(reserved) = system.reserved() else {
        return Outcome::unknown("neither /sys/kernel/kexec_crash_size nor /proc/iomem tells, nor fadump");
    };
    if reserved == 0 {
        return Outcome::pass("0 bytes")
            .problem(Status::Fail, nothing(system))
            .fix(system.family.set_parameter(&parameter(system.family, system.machine.as_deref(), 0)));
    }
    let found = Outcome::pass(format!("{}{}", bytes(reserved), place(system)));
    let (needed, why) = needed(system);
    if reserved >= needed {
        return found;
    }
    let fix = system.family.set_parameter(&parameter(system.family, system.machine.as_deref(), needed));
    // Half of what is known to be needed has no chance; what lies between may be enough.
    let status = if reserved < needed / 2 { Status::Fail } else { Status::Warn };
    found.problem(status, format!("less than {} ({why})", bytes(needed))).fix(fix)
}

fn nothing(system: &System) -> &'static str {
    let asked = system.cmdline.as_deref().is_some_and(|c| c.contains("crashkernel="));
    match asked {
        true => "the kernel was asked to reserve memory and did not: look for `crashkernel` in its log",
        false => "nothing is reserved",
    }
}

/// The larger of the distribution's rule and our own estimate.
fn needed(system: &System) -> (u64, &'static str) {
    let machine = system.machine.as_deref();
    let rule = system.rounded_memory().and_then(|m| recommended(system.family, machine, m)).unwrap_or(0);
    let size = |path: String| system.root.look(&path).ok().flatten().map(|m| m.len());
    let own = system.initramfs_path().and_then(size).map_or(0, |i| estimate::reservation(kernel(system), i));
    if own > rule {
        (own, "kernel and initramfs as they are")
    } else {
        (rule, "what the distribution recommends")
    }
}

fn kernel(system: &System) -> u64 {
    let Some(all) = system.iomem() else { return KERNEL };
    let parts = all.iter().filter(|r| r.name.starts_with("Kernel "));
    Some(parts.map(|r| r.len()).fold(0, u64::saturating_add)).filter(|n| *n > 0).unwrap_or(KERNEL)
}

fn place(system: &System) -> String {
    let Some(all) = system.iomem() else { return String::new() };
    let high = all.iter().filter(|r| r.name == "Crash kernel" && r.start >= 1 << 32);
    match high.map(|r| r.len()).fold(0, u64::saturating_add) {
        0 => String::new(),
        n => format!(", {} of it above 4 GiB", bytes(n)),
    }
}

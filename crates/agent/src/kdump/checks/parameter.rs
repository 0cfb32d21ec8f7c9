//! `crashkernel=` on the command line of this boot and of the next.

use crate::bytes;
use crate::kdump::crashkernel::{Crashkernel, parameter, recommended};
use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "crashkernel-parameter",
    title: "crashkernel= on the kernel's command line",
    why: "memory for the capture kernel can only be set aside while the kernel boots",
    essential: true,
    run,
};

fn run(system: &System) -> Outcome {
    let Some(cmdline) = &system.cmdline else {
        return Outcome::unknown("/proc/cmdline cannot be read").fix(next_boot(system).err());
    };
    let asked = Crashkernel::of(cmdline, system.rounded_memory());
    let outcome = match &asked {
        None if fadump(cmdline) => Outcome::pass("fadump=on: the firmware's default is reserved"),
        None => Outcome::pass("no crashkernel= in /proc/cmdline")
            .problem(Status::Fail, "no memory is reserved for a capture kernel")
            .fix(set(system)),
        Some(asked) => this_boot(system, asked),
    };
    match next_boot(system) {
        Ok(()) => outcome,
        Err(_) if asked.is_none() && fadump(cmdline) => outcome,
        Err(what) if asked.is_none() => outcome.problem(Status::Fail, what),
        Err(what) => outcome.problem(Status::Warn, what).fix(set(system)),
    }
}

/// Firmware-assisted dumps need no more than to be switched on (Documentation/arch/powerpc/firmware-assisted-dump.rst).
fn fadump(cmdline: &str) -> bool {
    cmdline.split_ascii_whitespace().any(|w| w == "fadump=on" || w == "fadump=nocma")
}

fn this_boot(system: &System, asked: &Crashkernel) -> Outcome {
    let written = asked.written.join(" ");
    if let Some(wrong) = &asked.wrong {
        let fix = set(system);
        return Outcome::pass(written).problem(Status::Fail, format!("it cannot be read: {wrong}")).fix(fix);
    }
    match (asked.bytes, system.physical_memory()) {
        (Some(0), Some(memory)) => Outcome::pass(written)
            .problem(Status::Fail, format!("it reserves nothing on a machine with {}", bytes(memory)))
            .fix(set(system)),
        (Some(n), _) => Outcome::pass(format!("{written}: {}", bytes(n))),
        (None, _) => Outcome::pass(written),
    }
}

/// Whether all of the boot loader's entries for this kernel have the parameter; what is wrong if not.
fn next_boot(system: &System) -> Result<(), String> {
    let now = system.cmdline.as_deref().map(crashkernel_words);
    let entries = system.boot_entries();
    let Some(first) = entries.first().map(|e| crashkernel_words(e)) else { return Ok(()) };
    match now {
        _ if first.is_empty() => {
            Err("the boot loader's entry for this kernel has no crashkernel=".to_owned())
        }
        Some(now) if now.is_empty() => {
            Err(format!("the boot loader's entry has {}: a reboot is pending", first.join(" ")))
        }
        Some(now) if now != first => Err(format!("the next boot will have {}", first.join(" "))),
        _ => Ok(()),
    }
}

fn crashkernel_words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().filter(|w| w.starts_with("crashkernel=")).collect()
}

fn set(system: &System) -> Vec<String> {
    let pending = system.boot_entries().first().is_some_and(|e| !crashkernel_words(e).is_empty());
    let has = system.cmdline.as_deref().is_some_and(|c| !crashkernel_words(c).is_empty());
    if pending && !has {
        return vec!["reboot".to_owned()];
    }
    let machine = system.machine.as_deref();
    let least = system.rounded_memory().and_then(|m| recommended(system.family, machine, m)).unwrap_or(0);
    system.family.set_parameter(&parameter(system.family, machine, least))
}

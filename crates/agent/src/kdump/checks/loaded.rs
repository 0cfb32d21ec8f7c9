//! Whether a capture kernel is loaded now.

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "kernel-loaded",
    title: "the capture kernel",
    why: "what is not loaded cannot be booted by a kernel that panics",
    essential: true,
    run,
};

fn run(system: &System) -> Outcome {
    let fadump = system
        .root
        .number("/sys/kernel/fadump_registered")
        .or(system.root.number("/sys/kernel/fadump/registered"));
    if fadump == Some(1) {
        return Outcome::pass("firmware-assisted dump is registered");
    }
    match system.root.number("/sys/kernel/kexec_crash_loaded") {
        Some(1) => lockdown(system),
        Some(_) => Outcome::pass("none is loaded").problem(Status::Fail, reason(system)).fix(steps(system)),
        None => Outcome::unknown("/sys/kernel/kexec_crash_loaded cannot be read"),
    }
}

/// A loaded kernel passed whatever the lockdown asks for.
fn lockdown(system: &System) -> Outcome {
    match locked(system) {
        Some(mode) => Outcome::pass(format!("loaded; lockdown: {mode}")),
        None => Outcome::pass("loaded"),
    }
}

/// The lockdown that is in force: `none [integrity] confidentiality`.
fn locked(system: &System) -> Option<String> {
    let text = system.root.word("/sys/kernel/security/lockdown")?;
    let mode = text.split('[').nth(1)?.split(']').next()?;
    (mode != "none").then(|| mode.to_owned())
}

fn reason(system: &System) -> String {
    match (system.reserved(), locked(system)) {
        (Some(0), _) => "there is no memory that it could be loaded into".to_owned(),
        (_, Some(mode)) => {
            format!(
                "with lockdown in {mode} mode only a signed kernel is taken, and only by kexec_file_load (kexec -s)"
            )
        }
        _ => "a panic would only reboot the machine, or stop it".to_owned(),
    }
}

fn steps(system: &System) -> Vec<String> {
    if system.reserved() == Some(0) {
        return vec!["first get memory reserved, see crashkernel-parameter".to_owned()];
    }
    let unit = system.family.service();
    vec![system.family.reload().to_owned(), format!("journalctl -b -u {unit}  # why it was not loaded")]
}

//! A second place for the kernel's last words.

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "pstore",
    title: "pstore, for the log of a crash that leaves no dump",
    why: "when the capture kernel does not boot, the log in the firmware's memory is all there is",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    if !system.root.exists("/sys/module") && !system.root.exists("/sys/fs") {
        return Outcome::unknown("/sys cannot be seen");
    }
    let Some(backend) =
        system.root.word("/sys/module/pstore/parameters/backend").filter(|b| !b.is_empty() && b != "(null)")
    else {
        if system.is_partial() && !system.root.exists("/sys/module/pstore/parameters") {
            return Outcome::unknown("not among the files");
        }
        // Most virtual machines have nothing that it could use.
        let status =
            if super::virtual_machine::hypervisor(system).is_some() { Status::Pass } else { Status::Warn };
        let outcome = Outcome { status, ..Outcome::pass("no backend is registered") };
        return match status {
            Status::Pass => outcome,
            _ => outcome.problem(status, "a crash without a dump leaves no trace").fix([
                "modprobe efi_pstore  # where the firmware is UEFI",
                "or reserve memory for ramoops: ramoops.mem_address=, ramoops.mem_size=",
            ]),
        };
    };
    let outcome = Outcome::pass(format!("backend {backend}"));
    let waiting = system.root.list("/sys/fs/pstore").len();
    if waiting > 0
        && !system.root.exists("/usr/lib/systemd/systemd-pstore")
        && !system.root.exists("/lib/systemd/systemd-pstore")
    {
        return outcome
            .problem(
                Status::Warn,
                format!("{waiting} records lie in it, and nothing takes them out: it may fill up"),
            )
            .fix(["systemctl enable --now systemd-pstore.service, or run `necropsy collect` at boot"]);
    }
    outcome
}

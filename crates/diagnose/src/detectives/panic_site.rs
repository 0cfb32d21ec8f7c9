//! Panics that say by who called them what happened: no root file system, no first process, a machine check.

use crate::crash::base_name;
use crate::suspect::{named, place_of};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const PANIC_SITE: Detective = Detective {
    id: "panic-site",
    title: "a panic of one purpose",
    doc: "Some functions of the kernel call panic for one reason only. The one that did is on the stack.",
    examine,
};

/// A function that calls panic for one reason.
struct Site {
    function: &'static str,
    class: Class,
    /// What it means, with nobody's name in it.
    what: &'static str,
    /// What to do next.
    advice: &'static str,
    /// Whether only the first process's death is meant.
    first_process: bool,
}

const fn site(function: &'static str, class: Class, what: &'static str, advice: &'static str) -> Site {
    Site { function, class, what, advice, first_process: false }
}

/// init/do_mounts.c, init/main.c, kernel/exit.c, arch/x86/kernel/cpu/mce, arch/x86/kernel/nmi.c (3.10 to 7.x).
const SITES: &[Site] = &[
    site(
        "mount_block_root",
        Class::NoRootFilesystem,
        "The root file system could not be mounted",
        "check root= on the command line, the driver of its disk and the initramfs: log",
    ),
    site(
        "mount_root_generic",
        Class::NoRootFilesystem,
        "The root file system could not be mounted",
        "check root= on the command line, the driver of its disk and the initramfs: log",
    ),
    site(
        "mount_root",
        Class::NoRootFilesystem,
        "The root file system could not be mounted",
        "check root= on the command line, the driver of its disk and the initramfs: log",
    ),
    site(
        "prepare_namespace",
        Class::NoRootFilesystem,
        "The root file system could not be mounted",
        "check root= on the command line, the driver of its disk and the initramfs: log",
    ),
    site(
        "kernel_init",
        Class::NoInit,
        "No first process could be started",
        "check init= on the command line and what is on the root file system: log",
    ),
    Site {
        first_process: true,
        ..site(
            "do_exit",
            Class::InitKilled,
            "The first process ended, which the kernel does not survive",
            "find out why it ended: its exit code, the log before",
        )
    },
    site(
        "mce_panic",
        Class::MachineCheck,
        "The hardware reported an error that it could not correct",
        "decode the machine check: log, rasdaemon, the firmware's log",
    ),
    site(
        "do_machine_check",
        Class::MachineCheck,
        "The hardware reported an error that it could not correct",
        "decode the machine check: log, rasdaemon, the firmware's log",
    ),
    site(
        "mem_parity_error",
        Class::Nmi,
        "The hardware reported a memory or bus error by NMI",
        "look into the firmware's event log",
    ),
    site(
        "pci_serr_error",
        Class::Nmi,
        "The hardware reported a bus error by NMI",
        "look into the firmware's event log",
    ),
    site(
        "io_check_error",
        Class::Nmi,
        "The hardware reported an I/O error by NMI",
        "look into the firmware's event log",
    ),
    site(
        "unknown_nmi_error",
        Class::Nmi,
        "An NMI came that nobody knows, and unknown_nmi_panic is set",
        "find out who sent it: a watchdog, a button, the firmware's event log",
    ),
];

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let (t, frames) = (&case.target, &crash.stack.frames);
    let functions: Vec<&str> = SITES.iter().map(|s| s.function).collect();
    let Some(index) = crash.panic_caller(t, &functions) else { return };
    let Some(site) = SITES.iter().find(|s| Some(s.function) == base_name(&frames[index])) else { return };
    if site.first_process && crash.task.tgid != 1 {
        return;
    }
    let who = necropsy_report::bytes_text(&crash.task.comm.0);
    let title = format!("{} ({who}, {})", site.what, crash.task.pid);
    let statement =
        format!("{}: {} called the panic, in task {who} ({}).", site.what, site.function, crash.task.pid);
    let mut h = Hypothesis::new(site.class, title, statement);
    h.advice = vec![site.advice.into()];
    // Who asked for the memory, or sent the signal, is a witness at most.
    h.victim = blame::culprit(frames, index + 1).map(|(i, sure)| place_of(t, &frames[i], sure * 0.5));
    let beside = h.victim.as_ref().map(|v| format!(", called from {}", named(v))).unwrap_or_default();
    found.hypotheses.push(h);
    found.add(
        site.class,
        4.0,
        "stack",
        "bt".to_owned(),
        format!("{} called the panic{beside}; it does so for this reason only", site.function),
    );
}

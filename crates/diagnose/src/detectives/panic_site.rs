//! Panics that say by who called them what happened: no root file system, no first process, broken hardware, a watchdog.

mod first_process;
mod sites;

use necropsy_base::MemoryExt;
use necropsy_kernel::cper::{self, Severity};
use necropsy_kernel::mce::{self, Mce};
use necropsy_kernel::system;
use necropsy_target::Target;

use self::sites::{SITES, Site};
use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in, place_of};
use crate::timeline::signs;
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const PANIC_SITE: Detective = Detective {
    id: "panic-site",
    title: "a panic of one purpose",
    doc: "Some functions of the kernel call panic for one reason only. The one that did is on the stack. What memory knows about it is read: \
          the exit code of the first process, the machine checks that the CPUs recorded; what the log says before it is quoted.",
    examine,
};

/// Signs in the log that are quoted.
const SIGNS: usize = 3;

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let (t, frames) = (&case.target, &crash.stack.frames);
    let Some((site, index)) = site(t, crash) else { return };
    let detail = detail(case, crash, site, found);
    found.hypotheses.push(hypothesis(case, crash, site, index, detail));
    let beside = blame::culprit(t, frames, index + 1).map(|(i, sure)| place_in(t, frames, i, sure * 0.5));
    let beside = beside.map(|v| format!(", called from {}", named(&v))).unwrap_or_default();
    found.add(
        site.class,
        4.0,
        "stack",
        "bt".to_owned(),
        format!("{} called the panic{beside}; it does so for this reason only", site.function),
    );
    told(case, site.class, found);
}

/// The function that called panic for its one reason, and its frame.
pub(super) fn site(t: &Target, crash: &Crash) -> Option<(&'static Site, usize)> {
    let functions: Vec<&str> = SITES.iter().map(|s| s.function).collect();
    let index = crash.panic_caller(t, &functions)?;
    let site = SITES.iter().find(|s| Some(s.function) == base_name(&crash.stack.frames[index]))?;
    (!site.first_process || crash.task.tgid == 1).then_some((site, index))
}

fn hypothesis(case: &Case, crash: &Crash, site: &Site, index: usize, detail: Option<String>) -> Hypothesis {
    let frames = &crash.stack.frames;
    let who = necropsy_report::bytes_text(&crash.task.comm.0);
    let more = detail.map(|d| format!(": {d}")).unwrap_or_default();
    let title = format!("{} ({who}, {}){more}", site.what, crash.task.pid);
    let statement = format!(
        "{}: {} called the panic, in task {who} ({}){more}.",
        site.what, site.function, crash.task.pid
    );
    let mut h = Hypothesis::new(site.class, title, statement);
    h.advice = vec![site.advice.into()];
    h.requested = site.requested;
    // Who asked for the memory, or sent the signal, is a witness at most.
    let boots = matches!(site.class, Class::NoRootFilesystem | Class::NoInit | Class::InitKilled);
    let witness = blame::culprit(&case.target, frames, index + 1).filter(|_| !boots);
    h.victim = witness.map(|(i, sure)| place_of(&case.target, &frames[i], sure * 0.5));
    h
}

/// What memory knows about it.
fn detail(case: &Case, crash: &Crash, site: &Site, found: &mut Findings) -> Option<String> {
    match site.class {
        Class::InitKilled => {
            let ended = first_process::ended(case, crash)?;
            found.add(
                site.class,
                1.0,
                ended.source,
                ended.reproduce,
                format!("of the first process: {}", ended.how),
            );
            Some(ended.how)
        }
        Class::MachineCheck => machine_checks(case, crash, found),
        Class::HardwareError => firmware_record(case, crash, found),
        Class::NoRootFilesystem => boot_options(case, site.class, &["root=", "rootfstype="], found),
        Class::NoInit => boot_options(case, site.class, &["init=", "rdinit="], found),
        _ => None,
    }
}

/// What the kernel was told on its command line, and whether it had an initramfs.
fn boot_options(case: &Case, class: Class, options: &[&str], found: &mut Findings) -> Option<String> {
    let t = &case.target;
    let line = system::command_line(t)?;
    let told: Vec<&str> = line.split(' ').filter(|w| options.iter().any(|o| w.starts_with(o))).collect();
    let told = if told.is_empty() {
        format!("no {}", options.join(" or "))
    } else {
        format!("{:?}", told.join(" "))
    };
    // What the boot loader said: the kernel forgets where the initramfs was once it is unpacked.
    let size = t.offset_of("boot_params", "hdr.ramdisk_size").ok();
    let initramfs =
        t.symbol("boot_params").zip(size).and_then(|(at, size)| t.memory().u32(at.offset(size)).ok());
    let without = if initramfs == Some(0) { ", and no initramfs was loaded" } else { "" };
    let what = format!("the command line has {told}{without}");
    found.add(class, 0.5, "memory:saved_command_line", "p saved_command_line".to_owned(), what.clone());
    Some(what)
}

/// The records of the CPUs; without them the one that the handler has on its stack.
fn machine_checks(case: &Case, crash: &Crash, found: &mut Findings) -> Option<String> {
    let t = &case.target;
    let mut told = |record: &Mce, source: String, reproduce: String| {
        let claim = format!("the CPU recorded: {} (status {:#018x})", record.text(), record.status);
        found.add(Class::MachineCheck, 1.5, source, reproduce, claim);
    };
    let seen = mce::seen(t);
    for record in seen.iter().take(8) {
        told(record, "memory:mces_seen".into(), format!("p mces_seen:{}", record.cpu));
    }
    if let Some(worst) = seen.iter().find(|m| m.is_uncorrected()).or(seen.first()) {
        return Some(worst.text());
    }
    let (_, handler) = crash.frame(&["mce_panic", "do_machine_check"])?;
    let record = mce::on_stack(t, handler.sp)?;
    told(
        &record,
        format!("memory:*(struct mce *){:#x}", record.at.0),
        format!("struct mce {:x}", record.at.0),
    );
    Some(record.text())
}

/// What the firmware reported, where its report is what the kernel died of.
fn firmware_record(case: &Case, crash: &Crash, found: &mut Findings) -> Option<String> {
    let (_, handler) = crash.frame(&["__ghes_panic", "ghes_panic"])?;
    let report = cper::on_stack(&case.target, handler.sp)?;
    for section in report.sections.iter().take(4) {
        let claim = format!("the firmware reported {}", section.text());
        let proof = format!("rd {:x} {}", section.at.0.saturating_sub(72), 19);
        found.add(Class::HardwareError, 1.5, format!("memory:error status {:#x}", report.at.0), proof, claim);
    }
    let worst = report.sections.iter().find(|s| s.severity == Severity::Fatal).or(report.sections.first());
    worst.map(|s| s.text())
}

/// What the log says before the end that belongs to it.
pub(super) fn told(case: &Case, class: Class, found: &mut Findings) {
    for (line, text) in signs(case.log(), class).into_iter().take(SIGNS) {
        found.add(
            class,
            0.3,
            format!("log:{line}"),
            "log".to_owned(),
            format!("the log says before: {text}"),
        );
    }
}

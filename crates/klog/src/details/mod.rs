//! What the lines of a report say, taken apart.

mod class;
mod fault;
mod hardware;
mod instructions;
mod lockdep;
mod machine;
mod object;
mod oom;
mod registers;
mod stacks;
mod task;

use crate::detect::Collected;
use crate::report::Report;
use crate::{Caller, parse_modules};

pub(crate) use class::refined;
pub use fault::{Fault, meaning_of};
pub use hardware::HardwareError;
pub(crate) use hardware::continues as hardware_continues;
pub use lockdep::{Link, LockUse, Lockdep, Step};
pub use machine::MachineCheck;
pub use object::Object;
pub use oom::{Oom, OomTask};
pub(crate) use registers::is_registers;
pub(crate) use stacks::significant;

/// Fills in all that the lines give.
pub(crate) fn fill(report: &mut Report, c: &Collected) {
    let head = c.lines.get(c.head).and_then(|l| c.pattern.captures(&l.text));
    let group = |name: &str| head.as_ref().and_then(|h| h.name(name)).map(|m| m.as_str().to_owned());
    report.cpu = group("cpu").and_then(|c| c.parse().ok());
    report.pid = group("pid").and_then(|p| p.parse().ok());
    report.comm = group("comm");
    let mut registers = registers::Reader::default();
    for line in &c.lines {
        task::read(report, &line.text);
        registers.read(&line.text);
        if report.modules.loaded.is_empty() {
            report.modules = parse_modules(&line.text).unwrap_or_default();
        }
        report.locks.extend(
            object::lock(&line.text).filter(|l| !report.locks.contains(l) && report.locks.len() < 32),
        );
        object::read(&mut report.object, &line.text);
        oom::read(&mut report.oom, &line.text);
    }
    report.registers = registers.found;
    report.arch = registers.machine.or_else(|| report.release.as_deref().and_then(machine_of));
    report.stacks = stacks::all(&c.lines);
    report.frames = stacks::main(&c.lines[..c.cut.unwrap_or(c.lines.len()).min(c.lines.len())], report.class);
    report.fault = fault::of(report, group("addr"), &c.lines);
    report.machine_check = group("status").and_then(|s| machine::decode(&s, group("bank").as_deref()));
    report.hardware_error = is_hardware(report.class).then(|| hardware::of(&c.lines)).flatten();
    report.lockdep = (!report.locks.is_empty()).then(|| lockdep::of(&c.lines)).flatten();
    report.code = instructions::of(c, report.arch);
    if let (None, Some(Caller::Cpu(cpu))) = (report.cpu, c.caller) {
        report.cpu = Some(cpu);
    }
}

fn is_hardware(class: &str) -> bool {
    matches!(class, "hardware-error" | "machine-check")
}

/// The machine that distributions put into the names of their kernels.
fn machine_of(release: &str) -> Option<&'static str> {
    const NAMES: &[(&str, &str)] = &[
        ("amd64", "x86_64"),
        ("x86_64", "x86_64"),
        ("arm64", "aarch64"),
        ("aarch64", "aarch64"),
        ("riscv64", "riscv64"),
        ("s390x", "s390x"),
        ("ppc64le", "ppc64le"),
        ("powerpc64le", "ppc64le"),
        ("armv7", "armv7l"),
        ("armmp", "armv7l"),
    ];
    NAMES.iter().find(|(name, _)| release.contains(name)).map(|(_, machine)| *machine)
}

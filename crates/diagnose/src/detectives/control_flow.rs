//! A call or jump to where none may go, caught by control-flow integrity: of the compiler or of the CPU.

use necropsy_arch::{Exception, Flow, Insn, Op, Operand, Regs};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_report::Place;
use necropsy_target::Target;

use crate::code::{self, Trace};
use crate::crash::Crash;
use crate::expression::Namer;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, reported};

pub const CONTROL_FLOW: Detective = Detective {
    id: "control-flow",
    title: "a call to where none may go",
    doc: "The trap is the one that clang puts before a call through a pointer, behind a comparison with the number that stands before each \
          function for its type: pointer, number wanted and number there are read from the code, the registers and memory. Or the CPU \
          refused a place that is no target of calls. The caller is to blame if the pointer leads to the beginning of a function of another \
          type; if it leads elsewhere, who damaged it is not known.",
    examine,
};

const CLASS: Class = Class::ControlFlowViolation;
/// Functions that are called for such violations only: arch/x86/kernel/cet.c, and kernel/cfi.c up to 6.0.
const REPORTS: &[&str] = &[
    "do_kernel_cp_fault",
    "exc_control_protection",
    "__cfi_check_fail",
    "handle_cfi_failure",
    "__cfi_slowpath_diag",
];
/// The number of a function's type stands so many bytes before it (clang's kCFI on x86-64 and arm64, without padding).
const BEFORE: i64 = -4;

/// The check that failed.
struct Check {
    /// Its first instruction.
    at: VirtAddr,
    /// The register with the pointer.
    pointer: usize,
    target: VirtAddr,
    wanted: u32,
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::InvalidOpcode && trap.fatal);
    if let Some(trap) = trap
        && let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr)
        && let Some(near) = t.near(pc)
    {
        let insns = code::function(t, &near);
        if let Some(check) = check(&insns, pc, trap.regs) {
            compared(t, crash, trap.index, &insns, pc, &check, found);
        }
        return;
    }
    refused(t, crash, found);
}

/// The compiler's sequence: `mov $-wanted, %r10d; add -4(%pointer), %r10d; je …; ud2`.
fn check(insns: &[Insn], pc: VirtAddr, regs: &Regs) -> Option<Check> {
    let trap = insns.iter().position(|i| i.at == pc)?;
    let [load, add, skip] = insns.get(trap.checked_sub(3)?..trap)? else { return None };
    let passes = matches!(skip.flow, Flow::Branch(to) if to == insns[trap].next());
    let mem = add.mem.filter(|m| passes && m.disp as i64 == BEFORE && m.size == 4 && m.index.is_none())?;
    let Op::Move { src: Operand::Imm(negative), .. } = load.op else { return None };
    let pointer = mem.base?;
    Some(Check {
        at: load.at,
        pointer,
        target: VirtAddr(regs.get(pointer)?),
        wanted: (negative as u32).wrapping_neg(),
    })
}

fn compared(
    t: &Target,
    crash: &Crash,
    index: usize,
    insns: &[Insn],
    pc: VirtAddr,
    check: &Check,
    found: &mut Findings,
) {
    let frames = &crash.stack.frames;
    let is = t.memory().u32(check.target.moved(BEFORE)).ok();
    let function = t.near(check.target).filter(|n| t.is_text(check.target) && n.start == check.target);
    // Who calls a function by the wrong type is to blame; who damaged a pointer is somebody else.
    let Some((at, sure)) = blame::culprit(t, frames, index) else { return };
    let sure = if function.is_some() { sure.min(0.75) } else { 0.3 };
    let who = place_in(t, frames, at, sure);
    let name = named(&who);
    let to = t.describe(check.target).replace("+0x0", "");
    let regs = crash.trap(t).map(|trap| trap.regs);
    let pointer = regs.and_then(|regs| {
        let trace = Trace::new(t, insns, pc, regs)?;
        Namer::new(t, &crash.stack, index).register(&trace, check.pointer)
    });
    let through = pointer.map(|p| format!(" through {}", p.text)).unwrap_or_default();
    let what = match &function {
        Some(_) => format!("{to}, a function of another type than the call is for"),
        None => format!(
            "{to} at {:#x}, where no function begins: the pointer is damaged or stale",
            check.target.0
        ),
    };
    let statement = format!(
        "{name} was about to call{through} {what}. Control-flow integrity, which the compiler put before the call, did not let it."
    );
    let mut h = Hypothesis::new(CLASS, format!("{name} calls {to} against its type"), statement);
    h.victim = Some(Place { confidence: None, ..who.clone() });
    h.culprit = Some(who);
    h.advice = vec![
        "compare the prototype of the function with that of the pointer, and look at the cast that hides the difference".into(),
    ];
    h.separate = Some("whether the pointer always had this value (a cast), or was written over".into());
    found.hypotheses.push(h);
    let there = is.map_or_else(|| "which cannot be read".to_owned(), |is| format!("{is:#010x}"));
    let before = check.target.moved(BEFORE);
    let claim =
        format!("before the place that was to be called, at {:#x}, stands the type {there}", before.0);
    found.add(CLASS, 1.0, format!("memory:{:#x}", before.0), format!("rd -32 {:x} 1", before.0), claim);
    // The check loads the number negated.
    let claim = format!(
        "the check before the call, which begins with loading {:#x}, wants {:#010x}: the trap is its answer",
        check.wanted.wrapping_neg(),
        check.wanted
    );
    let bears =
        [(CLASS, 6.0), (Class::InvalidOpcode, -5.0), (Class::BugAssertion, -5.0), (Class::Warning, -3.0)];
    let proof = format!("dis {:x} 4", check.at.0);
    found.add_to_all(&bears, format!("text:{}", t.describe(pc)), proof, claim);
}

/// The CPU, or older checks of the compiler, refused it: known by who reported.
fn refused(t: &Target, crash: &Crash, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let Some(report) = reported::below_panic(frames, REPORTS) else { return };
    // Where the CPU refused, the exception's frame is where the call went; behind it is who called.
    let entry = frames.iter().skip(report).position(|f| f.trap.is_some()).map(|n| report + n);
    let from = entry.map_or(report + 1, |entry| entry + 2);
    let Some((at, sure)) = blame::culprit(t, frames, from) else { return };
    let who = place_in(t, frames, at, sure.min(0.6));
    let name = named(&who);
    let to = entry.and_then(|entry| frames.get(entry + 1)?.pc).map(|pc| t.describe(pc).replace("+0x0", ""));
    let statement = format!(
        "{name} called or jumped {}, which is no place for it: control-flow integrity did not let it.",
        to.map_or_else(|| "through a pointer".to_owned(), |to| format!("to {to}"))
    );
    let mut h = Hypothesis::new(CLASS, format!("control-flow violation in {name}"), statement);
    h.victim = Some(who.clone());
    h.culprit = Some(who);
    h.advice = vec![
        "look at where the pointer comes from, and at the prototype of what it leads to: log, dis -r".into(),
    ];
    found.hypotheses.push(h);
    let by = frames[report].name().unwrap_or_default();
    let claim = format!("{by} is on the stack below the panic: it is called for such violations only");
    let bears = [(CLASS, 6.0), (Class::InvalidOpcode, -4.0), (Class::BugAssertion, -4.0)];
    found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
}

#[cfg(test)]
mod tests {
    use necropsy_arch::Arch;
    use necropsy_arch::x86_64::X86_64;
    use necropsy_synth::functions::{Functions, TEXT};

    use super::*;
    use crate::made;

    /// The check in a function with this code whose trap is at an offset, `%r11` being the pointer.
    fn found(code: &[u8], trap: u64) -> Option<(u64, u32)> {
        let mut made = Functions::default();
        made.function(0x100, "caller", code);
        made.function(0x140, "next", &[0xc3]);
        let t = made::kernel(made);
        let insns = code::function(&t, &t.near(VirtAddr(TEXT + 0x100))?);
        let mut regs = Regs::new();
        let r11 = X86_64.registers().iter().position(|n| *n == "r11")?;
        regs.set(r11, TEXT + 0x140);
        check(&insns, VirtAddr(TEXT + 0x100 + trap), &regs).map(|c| (c.target.0, c.wanted))
    }

    /// mov $-0x12345678,%r10d; add -4(%r11),%r10d; je over; ud2; call *%r11
    fn checked() -> Vec<u8> {
        let load = [&[0x41, 0xba][..], &(0x1234_5678u32.wrapping_neg()).to_le_bytes()].concat();
        [&load[..], &[0x45, 0x03, 0x53, 0xfc], &[0x74, 0x02], &[0x0f, 0x0b], &[0x41, 0xff, 0xd3]].concat()
    }

    #[test]
    fn the_check_before_a_call() {
        assert_eq!(found(&checked(), 12), Some((TEXT + 0x140, 0x1234_5678)));
        // A BUG() behind a comparison of something else, and a trap elsewhere.
        let mut other = checked();
        other[9] = 0xf8;
        assert_eq!(found(&other, 12), None);
        let mut far = checked();
        far[11] = 0x05;
        assert_eq!(found(&far, 12), None);
        assert_eq!(found(&[0x0f, 0x0b, 0xc3], 0), None);
    }
}

//! Functions of checks built into a kernel, which are called to report something and for nothing else.

use necropsy_arch::{Flow, Insn, Op, Operand};
use necropsy_target::Target;
use necropsy_target::unwind::{self, Frame, Stack};

use crate::code::{self, Trace};
use crate::crash::base_name;
use crate::{Class, Findings, blame};

/// How the functions of the checks' own machinery begin: KASAN, KCSAN, KMSAN and what the compiler calls for them.
const MACHINERY: &[&str] = &[
    "kasan_",
    "__kasan_",
    "__asan_",
    "__hwasan_",
    "kcsan_",
    "__tsan_",
    "kmsan_",
    "__msan_",
    "__cfi_check",
    "__cfi_slowpath",
];

/// Whether a function belongs to such a check.
pub fn is_check(name: &str) -> bool {
    MACHINERY.iter().any(|prefix| name.starts_with(prefix))
}

/// The outermost frame of one of these functions, below the panic. What reported and let the kernel live stands on no stack of its end.
pub fn below_panic(frames: &[Frame], functions: &[&str]) -> Option<usize> {
    let panic = frames.iter().position(|f| matches!(base_name(f), Some("panic" | "vpanic")))?;
    let of = |f: &Frame| base_name(f).is_some_and(|n| functions.contains(&n));
    frames.iter().enumerate().skip(panic + 1).rev().find_map(|(i, f)| of(f).then_some(i))
}

/// The first frame behind the report that is no part of the check: who was watched.
pub fn watched(frames: &[Frame], report: usize) -> Option<usize> {
    let own = |f: &Frame| base_name(f).is_some_and(is_check);
    frames.iter().enumerate().skip(report + 1).find_map(|(i, f)| (!own(f)).then_some(i))
}

/// A report that ended the kernel, and who it is about.
pub struct Report {
    /// The frame of the function that reports.
    pub report: usize,
    /// The frame of who was watched.
    pub watched: usize,
    /// The frame to blame for what that did.
    pub culprit: usize,
    /// How sure that is.
    pub sure: f64,
}

impl Report {
    /// That of one of these functions.
    pub fn by(t: &Target, frames: &[Frame], functions: &[&str]) -> Option<Report> {
        let report = below_panic(frames, functions)?;
        let watched = watched(frames, report)?;
        let (culprit, sure) = blame::culprit(t, frames, watched)?;
        Some(Report { report, watched, culprit, sure })
    }

    /// Adds that its function is on the stack of the end, and what that says.
    pub fn tell(&self, frames: &[Frame], class: Class, weight: f64, says: &str, found: &mut Findings) {
        let by = frames[self.report].name().unwrap_or_default();
        let claim = format!("{by} is on the stack below the panic: {says}");
        let bears =
            [(class, weight), (Class::Warning, -4.0), (Class::BugAssertion, -4.0), (Class::SoftLockup, -2.0)];
        found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
    }
}

/// The `n`th argument of the call that the frame at `index` stands in, worked out from its code and the registers that are known there.
pub fn argument(t: &Target, stack: &Stack, index: usize, n: usize) -> Option<u64> {
    let frame = stack.frames.get(index)?;
    let regs = unwind::registers(t, stack);
    let back = frame.pc?;
    let insns = code::function(t, frame.function.as_ref()?);
    let call = insns.iter().position(|i| i.next() == back && matches!(i.flow, Flow::Call(_)))?;
    let trace = Trace::new(t, &insns, insns[call].at, regs.get(index)?)?;
    trace.value(*t.arch().argument_registers().get(n)?, call, 0)
}

/// The `n`th argument that the function of the frame at `index` was given, if a register still has it that was made a copy of it at the
/// function's beginning.
pub fn received(t: &Target, stack: &Stack, index: usize, n: usize) -> Option<u64> {
    let frame = stack.frames.get(index)?;
    let regs = unwind::registers(t, stack);
    // What was interrupted has all its registers in the frame of who did that.
    let saved = index.checked_sub(1).and_then(|i| stack.frames[i].trap.as_ref());
    let (regs, place) = (saved.or(regs.get(index))?, frame.place()?);
    let insns = code::function(t, frame.function.as_ref()?);
    let here = insns.iter().position(|i| i.at <= place && place < i.next())?;
    let argument = *t.arch().argument_registers().get(n)?;
    let first = insns.iter().position(|i| i.changes(argument)).unwrap_or(here);
    let copy = |i: &Insn| match i.op {
        Op::Move { dst, src: Operand::Reg(src) } if src == argument => Some(dst),
        _ => None,
    };
    let kept = |(at, dst): (usize, usize)| {
        let preserved = t.arch().preserved_registers() >> dst & 1 == 1;
        // A pop gives the caller's value back.
        let changes = |insn: &Insn| insn.changes(dst) && !insn.changes(t.arch().sp());
        (preserved && code::carries(&insns, at, here, &changes)).then(|| regs.get(dst)).flatten()
    };
    insns[..first.min(here)].iter().enumerate().filter_map(|(i, insn)| Some((i, copy(insn)?))).find_map(kept)
}

#[cfg(test)]
mod tests {
    use necropsy_base::{Near, VirtAddr};
    use necropsy_target::unwind::Trust;

    use super::*;

    fn frame(name: &&str) -> Frame {
        Frame {
            pc: Some(VirtAddr(0x10)),
            exact: false,
            sp: VirtAddr(0),
            slot: None,
            function: Some(Near { name: (*name).into(), start: VirtAddr(0), size: None, module: None }),
            trust: Trust::Orc,
            regs: necropsy_arch::Regs::default(),
            trap: None,
            remark: None,
        }
    }

    #[test]
    fn the_outermost_report_below_the_panic_and_who_was_watched() {
        let of = |names: &[&str]| {
            let frames: Vec<Frame> = names.iter().map(frame).collect();
            let report = below_panic(&frames, &["kasan_report", "kcsan_report_known_origin"])?;
            Some((report, watched(&frames, report)?))
        };
        let load = ["panic", "end_report", "kasan_report", "__asan_report_load8_noabort", "mine", "other"];
        assert_eq!(of(&load), Some((2, 4)));
        let race = ["panic", "kcsan_report_known_origin.isra.0", "kcsan_setup_watchpoint", "mine"];
        assert_eq!(of(&race), Some((1, 3)));
        // A report that the kernel outlived, and no panic at all.
        assert_eq!(of(&["panic", "out_of_memory", "mine"]), None);
        assert_eq!(of(&["kasan_report", "mine"]), None);
    }
}

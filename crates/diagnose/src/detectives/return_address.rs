//! A function that returned to what was written over its return address, where no canary stood before that.

use necropsy_arch::{Exception, Flow, Regs};
use necropsy_base::{MemoryExt, Near, VirtAddr};
use necropsy_kernel::vfs::{self, OpenFile, Operation};
use necropsy_report::Place;
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, Trust};

use super::stack_protector::{buffers, canary};
use crate::crash::{Crash, Trap, base_name};
use crate::runs::{self, Run};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, code};

pub const RETURN_ADDRESS: Detective = Detective {
    id: "return-address",
    title: "a return to what was written over the stack",
    doc: "The CPU went, or by a return was about to go, to an address that is no code, and the top of the stack holds no return address as it would \
          after a call, but text or a pattern that the address is part of: it was taken from a stack that was written over. Who returned is \
          known only where the return itself trapped; else the function that serves the system call's file is where to look.",
    examine,
};

const CLASS: Class = Class::StackBufferOverflow;
const WORD: u64 = 8;

/// A return that led nowhere.
struct Returned {
    to: u64,
    /// A word of the stack that was written over.
    at: VirtAddr,
    /// Whether the return itself trapped: its function is known.
    trapped: bool,
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let faults = [Exception::PageFault, Exception::GeneralProtection];
    let Some(trap) = crash.trap(t).filter(|trap| trap.fatal && faults.contains(&trap.kind)) else { return };
    let Some(returned) = returned(t, &trap) else { return };
    let stack = crash.task.stack_range(t);
    let run = runs::around(t, returned.at, VirtAddr(stack.start)).filter(|_| stack.contains(&returned.at.0));
    let Some(run) = run.filter(|run| holds(t, run, returned.to)) else { return };
    let h = hypothesis(t, crash, &trap, &returned, &run, found);
    found.hypotheses.push(h);
    let from = run.start.0 & !7;
    let words = ((run.end.0 - from) / WORD + 1).clamp(2, 64);
    let claim = format!(
        "{} fills the stack from {:#x} to {:#x}, where return addresses were: the CPU took {:#x} from it",
        run.what, run.start.0, run.end.0, returned.to
    );
    let bears = [
        (CLASS, 6.0),
        (Class::WildPointerDereference, -6.0),
        (Class::NxViolation, -5.0),
        (Class::UserAccessViolation, -3.0),
    ];
    found.add_to_all(&bears, format!("memory:{from:#x}"), format!("rd {from:x} {words}"), claim);
}

fn returned(t: &Target, trap: &Trap<'_>) -> Option<Returned> {
    let pc = VirtAddr(trap.regs.get(t.arch().pc())?);
    let sp = VirtAddr(trap.regs.get(t.arch().sp())?);
    let top = t.memory().word(sp).ok()?;
    if !t.is_text(pc) {
        // After a call the address behind it is on top of the stack; a jump leaves the caller's.
        return (!t.is_text(VirtAddr(top))).then_some(Returned { to: pc.0, at: sp, trapped: false });
    }
    let insns = code::function(t, &t.near(pc)?);
    let returns = insns.iter().any(|i| i.at == pc && matches!(i.flow, Flow::Return));
    (returns && !t.is_text(VirtAddr(top))).then_some(Returned { to: top, at: sp, trapped: true })
}

/// Whether an address is part of a run: its bytes stand there, at any place.
fn holds(t: &Target, run: &Run, address: u64) -> bool {
    let len = (run.end.0 - run.start.0).min(4096) as usize;
    let Ok(bytes) = t.memory().bytes(run.start, len) else { return false };
    let wanted = address.to_le_bytes();
    // A run that repeats begins anew behind its end.
    let twice = [&bytes[..], &bytes[..]].concat();
    twice.windows(wanted.len()).any(|w| w == wanted)
}

/// Functions on the way of a system call to a file, and what they do with it.
const CALLS: &[(&str, Operation)] = &[
    ("vfs_write", Operation::Write),
    ("ksys_write", Operation::Write),
    ("vfs_read", Operation::Read),
    ("ksys_read", Operation::Read),
    ("__x64_sys_ioctl", Operation::Control),
    ("__do_sys_ioctl", Operation::Control),
    ("vfs_ioctl", Operation::Control),
];

/// The function that serves the system call, where that is one to an open file and its own frame is lost: what returned was called by it, or
/// is it. With the file.
fn served(t: &Target, crash: &Crash, from: usize) -> Option<(VirtAddr, OpenFile)> {
    let frames = &crash.stack.frames;
    let call = |f: &Frame| CALLS.iter().find(|(name, _)| base_name(f) == Some(name)).map(|(_, what)| *what);
    let what = frames.iter().skip(from).find(|f| f.name().is_some()).and_then(call)?;
    let user = frames.iter().rev().find_map(|f| f.trap.as_ref())?;
    let fd = user.get(*t.arch().argument_registers().first()?)? & 0xffff_ffff;
    let file = vfs::of_task(t, &crash.task).ok()??.into_iter().find(|open| open.fd == fd)?;
    Some((vfs::serves(t, file.file.at, what).ok()??, file))
}

/// A function with a buffer on the stack and no canary, and who is given the buffer.
struct Bare {
    function: Near,
    writer: Near,
    call: VirtAddr,
    /// The writer only does what it is told.
    servant: bool,
}

/// Of the functions that `from` calls those without a canary that hand a buffer of their frame to who writes to it, if they were called with
/// the stack as it was: their return address lay below `above`.
fn bare(t: &Target, from: VirtAddr, above: VirtAddr) -> Vec<Bare> {
    let Some(function) = t.near(from) else { return Vec::new() };
    let calls = code::function(t, &function);
    let mut called: Vec<VirtAddr> = calls
        .iter()
        .filter_map(|i| match i.flow {
            Flow::Call(Some(to)) => {
                t.near(to).filter(|n| n.start == to && n.module == function.module).map(|_| to)
            }
            _ => None,
        })
        .collect();
    called.sort_unstable();
    called.dedup();
    called.into_iter().filter_map(|at| bare_at(t, at, above)).collect()
}

fn bare_at(t: &Target, at: VirtAddr, above: VirtAddr) -> Option<Bare> {
    let function = t.near(at)?;
    let insns = code::function(t, &function);
    let frame = entered(t, &function, VirtAddr(above.0.checked_sub(WORD)?));
    if canary::find(t, &frame, &insns).is_some() {
        return None;
    }
    let handed = buffers::handed(t, &frame, &insns, None);
    let writer = buffers::writer(&handed, None)?;
    Some(Bare { writer: writer.callee.clone(), call: writer.call, servant: writer.servant, function })
}

/// The frame of a function at its first instruction.
fn entered(t: &Target, function: &Near, sp: VirtAddr) -> Frame {
    let mut regs = Regs::new();
    regs.set(t.arch().pc(), function.start.0);
    regs.set(t.arch().sp(), sp.0);
    Frame {
        pc: Some(function.start),
        exact: true,
        sp,
        slot: None,
        function: Some(function.clone()),
        trust: Trust::Inferred,
        regs,
        trap: None,
        remark: None,
    }
}

/// The one that fits is where to look first, and no more than that.
fn tell_bare(t: &Target, bare: &Bare, h: &mut Hypothesis, found: &mut Findings) {
    let victim = crate::findings::place(t, bare.function.start, None);
    let name = named(&victim);
    let writer = crate::findings::place(t, bare.writer.start, Some(0.5));
    h.statement += &format!(
        " Of those it calls only {name} has no canary and hands a buffer on its stack to who writes there, {}.",
        named(&writer)
    );
    let claim = format!(
        "{name} hands a buffer of its frame to {} at {}, and has no canary",
        named(&writer),
        t.describe(bare.call)
    );
    let proof = format!("dis {}", bare.function.name);
    found.add(CLASS, 0.3, format!("text:{}", bare.function.name), proof, claim);
    h.culprit = Some(if bare.servant { Place { confidence: Some(0.5), ..victim.clone() } } else { writer });
    h.victim = Some(victim);
}

fn hypothesis(
    t: &Target,
    crash: &Crash,
    trap: &Trap<'_>,
    returned: &Returned,
    run: &Run,
    found: &mut Findings,
) -> Hypothesis {
    let frames = &crash.stack.frames;
    let from = if returned.trapped { trap.index } else { trap.index + 1 };
    let place = blame::culprit(t, frames, from).map(|(i, sure)| place_in(t, frames, i, 0.5 * sure));
    let near = place.as_ref().map_or_else(|| "an unknown function".to_owned(), named);
    let (title, who) = if returned.trapped {
        (
            format!("{near} returned to {:#x}, which was written over its return address", returned.to),
            near.clone(),
        )
    } else {
        let who = format!("a function that {near} called, directly or through others,");
        (
            format!(
                "a function below {near} returned to {:#x}, written over its return address",
                returned.to
            ),
            who,
        )
    };
    let statement = format!(
        "A write into a buffer on the stack went past its end: {} stands at {:#x} to {:#x}, over the return address that {who} was called with. It returned to {:#x}.",
        run.what, run.start.0, run.end.0, returned.to
    );
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.culprit = place.clone().filter(|_| returned.trapped);
    h.victim = place.map(|p| Place { confidence: None, ..p });
    if let Some((at, file)) = served(t, crash, from).filter(|_| !returned.trapped) {
        let serves = crate::findings::place(t, at, Some(0.35));
        let (who, path) = (named(&serves), necropsy_report::terminal_safe(&file.file.path));
        h.statement += &format!(
            " The call was for {path}, which {who} serves: it, or what it calls, is to be looked at."
        );
        let claim = format!("the call was for file {} of the task, {path}", file.fd);
        found.add(CLASS, 0.1, "memory:the task's files", format!("files {}", crash.task.pid), claim);
        h.culprit = Some(serves);
        if let [one] = &bare(t, at, returned.at)[..] {
            tell_bare(t, one, &mut h, found);
        }
    }
    h.advice = vec![
        "find who writes that text or pattern into a buffer on the stack: the functions that the caller named calls".into(),
        "CONFIG_STACKPROTECTOR_STRONG puts a canary before the return address of functions with buffers; see why this one had none".into(),
    ];
    h
}

#[cfg(test)]
mod tests {
    use necropsy_arch::{Arch, x86_64::X86_64};
    use necropsy_synth::functions::{DATA, Functions, TEXT};

    use super::*;
    use crate::made;

    /// Where the CPU returned to, and whether the return trapped, with this top of the stack and the program counter there.
    fn of(top: u64, pc: u64) -> Option<(u64, bool)> {
        let mut made = Functions::default();
        made.function(0x100, "mine", &[0x90, 0xc3]);
        made.function(0x140, "caller", &[0xe8, 0, 0, 0, 0, 0xc3]);
        made.data(0, "stack", &[top, 0]);
        let t = made::kernel(made);
        let mut regs = Regs::new();
        regs.set(X86_64.pc(), pc);
        regs.set(X86_64.sp(), DATA);
        let trap = Trap { index: 0, kind: Exception::GeneralProtection, regs: &regs, fatal: true };
        returned(&t, &trap).map(|r| (r.to, r.trapped))
    }

    #[test]
    fn a_return_is_told_from_a_call() {
        let text = u64::from_le_bytes(*b"hijklmno");
        // It went there with more of the same on the stack, or trapped at the return.
        assert_eq!(of(u64::from_le_bytes(*b"abcdefgh"), text), Some((text, false)));
        assert_eq!(of(text, TEXT + 0x101), Some((text, true)));
        // A call leaves a return address; a return to code is fine, and another instruction is no return.
        assert_eq!(of(TEXT + 0x145, text), None);
        assert_eq!(of(TEXT + 0x145, TEXT + 0x101), None);
        assert_eq!(of(text, TEXT + 0x100), None);
    }

    #[test]
    fn an_address_is_part_of_what_was_written() {
        let mut made = Functions::default();
        made.data(0, "stack", &[0, u64::from_le_bytes(*b"abcdefgh"), u64::from_le_bytes(*b"ijklabcd"), 0]);
        let t = made::kernel(made);
        let run = Run { start: VirtAddr(DATA + 8), end: VirtAddr(DATA + 24), what: String::new() };
        let holds = |text: &[u8; 8]| holds(&t, &run, u64::from_le_bytes(*text));
        assert!(holds(b"cdefghij") && holds(b"ijklabcd"));
        assert!(!holds(b"zzzzzzzz") && !holds(b"abcdzzzz"));
    }
}

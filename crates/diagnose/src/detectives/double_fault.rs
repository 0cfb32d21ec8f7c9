//! An exception while another was delivered, and not for want of stack.

use necropsy_arch::{Exception, Insn, Op, Operand, WalkError};
use necropsy_base::VirtAddr;
use necropsy_kernel::identify;
use necropsy_kernel::tasks::Tasks;
use necropsy_report::Place;
use necropsy_target::Target;

use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, code};

pub const DOUBLE_FAULT: Detective = Detective {
    id: "double-fault",
    title: "an exception while another was delivered",
    doc: "The CPU could not deliver an exception: the double fault's own frame names the code that was running. Where the stack pointer lies at or \
          below the end of the task's stack it is that which was used up. Where it leads to no memory, that is why; and where the code that was \
          running had set it itself, that function is to blame. Else the stack pointer, the exception's table or the page tables were \
          damaged, and who did that is not told.",
    examine,
};

const CLASS: Class = Class::DoubleFault;
/// What the CPU pushes when it delivers an exception, and what a call does.
const PUSHED: i64 = 8;

/// Where the stack pointer leads.
enum Leads {
    /// To memory that can be read: it was not that.
    ToMemory(String),
    /// To none.
    Nowhere,
    /// That cannot be told from this dump.
    Unknown(String),
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(trap) = crash.trap(t).filter(|trap| trap.kind == Exception::DoubleFault) else { return };
    let Some(sp) = trap.regs.get(t.arch().sp()) else { return };
    let frames = &crash.stack.frames;
    let leads = leads(t, case.tasks(), VirtAddr(sp.wrapping_sub(PUSHED as u64)));
    let pc = trap.regs.get(t.arch().pc()).map(VirtAddr);
    let set = pc.and_then(|pc| own_stack(t, pc)).filter(|_| matches!(leads, Leads::Nowhere));
    let sure = if set.is_some() { 0.8 } else { 0.4 };
    let place = blame::culprit(t, frames, trap.index).map(|(i, s)| place_in(t, frames, i, sure * s));
    let who = place.as_ref().map_or_else(|| "an unknown function".to_owned(), named);
    found.hypotheses.push(hypothesis(&who, sp, &leads, set, place));
    let claim = format!("a double fault ended the kernel; the stack pointer was {sp:#x}");
    // A stack that was used up is another detective's, who knows more.
    found.add(CLASS, 3.0, "stack", "fault".to_owned(), claim);
    let (claim, weight) = match &leads {
        Leads::Nowhere => {
            (format!("what would be pushed next goes to {:#x}, which is not mapped", sp.wrapping_sub(8)), 1.0)
        }
        Leads::ToMemory(what) => (format!("the stack pointer leads to memory, {what}: that was not it"), 0.0),
        Leads::Unknown(why) => {
            (format!("whether the stack pointer leads to memory cannot be told: {why}"), 0.0)
        }
    };
    found.add(CLASS, weight, "page tables", format!("vtop {:x}", sp.wrapping_sub(PUSHED as u64)), claim);
    if let Some(at) = set {
        let claim = format!("{} sets the stack pointer, the last before the fault", t.describe(at));
        let text = code::text(t, at).map(|text| format!(": {text}")).unwrap_or_default();
        found.add(CLASS, 1.0, format!("text:{}", t.describe(at)), format!("dis {:x} 1", at.0), claim + &text);
    }
}

fn leads(t: &Target, tasks: Option<&Tasks>, next: VirtAddr) -> Leads {
    match t.kernel().map(|kernel| kernel.walk(next)) {
        Some(Ok(_)) => Leads::ToMemory(identify::identify(t, tasks, next.0).text()),
        Some(Err(WalkError::NotMapped { .. } | WalkError::NonCanonical(_))) => Leads::Nowhere,
        Some(Err(e)) => Leads::Unknown(e.to_string()),
        None => Leads::Unknown("this dump has no page tables".into()),
    }
}

/// The last instruction before the fault by which the function that was running set the stack pointer to something else than its frame.
fn own_stack(t: &Target, pc: VirtAddr) -> Option<VirtAddr> {
    let insns = code::function(t, &t.near(pc)?);
    let sp = t.arch().sp();
    let sets = |i: &&Insn| match i.op {
        // A function that takes its frame down was not the one to choose the stack.
        Op::Move { dst, src: Operand::Reg(from) } => {
            dst == sp && !matches!(t.arch().registers().get(from), Some(&"rbp" | &"x29"))
        }
        Op::Move { dst, .. } => dst == sp,
        _ => false,
    };
    insns.iter().take_while(|i| i.at < pc).filter(sets).last().map(|i| i.at)
}

fn hypothesis(who: &str, sp: u64, leads: &Leads, set: Option<VirtAddr>, place: Option<Place>) -> Hypothesis {
    let why = match (leads, set) {
        (Leads::Nowhere, Some(_)) => format!(
            "the stack pointer, {sp:#x}, leads to no memory, so that nothing could be pushed. {who} had set it itself, to a stack that is not there."
        ),
        (Leads::Nowhere, None) => format!(
            "the stack pointer, {sp:#x}, leads to no memory, so that nothing could be pushed. Who changed it is not known."
        ),
        (Leads::ToMemory(what), _) => format!(
            "the stack pointer, {sp:#x}, is good ({what}): the table of exceptions or the page tables were not as they must be. Who did that is not known."
        ),
        (Leads::Unknown(_), _) => format!(
            "the stack pointer ({sp:#x}), the table of exceptions or the page tables were not as they must be."
        ),
    };
    let mut h = Hypothesis::new(
        CLASS,
        format!("double fault in {who}"),
        format!("The CPU could not deliver an exception in {who}: {why}"),
    );
    h.culprit = place.clone().filter(|_| set.is_some());
    h.victim = place.map(|p| Place { confidence: None, ..p });
    h.advice = vec!["look at the registers and where the stack pointer leads: fault, vtop".into()];
    h.separate = Some("whether the stack pointer is one of the task's stack, and what changed it".into());
    h
}

#[cfg(test)]
mod tests {
    use necropsy_synth::functions::{Functions, TEXT};

    use super::*;
    use crate::made;

    #[test]
    fn who_set_the_stack_pointer() {
        let set = |code: &[u8], pc: u64| {
            let mut made = Functions::default();
            made.function(0x100, "thunk", code);
            made.function(0x140, "next", &[0xc3]);
            own_stack(&made::kernel(made), VirtAddr(TEXT + 0x100 + pc)).map(|at| at.0 - TEXT - 0x100)
        };
        // push %rbp; mov %rsp,%rbp; mov %rsi,%rsp; call *%rdi; mov %rbp,%rsp; pop %rbp; ret
        let thunk = [0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf4, 0xff, 0xd7, 0x48, 0x89, 0xec, 0x5d, 0xc3];
        assert_eq!(set(&thunk, 7), Some(4));
        // Before it did so, and a function that only takes its frame down: mov %rbp,%rsp; pop %rbp.
        assert_eq!(set(&thunk, 4), None);
        assert_eq!(set(&[0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xec, 0x5d, 0xc3], 7), None);
        // sub $0x20,%rsp makes room on the same stack.
        assert_eq!(set(&[0x48, 0x83, 0xec, 0x20, 0xff, 0xd7, 0xc3], 4), None);
    }
}

//! An exception while another was delivered, and not for want of stack.

use necropsy_arch::Exception;

use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const DOUBLE_FAULT: Detective = Detective {
    id: "double-fault",
    title: "an exception while another was delivered",
    doc: "The CPU could not deliver an exception: the double fault's own frame names the code that was running. Where the stack pointer lies at or \
          below the end of the task's stack it is that which was used up; else the stack pointer, the exception's table or the page tables \
          were damaged, and who did that is not told.",
    examine,
};

const CLASS: Class = Class::DoubleFault;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(trap) = crash.trap(t).filter(|trap| trap.kind == Exception::DoubleFault) else { return };
    let Some(sp) = trap.regs.get(t.arch().sp()) else { return };
    let frames = &crash.stack.frames;
    let place = blame::culprit(t, frames, trap.index).map(|(i, sure)| place_in(t, frames, i, 0.4 * sure));
    let who = place.as_ref().map_or_else(|| "an unknown function".to_owned(), named);
    let statement = format!(
        "The CPU could not deliver an exception in {who} (stack pointer {sp:#x}): the stack pointer, the table of exceptions or the page tables \
         were not as they must be."
    );
    let mut h = Hypothesis::new(CLASS, format!("double fault in {who}"), statement);
    h.victim = place;
    h.advice = vec!["look at the registers and where the stack pointer leads: fault, vtop".into()];
    h.separate = Some("whether the stack pointer is one of the task's stack, and what changed it".into());
    found.hypotheses.push(h);
    let claim = format!("a double fault ended the kernel; the stack pointer was {sp:#x}");
    // A stack that was used up is another detective's, who knows more.
    found.add(CLASS, 3.0, "stack", "fault".to_owned(), claim);
}

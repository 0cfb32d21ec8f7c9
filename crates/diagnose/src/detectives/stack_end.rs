//! The word at the end of a stack that is not what the kernel put there.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_report::bytes_text;
use necropsy_target::Target;

use crate::crash::Crash;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const STACK_END: Detective = Detective {
    id: "stack-end",
    title: "the end of a stack written over",
    doc: "The kernel puts a number at the end of each stack and looks at it when the task gives up its CPU (CONFIG_SCHED_STACK_END_CHECK). The \
          scheduler called the panic, and the number is not there any more: the stack was used up to its end, or something wrote there. What the \
          task was doing is named, without certainty.",
    examine,
};

const CLASS: Class = Class::KernelStackOverflow;
/// `STACK_END_MAGIC` (include/uapi/linux/magic.h).
const MAGIC: u64 = 0x57ac_6e9d;
/// Functions that look (kernel/sched/core.c): the check is inlined into the others.
const LOOKS: &[&str] = &["schedule_debug", "__schedule", "schedule"];
/// How far from the end one looks for what is not zero.
const NEAR: u64 = 512;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(index) = crash.panic_caller(t, LOOKS) else { return };
    let Some((end, is)) = end_of_stack(t, crash).filter(|(_, is)| *is != MAGIC) else { return };
    let frames = &crash.stack.frames;
    let who = blame::culprit(t, frames, index).map(|(i, sure)| place_in(t, frames, i, sure * 0.7));
    let name = who.as_ref().map_or_else(|| "an unknown function".to_owned(), named);
    let task = format!("{} ({})", bytes_text(&crash.task.comm.0), crash.task.pid);
    let mut h = Hypothesis::new(
        CLASS,
        format!("the end of the stack of {task} was written over, in or below {name}"),
        format!(
            "The stack of {task} ends with {is:#x} where the kernel had put {MAGIC:#x}: it was used up to its end, or something wrote there by a \
             pointer. The scheduler noticed when the task gave up its CPU in {name}."
        ),
    );
    h.victim = who.clone();
    h.culprit = who;
    h.advice = vec![
        format!("look at what lies at the end of the stack: rd {:x} 64", end.0),
        "look for large variables and deep calls below that function, and for pointers into the stack that were passed on".into(),
    ];
    h.separate = Some("whether what lies there is of frames (return addresses), or of something else".into());
    found.hypotheses.push(h);
    let claim = format!("the word at the end of the stack, {:#x}, is {is:#x} and not {MAGIC:#x}", end.0);
    found.add(CLASS, 4.0, format!("memory:{:#x}", end.0), format!("rd {:x} 1", end.0), claim);
    let claim = "the scheduler called the panic, which it does for this reason only";
    found.add(CLASS, 2.0, "stack", "bt".to_owned(), claim);
    filled(t, end, found);
}

/// Where the task's stack ends, and what is there.
fn end_of_stack(t: &Target, crash: &Crash) -> Option<(VirtAddr, u64)> {
    let low = VirtAddr(crash.task.stack_range(t).start);
    // Kernels whose tasks have their thread_info on the stack have it there.
    let inside = t.offset_of("task_struct", "thread_info").is_err();
    let by = if inside { t.size_of("thread_info").ok()? } else { 0 };
    let end = low.offset(by);
    Some((end, t.memory().word(end).ok()?))
}

/// Whether return addresses lie near the end: then calls reached it.
fn filled(t: &Target, end: VirtAddr, found: &mut Findings) {
    let words = (0..NEAR).step_by(8).filter_map(|by| t.memory().u64(end.offset(by)).ok());
    let code = words.filter(|w| t.is_text(VirtAddr(*w))).count();
    let claim = match code {
        0 => format!(
            "no return addresses lie in the {NEAR} bytes at the end: no calls reached it, a large variable or a stray write did"
        ),
        n => format!("{n} addresses of code lie in the {NEAR} bytes at the end: calls reached it"),
    };
    found.add(CLASS, 0.3, format!("memory:{:#x}", end.0), format!("rd -s {:x} {}", end.0, NEAR / 8), claim);
}

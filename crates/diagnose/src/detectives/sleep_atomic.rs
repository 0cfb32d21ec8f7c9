//! A task that gave the CPU away where it must not.

use necropsy_target::unwind::Frame;

use crate::crash::{Crash, base_name};
use crate::spinning;
use crate::suspect::{named, place_in, place_of};
use crate::timeline::first_event;
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const SLEEP_ATOMIC: Detective = Detective {
    id: "sleep-atomic",
    title: "a task that sleeps where it must not",
    doc: "The scheduler itself refused to go on: `__schedule_bug` is on the stack of the task that died, below `panic`. The frame above \
          that called for the sleep is named; where the code of a frame took a spin lock and has not come to its unlock, that is \
          why it must not sleep.",
    examine,
};

const CLASS: Class = Class::SleepInAtomic;
/// Who complains (kernel/sched/core.c): of a switch with preemption off, of a wait, of an allocation.
const REPORTERS: &[&str] =
    &["__schedule_bug", "schedule_debug", "__might_sleep", "__might_resched", "___might_sleep"];

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let Some((reporter, _)) = crash.frame(REPORTERS).filter(|(i, _)| reported(crash, *i)) else { return };
    let (t, frames) = (&case.target, &crash.stack.frames);
    let after = |i: usize| frames.get(i).and_then(base_name);
    // The sleep itself, then who wanted it.
    let asleep = (reporter + 1..frames.len()).find(|i| after(*i).is_some_and(|n| !is_sleep(n)));
    let Some(asleep) = asleep else { return };
    let Some((index, sure)) = blame::culprit(t, frames, asleep) else { return };
    // What the scheduler itself takes on the way is not what was held.
    let held = spinning::lock_held(t, &crash.task, crash.cpu, &crash.stack, asleep);
    // Who holds the lock is the one that must not sleep; what it calls may be innocent.
    let (index, sure) = match &held {
        Some(h) if h.frame >= index => (h.frame, 0.9),
        _ => (index, sure * 0.9),
    };
    let culprit = place_in(t, frames, index, sure);
    let who = named(&culprit);
    let sleep =
        (reporter + 1..index).rev().filter_map(after).find(|n| !necropsy_kernel::locks::is_scheduler(n));
    let how = sleep.map(|s| format!(" (through {s})")).unwrap_or_default();
    let mut statement = format!(
        "Task {} ({}) gave the CPU away{how} in {who}, where preemption is off: the scheduler noticed and ended the kernel.",
        crash.task.comm_text(),
        crash.task.pid
    );
    if let Some(h) = &held {
        statement += &format!(
            " It holds the spin lock {}, taken at {}.",
            t.describe(h.lock).replace("+0x0", ""),
            t.describe(h.taken)
        );
    }
    let mut h = Hypothesis::new(CLASS, format!("sleep in atomic context in {who}"), statement);
    h.victim = frames.get(reporter).map(|f| place_of(t, f, 0.9));
    h.culprit = Some(culprit);
    h.advice = vec![
        "do not sleep with a spin lock held: give it back before, or use a mutex, or an allocation without waiting".into(),
        "a kernel with CONFIG_DEBUG_ATOMIC_SLEEP finds every such call, not only those that really sleep".into(),
    ];
    found.hypotheses.push(h);
    let by = frames[reporter].name().unwrap_or_default();
    found.add(
        CLASS,
        5.0,
        "stack",
        "bt".to_owned(),
        format!("{by} called the panic: it does so only when a task sleeps with preemption off"),
    );
    if let Some(held) = held {
        let claim = format!(
            "{who} took the spin lock {} at {} and has not come to the unlock",
            t.describe(held.lock).replace("+0x0", ""),
            t.describe(held.taken)
        );
        let reproduce =
            frames.get(held.frame).and_then(|f: &Frame| f.pc).map(|pc| format!("dis -r {:x}", pc.0));
        found.add(CLASS, 1.5, "stack", reproduce, claim);
    }
    if let Some((line, text)) = first_event(case.log(), &["atomic.sched", "atomic.sleep"]) {
        found.add(CLASS, 0.5, format!("log:{line}"), "log".to_owned(), format!("the log says: {text}"));
    }
}

/// Whether the reporter called the panic, and not merely stands on the stack.
fn reported(crash: &Crash, reporter: usize) -> bool {
    let frames = &crash.stack.frames[..reporter];
    let panics = |f: &Frame| matches!(base_name(f), Some("panic" | "vpanic"));
    frames.iter().rposition(panics).is_some_and(|at| reporter - at <= 3)
}

fn is_sleep(name: &str) -> bool {
    use necropsy_kernel::locks;
    locks::is_scheduler(name) || locks::wait_function(name).is_some() || REPORTERS.contains(&name)
}

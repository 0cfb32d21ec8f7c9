//! A kernel stack that was used up.

use necropsy_arch::Exception;
use necropsy_target::unwind::Frame;

use crate::crash::base_name;
use crate::suspect::{named, place_in, place_of};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const STACK_OVERFLOW: Detective = Detective {
    id: "stack-overflow",
    title: "a kernel stack that was used up",
    doc: "The stack pointer of the code that faulted lies below the task's stack, in the guard page. Functions that repeat on the stack \
          are a recursion; without one, the largest frames are what used the stack up.",
    examine,
};

const CLASS: Class = Class::KernelStackOverflow;
/// How far below the stack one call may reach: a guard page, and a large frame.
const GUARD: u64 = 16 << 10;
/// The longest recursion that is looked for, in functions.
const MAX_PERIOD: usize = 24;
/// Rounds of it that must be on the stack.
const ROUNDS: usize = 3;

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let t = &case.target;
    let kinds = [Exception::DoubleFault, Exception::PageFault];
    let Some(trap) = crash.trap(t).filter(|trap| kinds.contains(&trap.kind)) else { return };
    let Some(sp) = trap.regs.get(t.arch().sp()) else { return };
    let stack = crash.task.stack_range(t);
    // A call that found no room faults with the stack pointer at the very end; one with a large frame below it.
    let below = sp <= stack.start.saturating_add(64) && stack.start.saturating_sub(sp) <= GUARD;
    if stack.is_empty() || !below {
        return;
    }
    let frames = crash.stack.frames.get(trap.index..).unwrap_or_default();
    let cycle = recursion(frames);
    let largest = largest_frame(frames);
    let suspect = match &cycle {
        Some(cycle) => frames
            .iter()
            .position(|f| base_name(f).is_some_and(|n| cycle.names.contains(&n) && !blame::is_servant(n))),
        None => largest.map(|(i, _)| i),
    };
    let sure = if cycle.is_some() { 0.93 } else { 0.4 };
    let culprit = suspect.map(|i| place_in(t, frames, i, sure));
    let who = culprit.as_ref().map_or_else(|| "an unknown function".to_owned(), named);
    let title = match &cycle {
        Some(_) => format!("kernel stack overflow: {who} calls itself without end"),
        None => format!("kernel stack overflow below {who}"),
    };
    let size = stack.end - stack.start;
    let mut statement = format!(
        "Task {} ({}) used up its kernel stack of {size} bytes: the stack pointer was {sp:#x}, the stack begins at {:#x}.",
        necropsy_report::bytes_text(&crash.task.comm.0),
        crash.task.pid,
        stack.start
    );
    match (&cycle, largest) {
        (Some(c), _) => {
            statement += &format!(" {} repeats at least {} times on it.", c.names.join(" > "), c.rounds);
        }
        (None, Some((i, bytes))) => {
            statement += &format!(
                " Nothing repeats; the largest frame, {bytes} bytes, is that of {}.",
                frames[i].name().unwrap_or("?")
            );
        }
        (None, None) => {}
    }
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.victim = frames.first().map(|f| place_of(t, f, 0.9));
    h.culprit = culprit;
    h.advice = vec!["look what ends the recursion, or what is large on the stack: bt -f".into()];
    found.hypotheses.push(h);
    let side = if sp < stack.start { "below" } else { "at the end of" };
    found.add(
        CLASS,
        4.5,
        "stack",
        "fault".to_owned(),
        format!("the stack pointer was {sp:#x}, {side} the task's stack"),
    );
    let claim = format!("the task's stack begins at {:#x}", stack.start);
    found.add(CLASS, 0.2, "stack", format!("task -R stack {}", crash.task.pid), claim);
    if let Some(c) = &cycle {
        let claim =
            format!("{} stands on the stack at least {} times in a row", c.names.join(" > "), c.rounds);
        found.add(CLASS, 1.5, "stack", "bt".to_owned(), claim);
    }
}

/// Functions that repeat in the same order.
struct Cycle<'f> {
    names: Vec<&'f str>,
    rounds: usize,
}

/// The shortest series of functions that repeats, somewhere near the top of the stack.
fn recursion(frames: &[Frame]) -> Option<Cycle<'_>> {
    let names: Vec<&str> = frames.iter().filter_map(base_name).collect();
    repeats(&names)
}

fn repeats<'f>(names: &[&'f str]) -> Option<Cycle<'f>> {
    for start in 0..names.len().min(MAX_PERIOD) {
        for period in 1..=MAX_PERIOD {
            let Some(first) = names.get(start..start + period) else { break };
            let rounds = 1 + names[start + period..].chunks_exact(period).take_while(|c| *c == first).count();
            if rounds >= ROUNDS {
                return Some(Cycle { names: first.to_vec(), rounds });
            }
        }
    }
    None
}

/// The frame that takes the most room, and how much.
fn largest_frame(frames: &[Frame]) -> Option<(usize, u64)> {
    let sizes =
        frames.windows(2).enumerate().filter_map(|(i, w)| Some((i, w[1].sp.0.checked_sub(w[0].sp.0)?)));
    sizes.filter(|(i, n)| *n < 1 << 16 && base_name(&frames[*i]).is_some()).max_by_key(|(_, n)| *n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_that_repeat() {
        let found = |names: &[&'static str]| repeats(names).map(|c| (c.names.join(" "), c.rounds));
        assert_eq!(found(&["x", "a", "b", "a", "b", "a", "b", "c"]), Some(("a b".into(), 3)));
        assert_eq!(found(&["f"; 100]), Some(("f".into(), 100)));
        assert_eq!(found(&["a", "b", "c", "a", "b", "d"]), None);
    }
}

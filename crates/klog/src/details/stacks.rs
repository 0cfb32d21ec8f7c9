//! The stacks of a report.

use crate::blame::function_name;
use crate::detect::Line;
use crate::report::{LogStack, StackFrame};
use crate::{FrameRole, LogFrame, parse_frames};

/// How many stacks and how many frames of each are kept.
const STACKS: usize = 64;
const FRAMES: usize = 256;

/// All stacks, in order.
pub(super) fn all(lines: &[Line]) -> Vec<LogStack> {
    let mut stacks: Vec<LogStack> = Vec::new();
    let mut heading: Option<&Line> = None;
    let mut on: Option<String> = None;
    for line in lines {
        let text = line.text.trim();
        if let Some(marker) = marker(text) {
            on = if marker.starts_with('/') || marker == "EOI" || marker == "TASK" {
                None
            } else {
                Some(marker.to_owned())
            };
        }
        let frames: Vec<StackFrame> =
            called(&line.text).map(|f| frame(&line.text, &f, on.as_deref())).collect();
        if frames.is_empty() {
            if heads(text) {
                (heading, on) = (Some(line), None);
            }
            continue;
        }
        if let Some(what) = heading.take().filter(|_| stacks.len() < STACKS) {
            let what_text = crate::report::short(what.text.trim().trim_end_matches(':'));
            stacks.push(LogStack { what: what_text, line: line.number, frames: Vec::new() });
        } else if stacks.is_empty() {
            stacks.push(LogStack { what: String::new(), line: line.number, frames: Vec::new() });
        }
        if let Some(stack) = stacks.last_mut().filter(|s| s.frames.len() < FRAMES) {
            stack.frames.extend(frames);
        }
    }
    stacks
}

/// `<IRQ>` alone or before a frame: what it says.
fn marker(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?.split_once('>')?.0;
    let sound = inner.len() <= 16
        && !inner.is_empty()
        && !inner.bytes().any(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    sound.then_some(inner)
}

/// Whether a line says which stack comes next.
fn heads(text: &str) -> bool {
    text.ends_with(':')
        || text.contains("Call Trace")
        || text.contains("Call trace")
        || text.starts_with("-> #")
}

fn called(text: &str) -> impl Iterator<Item = LogFrame> + '_ {
    parse_frames(text).filter(|f| matches!(f.role, FrameRole::Call | FrameRole::Caller))
}

fn frame(line: &str, f: &LogFrame, on: Option<&str>) -> StackFrame {
    StackFrame {
        function: f.name(line).to_owned(),
        offset: format!("{:#x}", f.offset),
        size: format!("{:#x}", f.size),
        module: f.module(line).map(str::to_owned),
        build_id: f.build_id(line).map(str::to_owned),
        pc: f.address.as_ref().map(|(a, _)| format!("{a:#018x}")),
        on: on.map(str::to_owned),
        stale: !f.reliable,
    }
}

/// The stack that matters: the interrupted code, if there is any, and the first trace without its leftovers.
pub(super) fn main(lines: &[Line], class: &str) -> Vec<StackFrame> {
    let trapped = lines.iter().find_map(|l| {
        let f = parse_frames(&l.text).find(|f| f.role == FrameRole::Pc)?;
        Some(frame(&l.text, &f, None))
    });
    let stacks = all(lines);
    let traces = |s: &&LogStack| {
        s.what.contains("Call Trace") || s.what.contains("Call trace") || s.what.contains("Backtrace")
    };
    let chosen = stacks.iter().find(traces).or(stacks.first());
    let frames = chosen.into_iter().flat_map(|s| &s.frames).filter(|f| !f.stale).cloned();
    let waits = matches!(class, "hung-task" | "memory-leak");
    let mut all: Vec<StackFrame> = trapped.filter(|_| !waits).into_iter().collect();
    for f in frames {
        let again = all.first().is_some_and(|t| t.function == f.function && t.offset == f.offset);
        if !again || all.len() > 1 {
            all.push(f);
        }
    }
    // An exception's handlers may stand above the code that they interrupted.
    if let Some(at) =
        all.iter().skip(1).position(|f| all[0].function == f.function && all[0].offset == f.offset)
    {
        all.drain(..=at);
    }
    all
}

/// The functions that tell this stack from others.
pub(crate) fn significant(frames: &[StackFrame]) -> Vec<String> {
    let names = frames.iter().filter(|f| !f.stale).map(|f| function_name(&f.function));
    let names = names.map(|n| crate::blame::canonical(&n).to_owned());
    names.filter(|n| !crate::blame::never_to_blame(n)).take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        text.lines().enumerate().map(|(i, t)| Line { number: i as u64 + 1, text: t.to_owned() }).collect()
    }

    #[test]
    fn each_heading_begins_a_stack() {
        let log = lines(
            "BUG: KASAN: x in a+0x1/0x2\nCall Trace:\n <IRQ>\n a+0x1/0x2\n ? b+0x1/0x2\n </IRQ>\n c+0x1/0x2 [m]\n\nFreed by task 12:\n kfree+0x1/0x2\n d+0x1/0x2",
        );
        let stacks = all(&log);
        assert_eq!(
            stacks.iter().map(|s| s.what.as_str()).collect::<Vec<_>>(),
            ["Call Trace", "Freed by task 12"]
        );
        assert_eq!(
            stacks[0].frames.iter().map(|f| f.on.as_deref()).collect::<Vec<_>>(),
            [Some("IRQ"), Some("IRQ"), None]
        );
        assert!(stacks[0].frames[1].stale && stacks[0].frames[2].module.as_deref() == Some("m"));
        let main: Vec<_> = main(&log, "use-after-free").into_iter().map(|f| f.function).collect();
        assert_eq!(main, ["a", "c"]);
    }
}

//! The words of a stack: raw, by frame, and those that look like return addresses.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::tasks::{Task, stack};
use necropsy_report::{FrameInfo, Hex, terminal_safe};
use necropsy_target::unwind::{End, Stack};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::rd::symbol_or_object;
use super::text::registers;
use crate::{Args, CommandError, Context, Sink, SinkExt};

/// Two words of a stack.
#[derive(Serialize, JsonSchema)]
pub struct Words {
    address: Hex,
    words: [Hex; 2],
}

/// A word of a stack that is an address inside a function.
#[derive(Serialize, JsonSchema)]
pub struct Address {
    address: Hex,
    pc: Hex,
    at: String,
}

/// `-r`: the whole stack.
pub fn raw(cx: &Context, task: &Task, out: &mut dyn Sink) -> Result<(), CommandError> {
    for at in task.stack_range(&cx.target).step_by(16) {
        let word = |at: u64| cx.target.memory().u64(VirtAddr(at));
        match (word(at), word(at + 8)) {
            (Ok(a), Ok(b)) => {
                let row = Words { address: Hex(at), words: [Hex(a), Hex(b)] };
                out.row(&row, |_| format!("{at:016x}:  {a:016x} {b:016x}"))?;
            }
            (Err(e), _) | (_, Err(e)) => return Err(CommandError::Partial(e.to_string())),
        }
    }
    Ok(())
}

/// `-f`, `-F`: the words from just above this frame's slot up to the next one's.
pub fn of_frame(cx: &Context, f: &FrameInfo, next: Option<Hex>, args: &Args) -> String {
    let (Some(sp), Some(next)) = (f.sp, next) else {
        return String::new();
    };
    // A frame on another stack (IRQ, exception) says nothing about how far this one reaches.
    let same = next.0 >= sp.0 && next.0 - sp.0 < cx.target.stack_size();
    let other = sp.0 >> 14 != next.0 >> 14 && cx.target.memory().u64(VirtAddr(sp.0 | 0x3fff)).is_err();
    let (from, to) = (sp.0 + 8, if same && !other { next.0.saturating_add(8) } else { sp.0 + 8 });
    let level = args.count('F');
    let shown = |word: u64| match (level > 0).then(|| symbol_or_object(cx, word, level > 1)).flatten() {
        Some(name) => format!("{name:<16}"),
        None => format!("{word:016x}"),
    };
    let mut out = String::new();
    for at in (from..to).step_by(16) {
        let words = (at..to.min(at + 16)).step_by(8).map(|a| cx.target.memory().u64(VirtAddr(a)));
        let words: Vec<String> = words.map_while(Result::ok).map(shown).collect();
        out += &format!("    {at:016x}: {}\n", words.join(" ").trim_end());
    }
    out
}

/// `-t`, `-T`: every word that is an address inside a function; from the stack pointer, or of the whole stack.
pub fn text_symbols(
    cx: &Context,
    task: &Task,
    cpu: Option<usize>,
    whole: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let range = task.stack_range(&cx.target);
    let found = stack(&cx.target, task, cpu);
    if whole {
        search(cx, range, out)?;
    } else {
        if let Some(pc) = found.frames.first().and_then(|f| f.pc) {
            out.heading(&format!("              START: {}", place(cx, pc)))?;
        }
        for part in parts(&found, &range) {
            search(cx, part, out)?;
        }
    }
    if let End::User(regs) = &found.end {
        out.heading(registers(&super::named(cx, regs)).trim_end_matches('\n'))?;
    }
    Ok(())
}

/// The pieces of memory that the frames lie in: of an interrupt's stack as much as they use, of the task's all to its end.
fn parts(found: &Stack, task: &Range<u64>) -> Vec<Range<u64>> {
    let mut parts: Vec<Range<u64>> = Vec::new();
    for slot in found.frames.iter().filter(|f| f.pc.is_some()).map(|f| f.slot.unwrap_or(f.sp).0 & !7) {
        if task.contains(&slot) {
            parts.push(slot..task.end);
            break;
        }
        match parts.last_mut() {
            Some(last) if slot >= last.start && slot - last.start < 1 << 15 => {
                last.end = last.end.max(slot + 8)
            }
            _ => parts.push(slot..slot + 8),
        }
    }
    parts
}

fn search(cx: &Context, range: Range<u64>, out: &mut dyn Sink) -> Result<(), CommandError> {
    for at in range.step_by(8) {
        let Ok(word) = cx.target.memory().word(VirtAddr(at)) else {
            continue;
        };
        let pc = VirtAddr(word);
        let inside = cx.target.is_text(pc) && cx.target.near(pc).is_some_and(|n| n.start != pc);
        if inside {
            let row = Address { address: Hex(at), pc: Hex(word), at: cx.target.describe(pc) };
            out.row(&row, |_| format!("  [{at:016x}] {}", place(cx, pc)))?;
        }
    }
    Ok(())
}

/// `schedule at ffffffff8381154a [module]`.
fn place(cx: &Context, pc: VirtAddr) -> String {
    match cx.target.near(pc) {
        Some(near) => {
            let module = near.module.map(|m| format!(" [{m}]")).unwrap_or_default();
            terminal_safe(&format!("{} at {:016x}{module}", near.name, pc.0))
        }
        None => format!("{:016x}", pc.0),
    }
}

//! A division by zero.

use necropsy_arch::Exception;
use necropsy_base::{MemoryExt, VirtAddr};

use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, code};

pub const DIVIDE: Detective = Detective {
    id: "divide",
    title: "a division by zero",
    doc: "The panicking task's stack holds a divide error in kernel code. The divisor of the instruction is looked up in the registers \
          saved, or in memory.",
    examine,
};

const CLASS: Class = Class::DivideError;

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let t = &case.target;
    let Some(trap) = crash.trap(t).filter(|trap| trap.kind == Exception::Divide) else { return };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr).filter(|pc| t.is_text(*pc)) else { return };
    let frames = &crash.stack.frames;
    let Some((index, sure)) = blame::culprit(t, frames, trap.index) else { return };
    let culprit = place_in(t, frames, index, sure);
    let who = named(&culprit);
    let text = code::text(t, pc).unwrap_or_default();
    let divisor = divisor(case, trap.regs, pc, &text);
    let (title, statement) = match divisor {
        Some(0) => (format!("division by zero in {who}"), format!("{who} divided by zero: `{text}`.")),
        _ => (
            format!("divide error in {who}"),
            format!("{who} divided with a result that does not fit, or by zero: `{text}`."),
        ),
    };
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.victim = Some(culprit.clone());
    h.culprit = Some(culprit);
    h.advice = vec![format!("find out where the divisor comes from: dis -r {:x}", pc.0)];
    found.hypotheses.push(h);
    let at = t.describe(pc);
    found.add(
        CLASS,
        3.5,
        "stack",
        "bt".to_owned(),
        format!("the CPU raised a divide error at {at}, and its handler ended the kernel"),
    );
    let claim = match divisor {
        Some(0) => format!("the divisor of `{text}` was 0"),
        Some(n) => format!("the divisor of `{text}` was {n}: the result did not fit"),
        None => format!("the divisor of `{text}` is not known"),
    };
    let weight = if divisor == Some(0) { 2.0 } else { 0.0 };
    found.add(CLASS, weight, format!("text:{at}"), "fault".to_owned(), claim);
}

/// What the instruction divided by: a register, by its name in the text, or memory.
fn divisor(case: &Case, regs: &necropsy_arch::Regs, pc: VirtAddr, text: &str) -> Option<u64> {
    let t = &case.target;
    let near = t.near(pc)?;
    let insn = code::function(t, &near).into_iter().find(|i| i.at == pc)?;
    if let Some(m) = insn.mem.or(insn.source) {
        return t.memory().uint(VirtAddr(m.address(regs)?), usize::from(m.size).clamp(1, 8)).ok();
    }
    let name = text.split_whitespace().nth(1)?.trim_start_matches('%');
    let (wide, mask) = match name {
        n if n.starts_with('r') && !n.ends_with('d') => (n.to_owned(), u64::MAX),
        n if n.starts_with('r') => (n.trim_end_matches('d').to_owned(), u64::from(u32::MAX)),
        n if n.starts_with('e') => (n.replacen('e', "r", 1), u64::from(u32::MAX)),
        _ => return None,
    };
    let index = t.arch().registers().iter().position(|r| *r == wide)?;
    Some(regs.get(index)? & mask)
}

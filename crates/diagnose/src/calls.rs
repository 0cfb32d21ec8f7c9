//! Who calls a function, found by decoding code: the calls in modules, or in the whole kernel, with what they pass.

use std::ops::Range;

use necropsy_arch::{Flow, Insn, Op, Operand};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::parallel;
use necropsy_target::Target;

/// Code decoded by one thread at a time.
const PIECE: u64 = 256 << 10;
/// How many instructions before a call its arguments are looked for.
const BEFORE: usize = 24;
/// Modules and kernels have not more code.
const MAX_TEXT: u64 = 256 << 20;

/// A call in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where it stands.
    pub at: VirtAddr,
    /// What it calls.
    pub to: VirtAddr,
    /// Its first argument, if that is a fixed address.
    pub first: Option<VirtAddr>,
    /// Where its first argument was loaded from, if that is a fixed address.
    pub first_from: Option<VirtAddr>,
}

/// The code of all modules.
pub fn modules(t: &Target) -> Vec<Range<u64>> {
    t.modules().list.iter().flat_map(|m| m.text.iter().cloned()).collect()
}

/// The kernel's own code.
pub fn kernel(t: &Target) -> Vec<Range<u64>> {
    t.kernel_text().to_vec()
}

/// The addresses of those of these functions that the kernel has.
pub fn addresses(t: &Target, names: &[&str]) -> Vec<VirtAddr> {
    names.iter().filter_map(|name| t.symbol(name)).collect()
}

/// All direct calls in `code` of one of these functions.
pub fn calls_of(t: &Target, code: &[Range<u64>], functions: &[VirtAddr]) -> Vec<Call> {
    let mut pieces = Vec::new();
    for range in code {
        let (mut from, end) = (range.start, range.end.min(range.start.saturating_add(MAX_TEXT)));
        while from < end {
            pieces.push(from..(from + PIECE).min(end));
            from += PIECE;
        }
    }
    parallel::map(&pieces, |piece| in_piece(t, piece, functions)).concat()
}

fn in_piece(t: &Target, piece: &Range<u64>, functions: &[VirtAddr]) -> Vec<Call> {
    let mut found = Vec::new();
    let Ok(code) = t.memory().bytes(VirtAddr(piece.start), (piece.end - piece.start) as usize) else {
        return found;
    };
    let (mut recent, mut at): (Vec<Insn>, usize) = (Vec::new(), 0);
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(insn) = t.arch().disassemble(rest, VirtAddr(piece.start + at as u64)) else {
            at += 1;
            continue;
        };
        at += usize::from(insn.len.max(1));
        if let Flow::Call(Some(to)) = insn.flow
            && functions.contains(&to)
        {
            let passed = t.arch().argument_registers().first().and_then(|reg| passed(&recent, *reg));
            let (first, first_from) = match passed {
                Some(Passed::Address(at)) => (Some(at), None),
                Some(Passed::LoadedFrom(at)) => (None, Some(at)),
                None => (None, None),
            };
            found.push(Call { at: insn.at, to, first, first_from });
        }
        if recent.len() >= BEFORE {
            recent.remove(0);
        }
        recent.push(insn);
    }
    found
}

/// What a register holds, as far as it is fixed.
enum Passed {
    Address(VirtAddr),
    LoadedFrom(VirtAddr),
}

/// What a register holds by the last instructions before.
fn passed(recent: &[Insn], reg: usize) -> Option<Passed> {
    let mut reg = reg;
    for insn in recent.iter().rev() {
        if matches!(insn.flow, Flow::Return) {
            return None;
        }
        if !insn.changes(reg) {
            continue;
        }
        match (insn.op, insn.mem) {
            (Op::Move { src: Operand::Reg(from), .. }, _) => reg = from,
            (Op::Move { src: Operand::Mem, .. }, Some(m))
                if m.base.is_none() && m.index.is_none() && !m.percpu =>
            {
                return Some(Passed::LoadedFrom(VirtAddr(m.disp)));
            }
            (Op::Move { src: Operand::Imm(value), .. }, _) => return Some(Passed::Address(VirtAddr(value))),
            (Op::Address { .. }, Some(m)) if m.base.is_none() && m.index.is_none() => {
                return Some(Passed::Address(VirtAddr(m.disp)));
            }
            _ => return None,
        }
    }
    None
}

/// The calls that allocate from a cache: those of the allocator whose first argument was loaded from a place that holds the
/// cache's address. Modules are looked at first, the kernel only if there is none in them.
pub fn allocations(t: &Target, cache: VirtAddr) -> Vec<Call> {
    let functions = addresses(t, crate::allocators::FROM_CACHE);
    let holds = |call: &Call| passes(t, call, cache);
    let of = |code: Vec<Range<u64>>| {
        calls_of(t, &code, &functions).into_iter().filter(|c| holds(c)).collect::<Vec<_>>()
    };
    let in_modules = of(modules(t));
    if in_modules.is_empty() { of(kernel(t)) } else { in_modules }
}

/// Whether the first argument of a call was loaded from a place that holds `value`.
pub fn passes(t: &Target, call: &Call, value: VirtAddr) -> bool {
    call.first_from.is_some_and(|from| t.memory().ptr(from) == Ok(value))
}

/// The functions that calls are in, each once, with the first call in it.
pub fn functions(t: &Target, calls: &[Call]) -> Vec<VirtAddr> {
    let mut seen = Vec::new();
    let mut out = Vec::new();
    for call in calls {
        let start = t.near(call.at).map_or(call.at, |near| near.start);
        if !seen.contains(&start) {
            seen.push(start);
            out.push(call.at);
        }
    }
    out
}

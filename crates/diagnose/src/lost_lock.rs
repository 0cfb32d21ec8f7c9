//! Functions that may return with a lock that they took: their code has a way from the call that takes it to a return on which nothing
//! gives it back, and another on which something does.
//!
//! Only locks at fixed addresses can be followed. Conditions are not: what takes and gives back under the same condition seems to lose the
//! lock. That is why a function that never gives it back (a helper whose callers do) is left out, and why this is worth less than a proof.

use std::collections::HashMap;
use std::ops::Range;

use necropsy_arch::{Flow, Insn};
use necropsy_base::{Near, VirtAddr};
use necropsy_kernel::locks::WaitKind;
use necropsy_target::Target;

use crate::calls::{self, Call};
use crate::code;

/// Functions that come back with the lock, always; those that may be interrupted have a way without it.
const TAKE: &[(WaitKind, &[&str])] = &[
    (
        WaitKind::Mutex,
        &[
            "mutex_lock",
            "mutex_lock_nested",
            "mutex_lock_io",
            "mutex_lock_io_nested",
            "_mutex_lock_nest_lock",
        ],
    ),
    (WaitKind::Write, &["down_write", "down_write_nested", "down_read", "down_read_nested"]),
    (WaitKind::Read, &["down_write", "down_write_nested", "down_read", "down_read_nested"]),
    (WaitKind::Semaphore, &["down"]),
];
/// How names of functions that give a lock back begin.
const GIVE: &[&str] =
    &["mutex_unlock", "__mutex_unlock", "up_write", "up_read", "up", "downgrade_write", "ww_mutex_unlock"];
/// Calls that are looked at.
const MAX_CALLS: usize = 256;

/// A function that may lose a lock.
pub struct Loser {
    /// The function.
    pub function: Near,
    /// The call that takes the lock.
    pub taken: VirtAddr,
    /// The return that is reached with it.
    pub left: VirtAddr,
}

/// The calls that take a lock.
pub struct Users<'t> {
    t: &'t Target,
    calls: Vec<Call>,
}

impl<'t> Users<'t> {
    /// Those in modules, and in the kernel if no module names the lock.
    pub fn of(t: &'t Target, lock: VirtAddr, kind: WaitKind) -> Users<'t> {
        let names = TAKE.iter().find(|(k, _)| *k == kind).map_or(&[][..], |(_, names)| names);
        let functions = calls::addresses(t, names);
        let takes = |code: Vec<Range<u64>>| -> Vec<Call> {
            let all = calls::calls_of(t, &code, &functions);
            all.into_iter().filter(|call| call.first == Some(lock)).collect()
        };
        let mut calls = takes(calls::modules(t));
        if calls.is_empty() && t.image().contains(&lock.0) {
            calls = takes(calls::kernel(t));
        }
        calls.truncate(MAX_CALLS);
        Users { t, calls }
    }

    /// Whether the function that a return address is in takes the lock.
    pub fn has(&self, back: VirtAddr) -> bool {
        let start = |at: VirtAddr| self.t.near(at).map(|n| n.start);
        let function = start(back.moved(-1));
        self.calls.iter().any(|call| start(call.at) == function)
    }

    /// The functions that may return with it.
    pub fn losers(&self) -> Vec<Loser> {
        let mut found: Vec<Loser> = self.calls.iter().filter_map(|call| loser(self.t, call)).collect();
        found.dedup_by_key(|l| l.function.start);
        found
    }
}

fn loser(t: &Target, call: &Call) -> Option<Loser> {
    let function = t.near(call.at)?;
    let insns = code::function(t, &function);
    let gives =
        |insn: &Insn| matches!(insn.flow, Flow::Call(Some(to)) | Flow::Jump(Some(to)) if is_give(t, to));
    left_with(t, function, &insns, call.at, &gives)
}

/// The function, if there is a way from behind `taken` to a return without, and another with, an instruction that `gives` back.
pub fn left_with(
    t: &Target,
    function: Near,
    insns: &[Insn],
    taken: VirtAddr,
    gives: &dyn Fn(&Insn) -> bool,
) -> Option<Loser> {
    let (left, given) =
        ways(insns, taken, &|insn| if gives(insn) { Step::Gives } else { step(t, insn, &function) });
    let left = left.filter(|_| given)?;
    Some(Loser { function, taken, left })
}

fn is_give(t: &Target, to: VirtAddr) -> bool {
    t.near(to).is_some_and(|n| n.start == to && gives_back(&n.name))
}

/// All ways on from behind a call: the first return that one of them comes to, and whether the lock is given back on another.
fn ways(insns: &[Insn], call: VirtAddr, step: &dyn Fn(&Insn) -> Step) -> (Option<VirtAddr>, bool) {
    let index: HashMap<VirtAddr, usize> = insns.iter().enumerate().map(|(i, insn)| (insn.at, i)).collect();
    let mut ways: Vec<usize> = index.get(&call).map(|i| i + 1).into_iter().collect();
    let mut seen = vec![false; insns.len()];
    let (mut left, mut given) = (None, false);
    while let Some(i) = ways.pop() {
        let Some(insn) = insns.get(i).filter(|_| !seen[i]) else { continue };
        seen[i] = true;
        match step(insn) {
            Step::On => ways.push(i + 1),
            Step::To(to) => ways.extend(index.get(&to)),
            Step::Either(to) => ways.extend(index.get(&to).copied().into_iter().chain([i + 1])),
            Step::Gives => given = true,
            Step::Returns => left = left.or(Some(insn.at)),
            Step::Ends => {}
        }
    }
    (left, given)
}

/// What an instruction does with the way through a function.
enum Step {
    On,
    To(VirtAddr),
    Either(VirtAddr),
    /// The lock is given back.
    Gives,
    Returns,
    /// Into another function, or nowhere.
    Ends,
}

fn step(t: &Target, insn: &Insn, function: &Near) -> Step {
    let inside = |to: VirtAddr| {
        let end = function.start.0.saturating_add(function.size.unwrap_or(0));
        (function.start.0..end).contains(&to.0)
    };
    match insn.flow {
        Flow::Next => Step::On,
        Flow::Call(_) => Step::On,
        Flow::Branch(to) if inside(to) => Step::Either(to),
        Flow::Branch(_) => Step::On,
        Flow::Return => Step::Returns,
        Flow::Jump(Some(to)) if inside(to) => Step::To(to),
        // Returns were made jumps to a thunk against speculation.
        Flow::Jump(Some(to)) if t.near(to).is_some_and(|n| n.name.contains("return_thunk")) => Step::Returns,
        Flow::Jump(_) | Flow::Trap => Step::Ends,
    }
}

fn gives_back(name: &str) -> bool {
    let plain = name.split('.').next().unwrap_or(name);
    GIVE.contains(&plain)
}

#[cfg(test)]
mod tests {
    use necropsy_arch::Arch;
    use necropsy_arch::x86_64::X86_64;

    use super::*;

    const AT: u64 = 0xffff_ffff_8100_0000;

    /// The outcome for code whose first call takes the lock, and where calls of `AT + 0x100` give it back.
    fn outcome(code: &[u8]) -> (Option<u64>, bool) {
        let (mut insns, mut at) = (Vec::new(), 0);
        while let Some(insn) =
            code.get(at..).and_then(|rest| X86_64.disassemble(rest, VirtAddr(AT + at as u64)))
        {
            at += usize::from(insn.len);
            insns.push(insn);
        }
        let step = |insn: &Insn| match insn.flow {
            Flow::Call(Some(VirtAddr(to))) if to == AT + 0x100 => Step::Gives,
            Flow::Branch(to) => Step::Either(to),
            Flow::Jump(Some(to)) => Step::To(to),
            Flow::Return => Step::Returns,
            Flow::Trap => Step::Ends,
            _ => Step::On,
        };
        let (left, given) = ways(&insns, VirtAddr(AT), &step);
        (left.map(|at| at.0 - AT), given)
    }

    const TAKE_LOCK: [u8; 5] = [0xe8, 0, 1, 1, 0];
    const RET: u8 = 0xc3;

    /// `call AT + 0x100` at an offset.
    fn give(offset: u32) -> [u8; 5] {
        let [a, b, c, d] = (0x100 - (offset + 5)).to_le_bytes();
        [0xe8, a, b, c, d]
    }

    #[test]
    fn a_way_out_that_keeps_the_lock() {
        // take; test; je out; give; out: ret
        let skips = [&TAKE_LOCK[..], &[0x74, 5], &give(7), &[RET]].concat();
        assert_eq!(outcome(&skips), (Some(12), true));
        // take; give; ret
        let fine = [&TAKE_LOCK[..], &give(5), &[RET]].concat();
        assert_eq!(outcome(&fine), (None, true));
        // take; ret: a helper
        assert_eq!(outcome(&[&TAKE_LOCK[..], &[RET]].concat()), (Some(5), false));
        // take; again: je again; give; ret: loops end
        let round = [&TAKE_LOCK[..], &[0x74, 0xfe], &give(7), &[RET]].concat();
        assert_eq!(outcome(&round), (None, true));
        // take; je trap; give; ret; trap: ud2
        let trap = [&TAKE_LOCK[..], &[0x74, 6], &give(7), &[RET, 0x0f, 0x0b]].concat();
        assert_eq!(outcome(&trap), (None, true));
    }

    #[test]
    fn names_that_give_back() {
        assert!(gives_back("mutex_unlock") && gives_back("up_read") && gives_back("mutex_unlock.part.0"));
        assert!(!gives_back("update") && !gives_back("mutex_lock"));
    }
}

//! A step by the call frame information of a debug file, which tells all registers that a function must preserve.

use necropsy_arch::Regs;
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::dwarf::{Cfa, CfiRow, Known, Rule};

use super::address::frame_address;
use super::frame_pointer::beginning;
use super::step::{Next, State};
use super::{Frame, Stack, Trust};
use crate::Target;

/// DWARF numbers of the general registers, and then some, on every CPU.
const NUMBERS: std::ops::Range<u16> = 0..64;

/// The caller of a frame, with what is known of its registers.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its registers, program counter and stack pointer among them.
    pub regs: Regs,
    /// Where on the stack the return address was.
    pub slot: Option<VirtAddr>,
}

/// The caller's registers, from those of a function that stands at `place`: for a return address the byte before it.
pub fn caller_regs(t: &Target, place: VirtAddr, regs: &Regs) -> Option<Caller> {
    caller_by(t, &row(t, place)?, regs)
}

fn caller_by(t: &Target, row: &CfiRow, regs: &Regs) -> Option<Caller> {
    if row.signal {
        return None; // entry code saves more than it tells
    }
    let known = Known { register: &|n| regs.get(t.arch().dwarf_register(n)?), memory: t.memory() };
    let frame = row.frame(&known)?;
    let mut caller = Regs::new();
    caller.set(t.arch().sp(), frame);
    for (number, index) in NUMBERS.filter_map(|n| Some((n, t.arch().dwarf_register(n)?))) {
        match row.rule(number) {
            Some(rule) => caller.put(index, row.value(rule, number, frame, &known)),
            None if index == t.arch().sp() => {}
            None if t.arch().preserved_registers() >> index & 1 == 1 => caller.put(index, regs.get(index)),
            None => {}
        }
    }
    let back = row.return_register;
    let pc = match row.rule(back) {
        Some(rule) => row.value(rule, back, frame, &known),
        None => regs.get(t.arch().dwarf_register(back)?),
    };
    caller.set(t.arch().pc(), t.arch().strip(pc?));
    Some(Caller { regs: caller, slot: row.slot(back, frame, &known).map(VirtAddr) })
}

/// Where the frame of a function that stands at `place` begins (the canonical frame address).
pub fn frame_start(t: &Target, place: VirtAddr, regs: &Regs) -> Option<u64> {
    let known = Known { register: &|n| regs.get(t.arch().dwarf_register(n)?), memory: t.memory() };
    row(t, place)?.frame(&known)
}

/// The distance from the stack pointer to where the frame begins, where it does not depend on another register.
pub fn size(t: &Target, place: VirtAddr) -> Option<u64> {
    match row(t, place)?.cfa {
        Cfa::Register(n, offset) if t.arch().dwarf_register(n) == Some(t.arch().sp()) => Some(offset as u64),
        _ => None,
    }
}

/// The registers in every frame of a stack. The unwind table gives little more than where frames are; call frame information,
/// or the code's own pushes, add what functions saved, as long as they lead to the same callers.
pub fn registers(t: &Target, stack: &Stack) -> Vec<Regs> {
    let mut all: Vec<Regs> = Vec::with_capacity(stack.frames.len());
    for (i, frame) in stack.frames.iter().enumerate() {
        let below = i.checked_sub(1).and_then(|b| Some((stack.frames.get(b)?, all.get(b)?)));
        let preserved = below.and_then(|(below, regs)| preserved(t, below, regs, frame));
        all.push(preserved.unwrap_or_else(|| frame.regs.clone()));
    }
    all
}

fn preserved(t: &Target, below: &Frame, regs: &Regs, frame: &Frame) -> Option<Regs> {
    if below.trap.is_some() || frame.exact {
        return None;
    }
    let Some(caller) = caller_regs(t, below.place()?, regs) else { return pushed(t, below, regs, frame) };
    let same = |r: usize| caller.regs.get(r) == frame.regs.get(r);
    (same(t.arch().pc()) && same(t.arch().sp())).then_some(caller.regs)
}

/// The same by what the function below has pushed; what it has not, it has not changed.
fn pushed(t: &Target, below: &Frame, regs: &Regs, frame: &Frame) -> Option<Regs> {
    let place = below.place()?;
    let address = frame_address(t, below).filter(|a| *a == frame.sp.0)?;
    let function = t.near(place)?;
    let code = beginning(t, &function, place)?;
    let saved = t.arch().saved_registers(&code, place.0.saturating_sub(function.start.0) as usize)?;
    let mut found = frame.regs.clone();
    let preserved = (0..64).filter(|r| t.arch().preserved_registers() >> r & 1 == 1 && *r != t.arch().sp());
    for r in preserved.filter(|r| frame.regs.get(*r).is_none()) {
        let slot =
            saved.iter().find(|(s, _)| *s == r).map(|(_, by)| VirtAddr(address.wrapping_add_signed(*by)));
        let value = match slot {
            Some(slot) => t.memory().word(slot).ok(),
            None => regs.get(r),
        };
        found.put(r, value);
    }
    Some(found)
}

fn row(t: &Target, place: VirtAddr) -> Option<CfiRow> {
    let debug = t.debug_at(place)?;
    debug.file.call_frame(place.0.wrapping_sub(debug.bias)).unwrap_or_else(|e| {
        t.note(format!("{}: {e}", debug.file.path().display()));
        None
    })
}

impl State {
    /// By call frame information; `None` where none covers the place, and in entry code, which saves more than it tells.
    pub fn by_cfi(&self, t: &Target) -> Option<Next> {
        if !t.methods().cfi {
            return None;
        }
        let row = row(t, self.place())?;
        if row.rule(row.return_register) == Some(&Rule::Undefined) {
            return Some(Next::End);
        }
        let Caller { regs, slot } = caller_by(t, &row, &self.regs)?;
        let (pc, sp) = (VirtAddr(regs.get(t.arch().pc())?), VirtAddr(regs.get(t.arch().sp())?));
        if sp <= self.sp && sp.0 >> 14 == self.sp.0 >> 14 {
            return Some(Next::Broken(format!("the stack does not move on from {:#x}", self.sp.0)));
        }
        let trust = if self.trust >= Trust::Recovered { Trust::Recovered } else { Trust::Cfi };
        Some(Next::Caller(Box::new(State { pc, sp, regs, exact: false, slot, trust })))
    }
}

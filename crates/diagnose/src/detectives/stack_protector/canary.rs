//! Where a function keeps its copy of the canary.

use necropsy_arch::{Insn, Op, Operand};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, frame_address, register_at};

/// A function's copy of the canary.
pub struct Canary {
    /// Where it lies.
    pub slot: u64,
    /// What stands there now.
    pub found: u64,
}

/// Finds the slot: the prologue loads the canary from the per-CPU area (or, since 6.15, from the per-CPU symbol
/// `__stack_chk_guard`) and stores it in the frame.
pub fn find(t: &Target, smashed: &Frame, insns: &[Insn]) -> Option<Canary> {
    let guard = t.symbol("__stack_chk_guard");
    let is_guard = |i: &Insn| {
        i.mem.is_some_and(|m| m.percpu || guard.is_some_and(|g| m.base.is_none() && m.disp == g.0))
    };
    let stores = insns.windows(6).filter_map(|w| {
        let Op::Move { dst, src: Operand::Mem } = w[0].op else { return None };
        is_guard(&w[0]).then_some(())?;
        w[1..].iter().take_while(|i| !(i.changes(dst))).find(|i| i.op == Op::Store { src: Operand::Reg(dst) })
    });
    let slot = stores.filter_map(|s| frame_operand(t, smashed, s)).next()?;
    Some(Canary { slot, found: t.memory().u64(VirtAddr(slot)).ok()? })
}

/// The address of an instruction's operand in the frame, when it is relative to the stack or frame pointer.
pub fn frame_operand(t: &Target, smashed: &Frame, insn: &Insn) -> Option<u64> {
    let m = insn.mem?;
    let base = m.base.filter(|_| m.index.is_none())?;
    Some(register_at(t, frame_address(t, smashed)?, insn.at, base)?.wrapping_add(m.disp))
}

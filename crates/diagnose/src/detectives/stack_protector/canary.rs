//! Where a function keeps its copy of the canary.

use necropsy_arch::{Insn, Op, Operand};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::Base;
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, rule_at};

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
    let slot = stores.filter_map(|s| frame_address(t, smashed, s)).next()?;
    Some(Canary { slot, found: t.memory().u64(VirtAddr(slot)).ok()? })
}

/// The address of an instruction's operand in the frame, when it is relative to the stack or frame pointer.
pub fn frame_address(t: &Target, smashed: &Frame, insn: &Insn) -> Option<u64> {
    let m = insn.mem?;
    let cfa = cfa(t, smashed)?;
    let base = m.base.filter(|_| m.index.is_none())?;
    Some(register_in_frame(t, cfa, insn.at, base)?.wrapping_add(m.disp))
}

/// The value of the stack or frame pointer at an instruction of the function, from the unwind table.
pub fn register_in_frame(t: &Target, cfa: u64, at: VirtAddr, register: usize) -> Option<u64> {
    let rule = rule_at(t, at)?;
    let by_rule = cfa.wrapping_sub(rule.sp_offset as u64);
    match rule.sp {
        Base::Sp if register == t.arch().sp() => Some(by_rule),
        Base::Bp if register == t.arch().fp() => Some(by_rule),
        // `push %rbp; mov %rsp,%rbp`: the frame pointer stands two words below the caller's stack pointer.
        _ if register == t.arch().fp() => {
            Some(cfa.wrapping_sub(16)).filter(|_| rule.bp == Base::PrevSp && rule.bp_offset == -16)
        }
        _ => None,
    }
}

/// The stack pointer of the caller before the call: what all of a frame's addresses are counted from.
pub fn cfa(t: &Target, frame: &Frame) -> Option<u64> {
    let rule = rule_at(t, frame.pc?.moved(if frame.exact { 0 } else { -1 }))?;
    let base = match rule.sp {
        Base::Sp => frame.sp.0,
        Base::Bp => frame.regs.get(t.arch().fp())?,
        _ => return None,
    };
    Some(base.wrapping_add(rule.sp_offset as u64))
}

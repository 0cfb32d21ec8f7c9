//! Which code writes at a given place of an object: found by the offset in its instructions.

use std::ops::Range;

use necropsy_arch::{Access, Flow, Insn, MemOperand, Op, Operand};
use necropsy_base::VirtAddr;
use necropsy_target::{Module, Target};

use crate::{blame, code, holders};

/// The modules that have to do with an object: whose data holds its address, and whose code allocates from its cache.
pub fn modules_of(t: &Target, object: VirtAddr, allocations: &[VirtAddr]) -> Vec<String> {
    let mut names: Vec<String> =
        holders::in_modules(t, |word| word == object.0).into_iter().map(|h| h.module).collect();
    names.extend(allocations.iter().filter_map(|at| t.modules().text_of(*at)).map(|m| m.name.clone()));
    names.sort();
    names.dedup();
    names
}

/// The functions of a module that write a run of bytes which begins `offset` bytes behind a register: through an index, or through
/// a pointer made of that. The first instruction of each that does.
pub fn at_offset(t: &Target, module: &Module, offset: u64) -> Vec<VirtAddr> {
    let mut out: Vec<VirtAddr> = Vec::new();
    for symbol in module.symbols(t) {
        let at = VirtAddr(symbol.value);
        let Some(near) = t.near(at).filter(|n| n.start == at && t.is_text(at)) else { continue };
        let insns = code::function(t, &near);
        let first = insns.iter().find(|i| writes_run(i, offset));
        out.extend(first.map(|i| i.at).filter(|at| !out.contains(at)));
    }
    out
}

/// The functions of a module that have an address of this range as a constant, and write through a pointer or have something copied: the
/// first instruction of each that has it.
pub fn of_static(t: &Target, module: &Module, range: Range<VirtAddr>) -> Vec<VirtAddr> {
    let mut out: Vec<VirtAddr> = Vec::new();
    for symbol in module.symbols(t) {
        let at = VirtAddr(symbol.value);
        let Some(near) = t.near(at).filter(|n| n.start == at && t.is_text(at)) else { continue };
        let insns = code::function(t, &near);
        let first = insns.iter().find(|i| has_address(i, &range));
        let first = first.filter(|_| insns.iter().any(|i| writes(t, i)));
        out.extend(first.map(|i| i.at).filter(|at| !out.contains(at)));
    }
    out
}

fn has_address(insn: &Insn, range: &Range<VirtAddr>) -> bool {
    let of_operand = |m: MemOperand| m.base.is_none() && !m.percpu && range.contains(&VirtAddr(m.disp));
    match insn.op {
        Op::Move { src: Operand::Imm(value), .. } => range.contains(&VirtAddr(value)),
        Op::Address { .. } => insn.mem.is_some_and(of_operand),
        _ => insn.mem.is_some_and(|m| m.access != Access::Read && of_operand(m)),
    }
}

/// Whether an instruction writes through a pointer, or calls what copies.
fn writes(t: &Target, insn: &Insn) -> bool {
    let frame = |r: usize| r == t.arch().sp();
    let stores = |m: MemOperand| {
        matches!(m.access, Access::Write | Access::ReadWrite)
            && !m.percpu
            && (m.index.is_some() || m.base.is_some_and(|r| !frame(r)))
    };
    match insn.flow {
        Flow::Call(Some(to)) | Flow::Jump(Some(to)) => {
            t.near(to).is_some_and(|n| n.start == to && blame::copies(&n.name))
        }
        _ => insn.mem.is_some_and(stores),
    }
}

fn writes_run(insn: &Insn, offset: u64) -> bool {
    let Some(m) = insn.mem.filter(|m| m.disp == offset && m.base.is_some() && !m.percpu) else {
        return false;
    };
    let indexed = m.index.is_some() && matches!(m.access, Access::Write | Access::ReadWrite);
    indexed || matches!(insn.op, Op::Address { .. }) && m.index.is_none()
}

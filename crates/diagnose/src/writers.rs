//! Which code writes at a given place of an object: found by the offset in its instructions.

use necropsy_arch::{Access, Insn, Op};
use necropsy_base::VirtAddr;
use necropsy_target::{Module, Target};

use crate::{code, holders};

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

fn writes_run(insn: &Insn, offset: u64) -> bool {
    let Some(m) = insn.mem.filter(|m| m.disp == offset && m.base.is_some() && !m.percpu) else {
        return false;
    };
    let indexed = m.index.is_some() && matches!(m.access, Access::Write | Access::ReadWrite);
    indexed || matches!(insn.op, Op::Address { .. }) && m.index.is_none()
}

//! The access that killed the kernel: the instruction, the operand that faulted, and where its pointer came from.

use necropsy_arch::{Exception, Insn, MemOperand, Regs};
use necropsy_base::{Near, VirtAddr};
use necropsy_kernel::kasan::{GRANULE, Shadow};
use necropsy_target::Target;

use crate::code::{self, Origin, Trace};
use crate::crash::{Crash, Trap};

/// An access in kernel code that no page table or CPU allowed.
pub struct BadAccess<'a> {
    /// The exception.
    pub trap: Trap<'a>,
    /// The instruction.
    pub pc: VirtAddr,
    /// The function it is in.
    pub near: Near,
    /// The function's instructions.
    pub insns: Vec<Insn>,
    /// The operand.
    pub operand: MemOperand,
    /// The address it touched.
    pub address: u64,
    /// What its base register held.
    pub base: Option<u64>,
    /// Where that came from.
    pub origin: Option<Origin>,
}

impl BadAccess<'_> {
    /// The access that killed this kernel.
    pub fn of<'a>(t: &Target, crash: &'a Crash) -> Option<BadAccess<'a>> {
        let faults = [Exception::PageFault, Exception::GeneralProtection];
        let trap = crash.trap(t).filter(|trap| faults.contains(&trap.kind) && trap.fatal)?;
        let pc = trap.regs.get(t.arch().pc()).map(VirtAddr).filter(|pc| t.is_text(*pc))?;
        let near = t.near(pc)?;
        let insns = code::function(t, &near);
        let insn = insns.iter().find(|i| i.at == pc)?;
        let (operand, address) = touched(t, crash, &trap, &code::operands(insn, trap.regs))?;
        // KASAN's check falls over a bad address before the access does.
        let meant = Shadow::of(t).and_then(|shadow| behind_check(&shadow, trap.regs, &insns, pc, address)?.1);
        let (pc, operand, address) = meant.unwrap_or((pc, operand, address));
        let base = operand.base.and_then(|r| trap.regs.get(r));
        let origin =
            operand.base.zip(Trace::new(t, &insns, pc, trap.regs)).and_then(|(r, trace)| trace.origin(r));
        Some(BadAccess { trap, pc, near, insns, operand, address, base, origin })
    }

    /// The places in memory that pointers were loaded from on the way to the address: the last first, each with what it holds
    /// now and the instruction that loaded it.
    pub fn loads(&self) -> Vec<(VirtAddr, VirtAddr)> {
        let (mut out, mut next) = (Vec::new(), self.origin.as_ref());
        while let Some(Origin::Loaded { at, from, base, .. }) = next {
            out.extend(from.map(|from| (VirtAddr(from), *at)));
            next = base.as_deref();
        }
        out
    }
}

/// An access is not further behind the check that KASAN makes for it.
const BEHIND: usize = 48;

/// An access: its instruction, operand and address.
pub type Meant = (VirtAddr, MemOperand, u64);

/// What KASAN was about to check where it faulted on the shadow of memory: the first byte of the granule, and the access behind the check, the
/// first that touches it. `None` if the address that faulted is none of the shadow.
pub fn behind_check(
    shadow: &Shadow,
    regs: &Regs,
    insns: &[Insn],
    pc: VirtAddr,
    faulted: u64,
) -> Option<(u64, Option<Meant>)> {
    let granule = shadow.memory_of(VirtAddr(faulted)).0;
    // What is no address of the shadow does not come back.
    (shadow.address(VirtAddr(granule)).0 == faulted).then_some(())?;
    let here = insns.iter().position(|i| i.at == pc)?;
    let touches = |i: &Insn| {
        let hit = code::operands(i, regs).into_iter().find(|(_, at)| at & !(GRANULE - 1) == granule);
        hit.map(|(m, at)| (i.at, m, at))
    };
    Some((granule, insns.iter().skip(here + 1).take(BEHIND).find_map(touches)))
}

/// The operand that faulted, and the address it touched.
pub fn touched(
    t: &Target,
    crash: &Crash,
    trap: &Trap<'_>,
    operands: &[(MemOperand, u64)],
) -> Option<(MemOperand, u64)> {
    if trap.kind == Exception::PageFault {
        let recorded = crash.task.fault_address.value().filter(|_| crash.task.trap.value() == Some(14));
        return match recorded {
            Some(a) => operands.iter().find(|o| code::touches(a, o)).map(|(m, _)| (*m, a)),
            None => operands.first().copied(),
        };
    }
    // A general protection fault records no address: it is the operand that no CPU accepts.
    let tables = t.kernel()?.tables();
    operands.iter().find(|(_, at)| !t.arch().is_canonical(VirtAddr(*at), &tables)).copied()
}

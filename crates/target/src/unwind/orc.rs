//! A step by the kernel's own unwind table.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Base, OrcEntry, OrcKind, OrcTable, SpIndirect};

use super::Trust;
use super::step::{Next, State};
use crate::Target;

/// The unwind rule for an address, from the table of whoever owns the address now. One merged table would be wrong: a
/// module's table keeps the entries of its freed `.init.text`, where another module may live.
pub fn rule_at(t: &Target, place: VirtAddr) -> Option<OrcEntry> {
    if !t.methods().orc {
        return None;
    }
    table(t, place)?.lookup(t.memory(), place).ok().flatten()
}

fn table(t: &Target, place: VirtAddr) -> Option<&OrcTable> {
    match t.modules().text_of(place) {
        Some(module) => module.orc(t),
        None => t.orc(),
    }
}

fn sp_indirect(t: &Target, place: VirtAddr) -> SpIndirect {
    table(t, place).map_or(SpIndirect::LoadThenAdd, OrcTable::sp_indirect)
}

impl State {
    /// By an entry that says where the caller is.
    pub fn by_orc(&self, t: &Target, entry: &OrcEntry) -> Next {
        let Some(cfa) = self.orc_frame(t, entry) else {
            let why = format!("the stack pointer depends on {:?}, which is not known here", entry.sp);
            // A frame that was found on the stack has no frame pointer yet: the call to its function shows where it ends.
            return match self.by_call(t) {
                Next::Broken(_) => Next::Broken(why),
                found => found,
            };
        };
        match entry.kind {
            OrcKind::Regs | OrcKind::RegsPartial => self.trap_at(t, cfa, entry.kind == OrcKind::RegsPartial),
            _ => self.orc_call(t, entry, cfa),
        }
    }

    /// Where the caller's frame begins.
    fn orc_frame(&self, t: &Target, entry: &OrcEntry) -> Option<u64> {
        let named = |name: &str| {
            let index = t.arch().registers().iter().position(|r| *r == name)?;
            self.regs.get(index)
        };
        let offset = |v: u64| v.wrapping_add(entry.sp_offset as u64);
        let sp = self.sp.0;
        let bp = self.regs.get(t.arch().fp());
        let load = |at: u64| t.memory().u64(VirtAddr(at)).ok();
        match entry.sp {
            Base::Sp => Some(offset(sp)),
            Base::Bp => bp.map(offset),
            Base::SpIndirect if sp_indirect(t, self.place()) == SpIndirect::AddThenLoad => load(offset(sp)),
            Base::SpIndirect => load(sp).map(offset),
            Base::BpIndirect => bp.map(offset).and_then(load),
            Base::R10 => named("r10").map(offset),
            Base::R13 => named("r13").map(offset),
            Base::Di => named("rdi").map(offset),
            Base::Dx => named("rdx").map(offset),
            Base::Ax => named("rax").map(offset),
            _ => None,
        }
    }

    fn orc_call(&self, t: &Target, entry: &OrcEntry, cfa: u64) -> Next {
        let slot = VirtAddr(cfa.wrapping_sub(8));
        let pc = match t.memory().u64(slot) {
            Ok(pc) => VirtAddr(pc),
            Err(e) => return Next::Broken(format!("the return address cannot be read: {e}")),
        };
        if cfa <= self.sp.0 && slot.0 >> 14 == self.sp.0 >> 14 {
            return Next::Broken(format!("the stack does not move on from {:#x}", self.sp.0));
        }
        let bp = self.regs.get(t.arch().fp());
        let load = |at: u64| t.memory().u64(VirtAddr(at)).ok();
        let bp = match entry.bp {
            Base::PrevSp => load(cfa.wrapping_add(entry.bp_offset as u64)),
            Base::Bp => bp.and_then(|b| load(b.wrapping_add(entry.bp_offset as u64))),
            _ => bp,
        };
        let trust = if self.trust >= Trust::Recovered { Trust::Recovered } else { Trust::Orc };
        Next::Caller(Box::new(State::caller(t, pc, slot, bp, trust)))
    }
}

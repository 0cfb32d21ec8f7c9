//! One step: from a frame to its caller.

use necropsy_arch::Regs;
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Base, OrcEntry, OrcKind, OrcTable, SpIndirect};

use super::calls::{call_before, direct_target};
use super::{Frame, Trust, as_text};
use crate::Target;

/// How far above the stack pointer the return address of a function without unwind data is looked for, in words.
const SEARCH: u64 = 128;

/// Where the walk stands.
#[derive(Clone)]
pub struct State {
    pub pc: VirtAddr,
    pub sp: VirtAddr,
    pub regs: Regs,
    /// `pc` is the instruction itself, not the one after a call.
    pub exact: bool,
    pub slot: Option<VirtAddr>,
    pub trust: Trust,
}

pub enum Next {
    Caller(Box<State>),
    Trap(Box<Regs>),
    End,
    Broken(String),
}

impl State {
    /// The state that saved registers describe.
    pub fn new(t: &Target, regs: Regs, trust: Trust) -> Option<State> {
        let pc = VirtAddr(t.arch().strip(regs.get(t.arch().pc())?));
        let sp = VirtAddr(regs.get(t.arch().sp())?);
        Some(State { pc, sp, regs, exact: true, slot: None, trust })
    }

    /// The address whose unwind rule and name hold: the call, not the instruction after it.
    pub fn place(&self) -> VirtAddr {
        if self.exact { self.pc } else { self.pc.moved(-1) }
    }

    pub fn frame(&self, t: &Target) -> Frame {
        let function = if t.is_text(self.place()) { t.near(self.place()) } else { None };
        let remark = (function.is_none()).then(|| match as_text(self.pc.0) {
            Some(text) => format!("not kernel code: the text {text:?}"),
            None => "not kernel code".into(),
        });
        Frame {
            pc: Some(self.pc),
            exact: self.exact,
            sp: self.sp,
            slot: self.slot,
            function,
            trust: self.trust,
            regs: self.regs.clone(),
            trap: None,
            remark,
        }
    }

    /// Whether this can be a caller: its address is code, and a call stands before it.
    pub fn check(&self, t: &Target) -> Result<(), String> {
        let pc = self.pc;
        if !t.is_text(self.place()) {
            let text = as_text(pc.0).map(|s| format!(" (the text {s:?})")).unwrap_or_default();
            return Err(format!("return address {pc:#x}{text} is not kernel code"));
        }
        if self.exact
            || call_before(t, pc).is_some()
            || starts_function(t, pc)
            || no_call_to_see(t, self.place())
        {
            return Ok(());
        }
        Err(format!("no call stands before the return address {pc:#x}"))
    }

    pub fn step(&self, t: &Target) -> Next {
        let place = self.place();
        match entry(t, place) {
            Some(entry) => match entry.kind {
                OrcKind::End => Next::End,
                OrcKind::Undefined => self.by_call(t),
                _ => self.by_orc(t, &entry),
            },
            None => self.by_frame_pointer(t).unwrap_or_else(|| self.by_call(t)),
        }
    }

    fn by_orc(&self, t: &Target, entry: &OrcEntry) -> Next {
        let mem = t.memory();
        let reg = |r: Option<usize>| r.and_then(|r| self.regs.get(r));
        let named = |name: &str| t.arch().registers().iter().position(|r| *r == name);
        let offset = |v: u64| v.wrapping_add(entry.sp_offset as u64);
        let sp = self.sp.0;
        let bp = reg(Some(t.arch().fp()));
        let load = |at: u64| mem.u64(VirtAddr(at)).ok();
        let cfa = match entry.sp {
            Base::Sp => Some(offset(sp)),
            Base::Bp => bp.map(offset),
            Base::SpIndirect if rule(t, place_table(t, self.place())) == SpIndirect::AddThenLoad => {
                load(offset(sp))
            }
            Base::SpIndirect => load(sp).map(offset),
            Base::BpIndirect => bp.map(offset).and_then(load),
            Base::R10 => reg(named("r10")).map(offset),
            Base::R13 => reg(named("r13")).map(offset),
            Base::Di => reg(named("rdi")).map(offset),
            Base::Dx => reg(named("rdx")).map(offset),
            Base::Ax => reg(named("rax")).map(offset),
            _ => None,
        };
        let Some(cfa) = cfa else {
            // A frame that was found on the stack has no frame pointer yet: the call to its function shows where it ends.
            return match self.by_call(t) {
                Next::Broken(_) => Next::Broken(format!(
                    "the stack pointer depends on {:?}, which is not known here",
                    entry.sp
                )),
                found => found,
            };
        };
        match entry.kind {
            OrcKind::Regs | OrcKind::RegsPartial => self.trap_at(t, cfa, entry.kind == OrcKind::RegsPartial),
            _ => self.call_at(t, entry, cfa, bp),
        }
    }

    fn call_at(&self, t: &Target, entry: &OrcEntry, cfa: u64, bp: Option<u64>) -> Next {
        let slot = VirtAddr(cfa.wrapping_sub(8));
        let pc = match t.memory().u64(slot) {
            Ok(pc) => VirtAddr(pc),
            Err(e) => return Next::Broken(format!("the return address cannot be read: {e}")),
        };
        if cfa <= self.sp.0 && slot.0 >> 14 == self.sp.0 >> 14 {
            return Next::Broken(format!("the stack does not move on from {:#x}", self.sp.0));
        }
        let load = |at: u64| t.memory().u64(VirtAddr(at)).ok();
        let bp = match entry.bp {
            Base::PrevSp => load(cfa.wrapping_add(entry.bp_offset as u64)),
            Base::Bp => bp.and_then(|b| load(b.wrapping_add(entry.bp_offset as u64))),
            _ => bp,
        };
        let mut regs = Regs::new();
        regs.set(t.arch().pc(), pc.0);
        regs.set(t.arch().sp(), cfa);
        regs.put(t.arch().fp(), bp);
        let exact = false;
        let trust = if self.trust >= Trust::Recovered { Trust::Recovered } else { Trust::Orc };
        Next::Caller(Box::new(State { pc, sp: VirtAddr(cfa), regs, exact, slot: Some(slot), trust }))
    }

    /// Crosses an entry: all registers are saved at `at`, or only the five words that the CPU itself pushes.
    fn trap_at(&self, t: &Target, at: u64, partial: bool) -> Next {
        let size = t.arch().pt_regs_size();
        let skipped = if partial { size - 5 * 8 } else { 0 };
        let mut bytes = vec![0; size];
        if let Err(e) = t.memory().read(VirtAddr(at), &mut bytes[skipped..]) {
            return Next::Broken(format!("the saved registers cannot be read: {e}"));
        }
        let Some(mut regs) = t.arch().pt_regs(&bytes) else {
            return Next::Broken("the saved registers do not decode".into());
        };
        if partial {
            (0..skipped / 8).for_each(|r| regs.put(r, self.regs.get(r)));
        }
        if !t.arch().plausible(&regs) {
            return Next::Broken(format!("the saved registers at {at:#x} are damaged"));
        }
        Next::Trap(Box::new(regs))
    }

    /// No unwind data: the frame pointer, if it leads to a record on the stack. Where that is all there is (arm64), an entry
    /// function's record lies inside of the registers it saved.
    fn by_frame_pointer(&self, t: &Target) -> Option<Next> {
        t.arch().frame_record()?;
        let fp = self.regs.get(t.arch().fp())?;
        let only_way = t.orc().is_none();
        let near = fp >= self.sp.0 && fp - self.sp.0 < 1 << 14 && fp.is_multiple_of(8);
        if !(near || only_way && fp.is_multiple_of(8)) {
            return None;
        }
        if let Some(next) = only_way.then(|| self.saved_around(t, fp)).flatten() {
            return Some(next);
        }
        let slot = VirtAddr(fp.wrapping_add(8));
        let pc = VirtAddr(t.arch().strip(t.memory().u64(slot).ok()?));
        let next_fp = t.memory().u64(VirtAddr(fp)).ok()?;
        if only_way && next_fp == 0 && pc.is_null() {
            return Some(Next::End);
        }
        let sp = fp.wrapping_add(16);
        let mut regs = Regs::new();
        regs.set(t.arch().pc(), pc.0);
        regs.set(t.arch().sp(), sp);
        regs.set(t.arch().fp(), next_fp);
        let trust = self.trust.max(Trust::FramePointer);
        let caller = State { pc, sp: VirtAddr(sp), regs, exact: false, slot: Some(slot), trust };
        (only_way || caller.check(t).is_ok()).then(|| Next::Caller(Box::new(caller)))
    }

    /// The registers that an entry function saved: its frame record is their member `stackframe`
    /// (arch/arm64/include/asm/ptrace.h, 4.x to 7.x).
    fn saved_around(&self, t: &Target, fp: u64) -> Option<Next> {
        let name = t.near(self.place())?.name;
        if !t.arch().saves_registers(&name) {
            return None;
        }
        let inside = t.offset_of("pt_regs", "stackframe").ok()?;
        let bytes = t.memory().bytes(VirtAddr(fp.checked_sub(inside)?), t.arch().pt_regs_size()).ok()?;
        let regs = t.arch().pt_regs(&bytes).filter(|r| t.arch().plausible(r))?;
        Some(Next::Trap(Box::new(regs)))
    }

    /// A function without unwind data (`STACK_FRAME_NON_STANDARD`: `__crash_kexec` in 6.1 and 6.12): its return address is
    /// the first word above whose call goes to this very function.
    fn by_call(&self, t: &Target) -> Next {
        let Some(here) = t.near(self.place()) else {
            return Next::Broken("no unwind data".into());
        };
        for word in 0..SEARCH {
            let slot = self.sp.offset(word * 8);
            let Ok(pc) = t.memory().u64(slot).map(VirtAddr) else {
                break;
            };
            if direct_target(t, pc) == Some(here.start) {
                let mut regs = Regs::new();
                regs.set(t.arch().pc(), pc.0);
                regs.set(t.arch().sp(), slot.0.wrapping_add(8));
                let saved = entry(t, self.place()).filter(|e| e.bp == Base::PrevSp);
                let fp =
                    saved.and_then(|e| t.memory().u64(slot.offset(8).moved(i64::from(e.bp_offset))).ok());
                regs.put(t.arch().fp(), fp);
                let trust = Trust::Recovered;
                let sp = slot.offset(8);
                return Next::Caller(Box::new(State { pc, sp, regs, exact: false, slot: Some(slot), trust }));
            }
        }
        Next::Broken(format!("{} has no unwind data", here.name))
    }

    /// The program counter is no code: a call through a bad pointer. The call has pushed its return address.
    pub fn bad_call(&self, t: &Target) -> Next {
        let Ok(pc) = t.memory().u64(self.sp).map(VirtAddr) else {
            return Next::Broken("the return address cannot be read".into());
        };
        let mut regs = self.regs.clone();
        regs.set(t.arch().pc(), pc.0);
        regs.set(t.arch().sp(), self.sp.0.wrapping_add(8));
        let (sp, slot) = (self.sp.offset(8), Some(self.sp));
        Next::Caller(Box::new(State { pc, sp, regs, exact: false, slot, trust: Trust::Recovered }))
    }
}

/// The unwind rule for an address, from the table of whoever owns the address now. One merged table would be wrong: a
/// module's table keeps the entries of its freed `.init.text`, where another module may live.
fn entry(t: &Target, place: VirtAddr) -> Option<OrcEntry> {
    place_table(t, place)?.lookup(t.memory(), place).ok().flatten()
}

fn place_table(t: &Target, place: VirtAddr) -> Option<&OrcTable> {
    match t.modules().text_of(place) {
        Some(module) => module.orc(t),
        None => t.orc(),
    }
}

fn rule(_t: &Target, table: Option<&OrcTable>) -> SpIndirect {
    table.map_or(SpIndirect::LoadThenAdd, OrcTable::sp_indirect)
}

/// `ret_from_fork` is put on a new task's stack by hand: no call stands before it, but it begins a function.
fn starts_function(t: &Target, pc: VirtAddr) -> bool {
    t.near(pc).is_some_and(|n| n.start == pc)
}

/// Boot code whose caller cannot be checked: `.init.text` was freed, and the start code of a CPU returns by hand into a
/// function where the unwind table ends.
fn no_call_to_see(t: &Target, place: VirtAddr) -> bool {
    match entry(t, place) {
        Some(entry) => entry.kind == OrcKind::End || t.is_freed_text(place),
        None => false,
    }
}

/// The unwind rule at an instruction, for who must know where a frame's variables lie.
pub fn rule_at(t: &Target, place: VirtAddr) -> Option<OrcEntry> {
    entry(t, place)
}

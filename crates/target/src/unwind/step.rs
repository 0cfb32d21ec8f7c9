//! One step: from a frame to its caller.

use necropsy_arch::Regs;
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Base, OrcKind};

use super::calls::{call_before, direct_target};
use super::entry::ends_stack;
use super::orc::rule_at;
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
    /// Into what was interrupted, and how its registers are known.
    Trap(Box<Regs>, Trust),
    /// Into user space, by registers that are not complete.
    User(Box<Regs>),
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
        if self.exact || call_before(t, pc).is_some() || starts_function(t, pc) || no_call_to_see(t, self) {
            return Ok(());
        }
        Err(format!("no call stands before the return address {pc:#x}"))
    }

    /// The state of a caller whose return address `pc` was found at `slot`.
    pub fn caller(t: &Target, pc: VirtAddr, slot: VirtAddr, fp: Option<u64>, trust: Trust) -> State {
        let mut regs = Regs::new();
        let sp = slot.offset(8);
        regs.set(t.arch().pc(), pc.0);
        regs.set(t.arch().sp(), sp.0);
        regs.put(t.arch().fp(), fp);
        State { pc, sp, regs, exact: false, slot: Some(slot), trust }
    }

    pub fn step(&self, t: &Target) -> Next {
        if let Some(entry) = rule_at(t, self.place()) {
            return match entry.kind {
                OrcKind::End => Next::End,
                OrcKind::Undefined => self.by_call(t),
                _ => self.by_orc(t, &entry),
            };
        }
        let found = self.by_cfi(t).or_else(|| self.by_frame_pointer(t));
        found.unwrap_or_else(|| if t.has_orc() { self.by_call(t) } else { self.by_scan(t) })
    }

    /// A function without unwind data (`STACK_FRAME_NON_STANDARD`: `__crash_kexec` in 6.1 and 6.12): its return address is
    /// the first word above whose call goes to this very function.
    pub fn by_call(&self, t: &Target) -> Next {
        let Some(here) = t.near(self.place()) else {
            return Next::Broken("no unwind data".into());
        };
        for word in 0..SEARCH {
            let slot = self.sp.offset(word * 8);
            let Ok(pc) = t.memory().u64(slot).map(VirtAddr) else {
                break;
            };
            if direct_target(t, pc) == Some(here.start) {
                let saved = rule_at(t, self.place()).filter(|e| e.bp == Base::PrevSp);
                let fp =
                    saved.and_then(|e| t.memory().u64(slot.offset(8).moved(i64::from(e.bp_offset))).ok());
                return Next::Caller(Box::new(State::caller(t, pc, slot, fp, Trust::Recovered)));
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

/// `ret_from_fork` is put on a new task's stack by hand: no call stands before it, but it begins a function.
fn starts_function(t: &Target, pc: VirtAddr) -> bool {
    t.near(pc).is_some_and(|n| n.start == pc)
}

/// Boot code whose caller cannot be checked: `.init.text` was freed, and the start code of a CPU returns by hand into a
/// function where the unwind table ends, or the chain of frame pointers.
fn no_call_to_see(t: &Target, state: &State) -> bool {
    match rule_at(t, state.place()) {
        Some(entry) => entry.kind == OrcKind::End || t.is_freed_text(state.place()),
        None if t.has_orc() => false,
        None => ends_stack(t, state.sp.0) || t.is_freed_text(state.place()),
    }
}

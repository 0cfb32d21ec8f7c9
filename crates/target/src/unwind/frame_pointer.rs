//! A step by the frame pointer: the record `(caller's frame pointer, return address)` that it names.
//!
//! Where that is all there is, each function counts: one that was interrupted before it made its record, or after it took
//! it down, has its caller's frame pointer still; assembly makes no record; entry functions leave a mark, or nothing but the
//! registers they saved.

use necropsy_arch::FrameSetup;
use necropsy_base::{MemoryExt, Near, VirtAddr};

use super::Trust;
use super::recover::fits;
use super::step::{Next, State};
use crate::Target;

/// A record of this frame is not further away, in bytes.
const NEAR: u64 = 1 << 14;
/// Enough code to see how a function begins.
const BEGINNING: u64 = 1 << 12;
/// No instruction is longer.
const LONGEST: u64 = 15;

impl State {
    /// By the frame pointer; `None` where it leads nowhere.
    pub fn by_frame_pointer(&self, t: &Target) -> Option<Next> {
        t.arch().frame_record()?;
        if !t.methods().frame_pointer {
            return self.by_saved(t);
        }
        if t.has_orc() { self.beside_a_table(t) } else { self.by_records(t) }
    }

    /// Code that the unwind table does not know (generated at run time): its record, if all about it is right.
    fn beside_a_table(&self, t: &Target) -> Option<Next> {
        let fp = self.regs.get(t.arch().fp())?;
        let near = fp >= self.sp.0 && fp - self.sp.0 < NEAR && fp.is_multiple_of(8);
        let caller = near.then(|| self.record(t, fp)).flatten()?;
        caller.check(t).is_ok().then(|| Next::Caller(Box::new(caller)))
    }

    /// A kernel without unwind tables.
    fn by_records(&self, t: &Target) -> Option<Next> {
        match setup(t, self) {
            FrameSetup::Unknown => self.by_plain_record(t),
            FrameSetup::Done => self.by_own_record(t).or_else(|| self.frameless(t, 0)),
            FrameSetup::Before(above) => self.frameless(t, above).or_else(|| self.by_own_record(t)),
            FrameSetup::Gone => self.frameless(t, 0).or_else(|| self.by_own_record(t)),
            FrameSetup::Never => self.without_record(t),
        }
    }

    /// Where functions cannot be looked into (arm64): an entry function's record lies inside of the registers it saved.
    fn by_plain_record(&self, t: &Target) -> Option<Next> {
        let fp = self.regs.get(t.arch().fp()).filter(|fp| fp.is_multiple_of(8))?;
        if let Some(next) = self.saved_around(t, fp) {
            return Some(next);
        }
        let caller = self.record(t, fp)?;
        let last = caller.regs.get(t.arch().fp()) == Some(0) && caller.pc.is_null();
        Some(if last { Next::End } else { Next::Caller(Box::new(caller)) })
    }

    /// The function has a record. It may be wrong; then the stack is broken here.
    fn by_own_record(&self, t: &Target) -> Option<Next> {
        let fp = self.regs.get(t.arch().fp())?;
        let same_stack = fp >> 14 == self.sp.0 >> 14;
        if !fp.is_multiple_of(8) || same_stack && fp < self.sp.0 || !t.arch().is_kernel(VirtAddr(fp)) {
            return None;
        }
        let caller = self.record(t, fp)?;
        if self.exact && caller.check(t).is_err() {
            // Interrupted on a way through the function that makes no record.
            if let Some(next) = self.frameless(t, 0) {
                return Some(next);
            }
        }
        Some(Next::Caller(Box::new(caller)))
    }

    /// A function that makes no record: an entry function, or a small one in assembly.
    fn without_record(&self, t: &Target) -> Option<Next> {
        let leaf = self.exact.then(|| self.frameless(t, 0)).flatten();
        let last = || (self.regs.get(t.arch().fp()) == Some(0)).then_some(Next::End);
        let own = || self.by_own_record(t).filter(|next| self.leads_on(t, next));
        leaf.or_else(|| self.by_mark(t))
            .or_else(|| self.by_saved(t))
            .or_else(|| self.below_record(t))
            .or_else(last)
            .or_else(own)
    }

    /// The return address lies `above` bytes above the stack pointer, and the frame pointer is the caller's.
    fn frameless(&self, t: &Target, above: u64) -> Option<Next> {
        let slot = self.sp.offset(above);
        let pc = VirtAddr(t.arch().strip(t.memory().u64(slot).ok()?));
        let caller = State::caller(t, pc, slot, self.regs.get(t.arch().fp()), self.next_trust());
        (caller.check(t).is_ok() && fits(t, self, &caller)).then(|| Next::Caller(Box::new(caller)))
    }

    /// Assembly that keeps something on the stack: its return address is between the stack pointer and its caller's record.
    fn below_record(&self, t: &Target) -> Option<Next> {
        let fp = self.regs.get(t.arch().fp()).filter(|fp| *fp > self.sp.0 && fp - self.sp.0 < NEAR)?;
        (0..(fp - self.sp.0) / 8).take(64).find_map(|word| {
            let next = self.frameless(t, word * 8)?;
            self.leads_on(t, &next).then_some(next)
        })
    }

    /// Whether a caller is one that calls this very function.
    fn leads_on(&self, t: &Target, next: &Next) -> bool {
        let Next::Caller(caller) = next else { return true };
        caller.check(t).is_ok() && fits(t, self, caller)
    }

    fn record(&self, t: &Target, fp: u64) -> Option<State> {
        let slot = VirtAddr(fp.wrapping_add(8));
        let pc = VirtAddr(t.arch().strip(t.memory().u64(slot).ok()?));
        let next = t.memory().u64(VirtAddr(fp)).ok()?;
        Some(State::caller(t, pc, slot, Some(next), self.next_trust()))
    }

    fn next_trust(&self) -> Trust {
        if self.trust >= Trust::Recovered { Trust::Recovered } else { Trust::FramePointer }
    }
}

/// The code of a function, or as much as shows how it begins. Where its end is not known, what lies behind `place` is not read.
pub fn beginning(t: &Target, function: &Near, place: VirtAddr) -> Option<Vec<u8>> {
    let size = function.size.unwrap_or(place.0.saturating_sub(function.start.0).saturating_add(LONGEST));
    t.memory().bytes(function.start, size.min(BEGINNING) as usize).ok()
}

/// How far the function has got with its record. Code that was freed after boot made one, as all C code does; so did the function
/// whose unlikely parts lie elsewhere.
fn setup(t: &Target, state: &State) -> FrameSetup {
    let Some(function) = t.near(state.place()) else { return FrameSetup::Done };
    if function.name.contains(".cold") || t.is_freed_text(state.place()) {
        return FrameSetup::Done;
    }
    let at = state.pc.0.saturating_sub(function.start.0);
    let Some(code) = beginning(t, &function, state.pc) else { return FrameSetup::Done };
    match t.arch().frame_setup(&code, at as usize) {
        // After a call, all that was still to be done has been done.
        FrameSetup::Before(_) | FrameSetup::Gone if !state.exact => FrameSetup::Done,
        found => found,
    }
}

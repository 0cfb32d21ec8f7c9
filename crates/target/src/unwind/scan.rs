//! A step where nothing says how: the return address is looked for on the stack, and must fit.

use necropsy_base::{MemoryExt, Near, VirtAddr};

use super::Trust;
use super::calls::{call_before, direct_target};
use super::frame_pointer::beginning;
use super::recover::fits;
use super::step::{Next, State};
use crate::Target;

/// How far above the stack pointer a return address is looked for, in words.
const SEARCH: u64 = 256;
/// How many calls through pointers are looked at: most words that look like one are stale.
const POINTERS: usize = 8;

impl State {
    /// The return address is where the function's own pushes put it; or it is the first word above that a call to this very
    /// function left, or, with no such word, a call through a pointer.
    pub fn by_scan(&self, t: &Target) -> Next {
        let Some(here) = t.near(self.place()) else {
            return Next::Broken("no unwind data".into());
        };
        let pushed = depth(t, &here, self.pc).and_then(|depth| self.scanned(t, self.sp.offset(depth)));
        let found = pushed.or_else(|| self.direct(t, &here)).or_else(|| self.through_pointer(t));
        match found {
            Some(caller) => Next::Caller(Box::new(caller)),
            None => Next::Broken(format!("{} has no unwind data", here.name)),
        }
    }

    fn direct(&self, t: &Target, here: &Near) -> Option<State> {
        self.above().find_map(|slot| {
            let pc = VirtAddr(t.memory().u64(slot).ok()?);
            (direct_target(t, pc) == Some(here.start)).then(|| self.scanned(t, slot))?
        })
    }

    fn through_pointer(&self, t: &Target) -> Option<State> {
        let through = |slot: &VirtAddr| {
            let pc = t.memory().u64(*slot).ok().map(VirtAddr).filter(|pc| t.is_text(pc.moved(-1)));
            let site = pc.and_then(|pc| call_before(t, pc).filter(|_| direct_target(t, pc).is_none()));
            site.is_some_and(|site| site.indirect)
        };
        self.above().filter(through).take(POINTERS).find_map(|slot| self.scanned(t, slot))
    }

    fn above(&self) -> impl Iterator<Item = VirtAddr> {
        let sp = self.sp;
        (0..SEARCH).map(move |word| sp.offset(word * 8))
    }

    /// The caller whose return address is at `slot`, if it fits.
    fn scanned(&self, t: &Target, slot: VirtAddr) -> Option<State> {
        let pc = VirtAddr(t.arch().strip(t.memory().u64(slot).ok()?));
        let fp = t.memory().u64(slot.moved(-8)).ok().filter(|_| t.methods().frame_pointer);
        let caller = State::caller(t, pc, slot, fp, Trust::Scan);
        (caller.check(t).is_ok() && fits(t, self, &caller)).then_some(caller)
    }
}

/// How far the return address is above the stack pointer.
fn depth(t: &Target, function: &Near, pc: VirtAddr) -> Option<u64> {
    t.arch().stack_depth(&beginning(t, function, pc)?, pc.0.checked_sub(function.start.0)? as usize)
}

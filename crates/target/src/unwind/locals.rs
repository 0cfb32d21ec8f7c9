//! Arguments and local variables of the frames of a stack.

use necropsy_arch::Regs;
use necropsy_base::VirtAddr;
use necropsy_debuginfo::dwarf::{FrameState, Variables};

use super::calls::direct_target;
use super::{Frame, Stack, frame_start, registers};
use crate::Target;

/// How far up callers are asked what they passed.
const MAX_CALLERS: usize = 4;

/// A frame with what is known of its registers, and the frames that called it.
struct View<'s> {
    t: &'s Target,
    frames: &'s [Frame],
    regs: &'s [Regs],
    depth: usize,
}

/// The variables of a frame: those of the functions inlined at its place first. `None` where no file describes its code.
pub fn variables(t: &Target, stack: &Stack, index: usize) -> Option<Variables> {
    let regs = registers(t, stack);
    let place = stack.frames.get(index)?.place()?;
    let debug = t.debug_at(place)?;
    let view = View { t, frames: stack.frames.get(index..)?, regs: regs.get(index..)?, depth: 0 };
    let found = debug.file.variables(place.0.wrapping_sub(debug.bias), &view);
    found.unwrap_or_else(|e| {
        t.note(format!("{}: {e}", debug.file.path().display()));
        None
    })
}

impl<'s> View<'s> {
    fn place(&self) -> Option<VirtAddr> {
        self.frames.first()?.place()
    }

    /// The frame that called this one; not the one that it interrupted.
    fn caller(&self) -> Option<View<'s>> {
        let called = self.frames.first().is_some_and(|f| f.trap.is_none());
        let caller = self.frames.get(1).filter(|f| called && !f.exact && f.pc.is_some())?;
        // What was lost in between called it.
        let lost = caller.trust >= super::Trust::Recovered;
        (!lost && self.depth < MAX_CALLERS).then(|| View {
            frames: &self.frames[1..],
            regs: &self.regs[1..],
            depth: self.depth + 1,
            ..*self
        })
    }
}

impl FrameState for View<'_> {
    fn register(&self, number: u16) -> Option<u64> {
        self.regs.first()?.get(self.t.arch().dwarf_register(number)?)
    }

    fn read(&self, at: u64, buf: &mut [u8]) -> bool {
        self.t.memory().read(VirtAddr(at), buf).is_ok()
    }

    fn cfa(&self) -> Option<u64> {
        // What called it stands where its frame begins.
        let by_caller = self.caller().and_then(|c| c.regs.first()?.get(self.t.arch().sp()));
        by_caller.or_else(|| frame_start(self.t, self.place()?, self.regs.first()?))
    }

    fn bias(&self) -> u64 {
        self.place().and_then(|at| self.t.debug_at(at)).map_or(0, |d| d.bias)
    }

    fn entry_register(&self, number: u16) -> Option<u64> {
        let caller = self.caller()?;
        let pc = caller.frames.first()?.pc?;
        // What the call passed went to this function only if this is the function it called: that one may have jumped here.
        let here = self.frames.first()?.function.as_ref()?;
        (direct_target(self.t, pc)? == here.start).then_some(())?;
        let debug = self.t.debug_at(pc.moved(-1))?;
        debug.file.passed(pc.0.wrapping_sub(debug.bias), number, &caller)
    }

    fn number(&self, bytes: &[u8]) -> u64 {
        self.t.abi().uint(bytes)
    }
}

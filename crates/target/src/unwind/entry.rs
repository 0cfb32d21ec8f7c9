//! Crossing into what was interrupted: by the registers that the entry code saved on the stack.

use necropsy_arch::Regs;
use necropsy_base::{MemoryExt, VirtAddr};

use super::Trust;
use super::step::{Next, State};
use crate::Target;

/// Stacks end at a page's end; FRED keeps two words above the saved registers (6.9 and later).
const PAGE: u64 = 4096;

impl State {
    /// Crosses an entry: all registers are saved at `at`, or only the five words that the CPU itself pushes.
    pub fn trap_at(&self, t: &Target, at: u64, partial: bool) -> Next {
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
        Next::Trap(Box::new(regs), Trust::Orc)
    }

    /// Crosses an entry whose mark in the frame pointer leads to the saved registers. Those of a kernel thread, at the end of its
    /// stack, were never filled.
    pub fn by_mark(&self, t: &Target) -> Option<Next> {
        let at = t.arch().marked_regs(self.regs.get(t.arch().fp())?)?;
        if let Some(regs) = saved(t, at) {
            return Some(Next::Trap(Box::new(regs), Trust::FramePointer));
        }
        Some(match ends_stack(t, at) {
            true => Next::End,
            false => Next::Broken(format!("the saved registers at {at:#x} are damaged")),
        })
    }

    /// Crosses an entry function that leaves no mark (before 4.10): its saved registers begin at the stack pointer; or, where it
    /// switched stacks, what the stack pointer names is the register in the middle of them that it pushed last.
    pub fn by_saved(&self, t: &Target) -> Option<Next> {
        let fp_slot = t.arch().fp() as u64 * 8;
        let link = t.memory().u64(self.sp).ok().filter(|link| link >> 14 != self.sp.0 >> 14);
        let places = [Some(self.sp.0), link, link.and_then(|l| l.checked_sub(fp_slot))];
        let regs = places.into_iter().flatten().find_map(|at| saved(t, at));
        let crossed = regs.map(|regs| Next::Trap(Box::new(regs), Trust::FramePointer));
        let user = || Some(Next::User(Box::new(self.system_call(t)?)));
        // A kernel thread's were never filled.
        crossed.or_else(user).or_else(|| ends_stack(t, self.sp.0).then_some(Next::End))
    }

    /// The way into a system call before 4.4 saves only what a called function may change, and of what the CPU itself would have
    /// saved only the program counter is sure. It is known by its place: the end of the stack.
    fn system_call(&self, t: &Target) -> Option<Regs> {
        let kept = t.arch().registers().iter().position(|r| *r == "r11")? as u64 * 8;
        let at = self.sp.0.checked_sub(kept)?;
        if !ends_stack(t, at) {
            return None;
        }
        let bytes = t.memory().bytes(VirtAddr(at), t.arch().pt_regs_size()).ok()?;
        let found = t.arch().pt_regs(&bytes)?;
        let pc = found.get(t.arch().pc()).filter(|pc| *pc >> 47 == 0)?;
        let mut regs = Regs::new();
        (kept as usize / 8..t.arch().pc()).for_each(|r| regs.put(r, found.get(r)));
        regs.set(t.arch().pc(), pc);
        Some(regs)
    }

    /// The registers that an entry function saved: its frame record is their member `stackframe`
    /// (arch/arm64/include/asm/ptrace.h, 4.x to 7.x).
    pub fn saved_around(&self, t: &Target, fp: u64) -> Option<Next> {
        let name = t.near(self.place())?.name;
        if !t.arch().saves_registers(&name) {
            return None;
        }
        let inside = t.offset_of("pt_regs", "stackframe").ok()?;
        let regs = saved(t, fp.checked_sub(inside)?)?;
        Some(Next::Trap(Box::new(regs), Trust::Orc))
    }
}

/// Saved registers at `at`, if what is there can be some.
fn saved(t: &Target, at: u64) -> Option<Regs> {
    if !at.is_multiple_of(8) || !t.arch().is_kernel(VirtAddr(at)) {
        return None;
    }
    let bytes = t.memory().bytes(VirtAddr(at), t.arch().pt_regs_size()).ok()?;
    t.arch().pt_regs(&bytes).filter(|regs| t.arch().plausible(regs))
}

/// Whether saved registers at `at` are the last thing on a stack.
pub fn ends_stack(t: &Target, at: u64) -> bool {
    let end = at.wrapping_add(t.arch().pt_regs_size() as u64);
    [0, 16].iter().any(|pad| end.wrapping_add(*pad).is_multiple_of(PAGE))
}

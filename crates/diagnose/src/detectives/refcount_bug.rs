//! A reference count that went wrong: which, and of what.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use crate::crash::Crash;
use crate::{Case, Class, Detective, Findings, objects};

pub const REFCOUNT_BUG: Detective = Detective {
    id: "refcount-bug",
    title: "the reference count that went wrong, and its object",
    doc: "refcount_warn_saturate was reached (the assertion detective names who asked for it). It leaves the count saturated, in the middle \
          of the range that cannot be (REFCOUNT_SATURATED, include/linux/refcount.h): a register of the frames around it points there. The \
          object that the count is in, and whether it is free, are named.",
    examine,
};

/// `REFCOUNT_SATURATED`.
const SATURATED: u32 = 0xc000_0000;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    if crash.frame(&["refcount_warn_saturate"]).is_none()
        || !found.hypotheses.iter().any(|h| h.class == Class::RefcountBug)
    {
        return;
    }
    let Some(at) = saturated(t, crash) else { return };
    let object = objects::at(t, at);
    let what = object.as_ref().map_or("no slab object".to_owned(), |(found, state)| {
        let free = if objects::is_free(*state) { ", which is free" } else { "" };
        format!("{}{free}", objects::named(found))
    });
    let claim = format!("the reference count at {:#x}, in {what}, is saturated ({SATURATED:#x})", at.0);
    found.add(Class::RefcountBug, 1.5, format!("memory:{:#x}", at.0), format!("rd -32 {:x} 1", at.0), claim);
    let Some((object, _)) = object else { return };
    let related = objects::tracked(t, &object, Class::RefcountBug, 0.5, found);
    if let Some(h) = found.hypotheses.iter_mut().find(|h| h.class == Class::RefcountBug) {
        h.statement += &format!(" The count is in {what}.");
        h.related.extend(related);
    }
}

/// Where the count is: a register of the trap, or of a frame near it, points to it.
fn saturated(t: &Target, crash: &Crash) -> Option<VirtAddr> {
    let (index, _) = crash.frame(&["refcount_warn_saturate"])?;
    let frames = crash.stack.frames.iter().skip(index.saturating_sub(1)).take(3);
    let registers = crash.trap(t).map(|trap| trap.regs.clone());
    let all = registers.iter().chain(frames.map(|f| &f.regs));
    let values = all.flat_map(|regs| (0..t.arch().registers().len()).filter_map(|r| regs.get(r)));
    let is_one = |v: &u64| t.arch().is_kernel(VirtAddr(*v)) && t.memory().u32(VirtAddr(*v)) == Ok(SATURATED);
    values.into_iter().find(is_one).map(VirtAddr)
}

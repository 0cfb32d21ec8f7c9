//! What KFENCE caught: an access to a guard page, or to the page of an object that is free.

use necropsy_arch::Exception;
use necropsy_base::VirtAddr;
use necropsy_kernel::slab::{self, Guarded};
use necropsy_target::Target;

use crate::code;
use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, objects};

pub const GUARDED: Detective = Detective {
    id: "guarded",
    title: "what KFENCE caught",
    doc: "The panic came out of KFENCE's handler of page faults. The address is looked up in its pool: an object that is free (use after free) \
          or the guard page beside one (out of bounds). Who allocated and who freed the object stands in KFENCE's own records, whole stacks.",
    examine,
};

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(index) = interrupted(t, crash) else { return };
    let Some((address, guarded)) = touched(t, crash).into_iter().find_map(|at| Some((at, object(t, at)?)))
    else {
        return;
    };
    let inside = (guarded.start.0..guarded.start.0.saturating_add(guarded.size)).contains(&address.0);
    let class = match guarded.allocated_now {
        Some(true) if !inside => Class::OutOfBoundsAccess,
        Some(false) => Class::UseAfterFree,
        _ => return,
    };
    let frames = &crash.stack.frames;
    let Some((at, sure)) = blame::culprit(t, frames, index) else { return };
    // Of what is used after it was freed, the bug may be with who freed it.
    let sure = if class == Class::UseAfterFree { sure * 0.7 } else { sure };
    let culprit = place_in(t, frames, at, sure);
    let who = named(&culprit);
    let object =
        format!("the object at {:#x} ({} bytes{})", guarded.start.0, guarded.size, cache(t, &guarded));
    let (did, title) = match class {
        Class::UseAfterFree => {
            (format!("used {object} after it was freed"), format!("use after free in {who}"))
        }
        _ => (format!("went past the end of {object}"), format!("out-of-bounds access in {who}")),
    };
    let statement = format!("{who} {did}: it touched {:#x}, on a page that KFENCE guards.", address.0);
    let mut h = Hypothesis::new(class, title, statement);
    h.victim = Some(place_in(t, frames, index, 0.9));
    h.culprit = Some(culprit);
    h.advice = vec![
        "compare who freed the object with who uses it: both stacks are in the log and in KFENCE's records"
            .into(),
    ];
    h.related = records(t, &guarded, class, found);
    h.separate = Some("who should have kept a reference".into());
    found.hypotheses.push(h);
    let claim = format!(
        "{:#x} belongs to {object}, which is {}",
        address.0,
        if inside { "free" } else { "beside it" }
    );
    let bears = [(class, 5.0), (Class::Warning, -3.0), (Class::BugAssertion, -3.0)];
    found.add_to_all(
        &bears,
        format!("memory:*(struct kfence_metadata *){:#x}", guarded.at.0),
        shown(&guarded),
        claim,
    );
    found.add(
        class,
        1.0,
        "stack",
        "bt".to_owned(),
        "the fault was taken by KFENCE, which reported it and ended the kernel",
    );
}

/// The frame that the page fault interrupted, if KFENCE took it.
fn interrupted(t: &Target, crash: &Crash) -> Option<usize> {
    crash.frame(&["kfence_report_error", "kfence_handle_page_fault"])?;
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::PageFault)?;
    base_name(crash.stack.frames.get(trap.index)?).map(|_| trap.index)
}

/// The addresses that the instruction names: the kernel keeps none of a fault that it survives.
fn touched(t: &Target, crash: &Crash) -> Vec<VirtAddr> {
    let Some(trap) = crash.trap(t) else { return Vec::new() };
    let pc = trap.regs.get(t.arch().pc()).map(VirtAddr);
    let near = pc.and_then(|pc| t.near(pc));
    let insns = near.map(|near| code::function(t, &near)).unwrap_or_default();
    let insn = insns.iter().find(|i| Some(i.at) == pc);
    insn.map(|i| code::operands(i, trap.regs))
        .unwrap_or_default()
        .into_iter()
        .map(|(_, at)| VirtAddr(at))
        .collect()
}

fn object(t: &Target, at: VirtAddr) -> Option<Guarded> {
    slab::guarded(t, at).unwrap_or_else(|e| {
        t.note(format!("KFENCE: {e}"));
        None
    })
}

fn cache(t: &Target, guarded: &Guarded) -> String {
    slab::cache(t, guarded.cache).map(|c| format!(" of cache {}", c.name)).unwrap_or_default()
}

fn shown(guarded: &Guarded) -> String {
    format!("object {:x}", guarded.start.0)
}

/// Who freed and who allocated it.
fn records(
    t: &Target,
    guarded: &Guarded,
    class: Class,
    found: &mut Findings,
) -> Vec<necropsy_report::Related> {
    let freed = guarded
        .freed
        .as_ref()
        .filter(|_| guarded.allocated_now == Some(false))
        .map(|track| ("freer", "freed", track));
    let allocated = guarded.allocated.as_ref().map(|track| ("allocator", "allocated", track));
    let known = freed.into_iter().chain(allocated);
    known
        .map(|(role, did, track)| {
            let by = t.describe(objects::who(t, track));
            let claim = format!("it was {did} by {by} in task {}, as KFENCE noted", track.pid);
            let source = format!("memory:*(struct kfence_track *){:#x}", track.at.0);
            found.add(class, 0.7, source, shown(guarded), claim);
            objects::related(t, role, track)
        })
        .collect()
}

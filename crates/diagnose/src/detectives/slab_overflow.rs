//! A write past the end of a slab object, into the next one or into its red zone.

use necropsy_base::VirtAddr;
use necropsy_kernel::slab::{Damage, Found, Part};
use necropsy_report::{Place, Related};
use necropsy_target::Target;

use super::null_pointer::died_of_it;
use crate::access::BadAccess;
use crate::crash::Crash;
use crate::findings::place;
use crate::spoilt::{self, Spoilt};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, calls, objects, writers};

pub const SLAB_OVERFLOW: Detective = Detective {
    id: "slab-overflow",
    title: "a write past the end of a slab object",
    doc: "A pointer in an object, the link of a free object, or a red zone holds text or a pattern that begins in the object before it: \
          who wrote that wrote on past its end. The kernel noticed when it used the pointer, when it allocated, or when it checked the red \
          zone; who noticed is a victim. The writer is the only function of the modules that have to do with that object whose \
          instructions write a run of bytes at the offset where the run begins; if there are several, nobody is blamed.",
    examine,
};

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    if let Some(index) = spoilt::died_allocating(t, crash) {
        let all = spoilt::links(t, crash);
        if let Some(s) = all.iter().find(|s| s.writer.is_some()) {
            overflow(t, crash, index, s, "the allocator followed it", found);
        }
    } else if spoilt::reported(crash).is_some() {
        red_zones(t, crash, found);
    } else if let Some(access) = BadAccess::of(t, crash)
        && let Some(s) = spoilt::pointer(t, &access).filter(|s| s.writer.is_some())
    {
        overflow(t, crash, access.trap.index, &s, "it was followed", found);
    }
}

/// What the allocator's checks found, found again in memory.
fn red_zones(t: &Target, crash: &Crash, found: &mut Findings) {
    let Some(index) = spoilt::reported(crash) else { return };
    let mut all = spoilt::zones(t);
    // Of several the one that was being looked at.
    let words = spoilt::on_stack(t, crash, index);
    all.sort_by_key(|(_, s)| !words.contains(&s.object.start.0));
    let behind = all.iter().find(|(d, _)| d.part == Part::RightRedZone);
    let hit = behind.or_else(|| all.iter().find(|(d, s)| d.part == Part::LeftRedZone && s.writer.is_some()));
    let Some((damage, s)) = hit else { return };
    // The right red zone belongs to the object that was too small.
    let writer = if damage.part == Part::RightRedZone {
        s.object.clone()
    } else {
        s.writer.clone().unwrap_or(s.object.clone())
    };
    let s = Spoilt { writer: Some(writer), ..s.clone() };
    overflow(t, crash, index, &s, "the allocator checked it", found);
    in_zone(damage, &s, found);
}

fn in_zone(damage: &Damage, s: &Spoilt, found: &mut Findings) {
    let bytes: Vec<String> = damage.found.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let claim = format!(
        "{} {} holds {} instead of {:#04x}",
        spoilt::part(damage.part),
        objects::named(&s.object),
        bytes.join(" "),
        damage.expected
    );
    let at = damage.range.start.0 & !7;
    found.add(
        Class::SlabOverflow,
        2.5,
        format!("memory:{at:#x}"),
        format!("object -m {:x}", s.object.start.0),
        claim,
    );
}

/// The object that was written past, and how far into it the run begins.
struct Written<'a> {
    object: &'a Found,
    offset: Option<u64>,
}

fn overflow(t: &Target, crash: &Crash, index: usize, s: &Spoilt, how: &str, found: &mut Findings) {
    const CLASS: Class = Class::SlabOverflow;
    let Some(object) = &s.writer else { return };
    let start = s.run.as_ref().map(|r| r.start).filter(|at| *at >= object.start);
    let written = Written { object, offset: start.map(|at| at.0 - object.start.0) };
    let frames = &crash.stack.frames;
    let victim = blame::culprit(t, frames, index).map(|(i, sure)| place_in(t, frames, i, sure));
    let sites = calls::functions(t, &calls::allocations(t, object.cache.at));
    let wrote = writer(t, &written, &sites);
    let noticed = victim.as_ref().map_or("the kernel".into(), named);
    let by = match &wrote[..] {
        [one] => format!(" by {}", named(&place(t, *one, None))),
        _ => String::new(),
    };
    let what = s.run.as_ref().map_or("other bytes".to_owned(), |r| r.what.clone());
    let begins = written.offset.map(|k| format!(" {k:#x} bytes behind its start")).unwrap_or_default();
    let mut h = Hypothesis::new(
        CLASS,
        format!("overflow of a {} object{by}, noticed in {noticed}", object.cache.name),
        format!(
            "Somebody wrote past the end of {}: {what}, from{begins} on, goes over {} at {:#x}; {how} in {noticed}. Who noticed is \
             not to blame.",
            objects::named(object),
            s.instead,
            s.at.0
        ),
    );
    h.victim = victim;
    if let [one] = wrote[..] {
        h.culprit = Some(Place { confidence: Some(0.75), ..place(t, one, None) });
        h.statement += " It is the only function of the modules that have to do with that object that writes a run of bytes there.";
    }
    let other = |at: &VirtAddr| {
        let p = place(t, *at, None);
        Related { role: "owner", function: p.function, module: p.module, task: None }
    };
    h.related.extend(sites.iter().take(4).map(other));
    h.advice = vec![
        format!(
            "find out who writes to {} objects: look at what allocates them, and at the length of copies into them",
            object.cache.name
        ),
        "slub_debug=FZ or KASAN catch the writer".into(),
    ];
    h.separate = Some(
        "whether the object was used after it was freed: the owner of the bytes that were written".into(),
    );
    evidence(t, s, &written, &wrote, found);
    if let Some(trap) = crash.trap(t).filter(|trap| trap.fatal) {
        died_of_it(crash, &trap, found, CLASS);
    }
    h.related.extend(objects::tracked(t, object, CLASS, 0.3, found));
    found.hypotheses.push(h);
}

/// The functions that can have written it, by the first instruction of each that does so.
fn writer(t: &Target, written: &Written<'_>, sites: &[VirtAddr]) -> Vec<VirtAddr> {
    // A run from the object's start could be written by whoever has its address.
    let Some(offset) = written.offset.filter(|k| *k > 0) else { return Vec::new() };
    let modules = writers::modules_of(t, written.object.start, sites);
    let of = |name: &String| t.modules().named(name).map(|m| writers::at_offset(t, m, offset));
    modules.iter().filter_map(of).flatten().collect()
}

fn evidence(t: &Target, s: &Spoilt, written: &Written<'_>, wrote: &[VirtAddr], found: &mut Findings) {
    let object = written.object;
    let bears = [
        (Class::SlabOverflow, 4.0),
        (Class::WildPointerDereference, -5.0),
        (Class::SlabCorruption, -4.0),
        (Class::UseAfterFree, -2.0),
    ];
    if let Some(run) = &s.run {
        let claim = format!(
            "{} fills {:#x} to {:#x}: it begins in {} and goes on over {} at {:#x}",
            run.what,
            run.start.0,
            run.end.0,
            objects::named(object),
            s.instead,
            s.at.0
        );
        let from = run.start.0 & !7;
        let words = ((run.end.0 - from) / 8 + 1).clamp(2, 64);
        found.add_to_all(&bears, format!("memory:{from:#x}"), format!("rd {from:x} {words}"), claim);
    } else {
        found.add_to_all(
            &bears,
            format!("memory:{:#x}", s.at.0),
            format!("rd {:x} 2", s.at.0 & !7),
            format!("{:#x} holds {:#x}, not {}", s.at.0, s.value, s.instead),
        );
    }
    for at in wrote.iter().take(4) {
        let near = t.near(*at);
        let reproduce = near.map(|n| format!("dis {}+{:#x} 1", n.name, at.0 - n.start.0));
        let offset = written.offset.unwrap_or(0);
        let claim =
            format!("{} writes bytes {offset:#x} behind a pointer, where the run begins", t.describe(*at));
        found.add(Class::SlabOverflow, 0.5, format!("text:{}", t.describe(*at)), reproduce, claim);
    }
}

//! The slab allocator fell over its own data: somebody else wrote there.

use necropsy_kernel::slab::{Part, State};
use necropsy_report::Related;
use necropsy_target::Target;

use super::null_pointer::died_of_it;
use crate::access::BadAccess;
use crate::code::Origin;
use crate::crash::Crash;
use crate::findings::place;
use crate::spoilt::{self, Spoilt};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, allocators, blame, code, holders, objects};

pub const SLAB_CORRUPTION: Detective = Detective {
    id: "slab-corruption",
    title: "the slab allocator's own data was written over",
    doc: "The kernel died in the slab allocator of a pointer that is none, or the allocator's checks ended it. Neither the allocator nor who \
          called it is to blame: the links of free objects are followed to the first that leads nowhere, and the object that holds it was \
          written to after it was freed. If what was written begins in the object before, it is an overflow of that one instead.",
    examine,
};

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    if let Some(index) = spoilt::died_allocating(t, crash) {
        allocating(t, crash, index, found);
    } else if let Some(index) = spoilt::reported(crash) {
        checked(t, crash, index, found);
    }
}

/// It died while it allocated or freed.
fn allocating(t: &Target, crash: &Crash, index: usize, found: &mut Findings) {
    const CLASS: Class = Class::SlabCorruption;
    let Some(access) = BadAccess::of(t, crash) else { return };
    let frames = &crash.stack.frames;
    let victim = blame::culprit(t, frames, index).map(|(i, sure)| place_in(t, frames, i, sure));
    let who = victim.as_ref().map_or("somebody".into(), named);
    let inside = frames.get(index).and_then(|f| f.name()).unwrap_or("the allocator").to_owned();
    let links = spoilt::links(t, crash);
    if links.is_empty() && passed(&access, &inside) {
        return;
    }
    let held = links.first().map(|s| objects::named(&s.object));
    let told = held.as_ref().map(|o| {
        format!(" The link to the next free object in {o} is none: it was written to after it was freed.")
    });
    let mut h = Hypothesis::new(
        CLASS,
        format!("slab corruption, noticed by {inside} when {who} called it"),
        format!(
            "{inside} followed {:#x}, which is no object, while {who} allocated or freed: the allocator's own data was written over by \
             somebody else before.{} Neither {inside} nor {who} is to blame.",
            access.base.unwrap_or(access.address),
            told.unwrap_or_default()
        ),
    );
    h.victim = victim;
    h.advice = vec![
        "boot with slub_debug=FZPU, or with KASAN: they stop whoever writes there".into(),
        "look at what the damaged object holds, and who knows such bytes".into(),
    ];
    h.separate = Some("whose data it is that was written there".into());
    if let Some(s) = links.first() {
        h.related = holding(t, s, found);
    }
    found.hypotheses.push(h);
    let text = code::text(t, access.pc).unwrap_or_default();
    found.add_to_all(
        &[
            (CLASS, 3.0),
            (Class::WildPointerDereference, -4.0),
            (Class::NullPointerDereference, -2.0),
            (Class::SlabOverflow, 0.5),
        ],
        format!("text:{}", access.near.name),
        "fault".to_owned(),
        format!(
            "`{text}` of the allocator touched {:#x}: it follows only pointers of its own",
            access.address
        ),
    );
    died_of_it(crash, &access.trap, found, CLASS);
    for s in links.iter().take(3) {
        link(s, found);
    }
}

/// Whether the bad pointer may be one that the caller passed: the cache, or the object to free. That is the caller's fault.
fn passed(access: &BadAccess<'_>, inside: &str) -> bool {
    matches!(access.origin, Some(Origin::Argument(_))) || allocators::frees(inside)
}

/// Modules that still hold the address of the object that was written to while it is free: one of them may have done it.
fn holding(t: &Target, s: &Spoilt, found: &mut Findings) -> Vec<Related> {
    let held = holders::in_modules(t, |word| word == s.object.start.0);
    let mut modules: Vec<String> = Vec::new();
    for h in held.iter().take(4) {
        let claim = format!(
            "module {} still holds the address of {} at {:#x}",
            h.module,
            objects::named(&s.object),
            h.at.0
        );
        found.add(
            Class::SlabCorruption,
            0.3,
            format!("memory:{:#x}", h.at.0),
            format!("rd {:x} 1", h.at.0),
            claim,
        );
        if !modules.contains(&h.module) {
            modules.push(h.module.clone());
        }
    }
    let owner = |module| Related { role: "owner", function: None, module: Some(module), task: None };
    modules.into_iter().map(owner).collect()
}

fn link(s: &Spoilt, found: &mut Findings) {
    let claim = format!(
        "{} holds {:#x} where the masked link to the next free object is: that leads to no object of its slab",
        objects::named(&s.object),
        s.value
    );
    let bears = [(Class::SlabCorruption, 1.5), (Class::SlabOverflow, 0.5)];
    found.add_to_all(&bears, format!("memory:{:#x}", s.at.0), objects::shown(s.at), claim);
}

/// The allocator's checks ended the kernel: poison of a free object that was written over is a use after free.
fn checked(t: &Target, crash: &Crash, index: usize, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let victim = blame::culprit(t, frames, index).map(|(i, sure)| place_in(t, frames, i, sure));
    let who = victim.as_ref().map_or("somebody".into(), named);
    let reporter = frames.get(index).and_then(|f| f.name()).unwrap_or("a check").to_owned();
    let zones = spoilt::zones(t);
    let poison = zones.iter().find(|(d, s)| d.part == Part::Poison && s.state == State::Free);
    let (class, title, told) = match poison {
        Some((d, s)) => (
            Class::UseAfterFree,
            format!("a free {} object was written to", s.object.cache.name),
            format!(
                "{} was written to at {:#x} after it was freed; the allocator noticed when {who} called it.",
                objects::named(&s.object),
                d.range.start.0
            ),
        ),
        None => (
            Class::SlabCorruption,
            format!("slab corruption, reported when {who} called the allocator"),
            format!(
                "The allocator's own checks ({reporter}) found a slab that is not as it must be, when {who} called it."
            ),
        ),
    };
    let mut h = Hypothesis::new(class, title, told + &format!(" {who} is not known to be to blame."));
    h.victim = victim;
    h.advice = vec!["read what the check reported, and the stacks that it printed: log".into()];
    if let Some((damage, s)) = poison {
        let at = damage.range.start.0 & !7;
        let claim = format!(
            "{} {} holds {:#04x} at {:#x} instead of {:#04x}",
            spoilt::part(damage.part),
            objects::named(&s.object),
            damage.found.first().copied().unwrap_or(0),
            damage.range.start.0,
            damage.expected
        );
        found.add(class, 3.5, format!("memory:{at:#x}"), objects::shown(damage.range.start), claim);
        h.related = objects::tracked(t, &s.object, class, 0.5, found);
        let freer = h.related.iter().find(|r| r.role == "freer").and_then(|r| r.function.clone());
        h.statement += &freer.map(|f| format!(" {f} freed it.")).unwrap_or_default();
    }
    found.hypotheses.push(h);
    let called = frames.get(index).and_then(|f| f.place()).map(|at| place(t, at, None));
    let from = called.map(|p| named(&p)).unwrap_or(reporter);
    let claim = format!("{from} reported it: it is called for nothing else");
    let bears = [(class, 3.0), (Class::SlabOverflow, 1.0), (Class::DoubleFree, 1.0), (Class::Warning, -3.0)];
    found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
}

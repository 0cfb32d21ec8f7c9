//! An object that was freed though it was free.

use necropsy_arch::Exception;
use necropsy_base::VirtAddr;
use necropsy_kernel::slab::{Damage, Found, Part};
use necropsy_target::Target;

use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, allocators, blame, objects, spoilt};

pub const DOUBLE_FREE: Detective = Detective {
    id: "double-free",
    title: "an object freed twice",
    doc: "The slab allocator trapped while it freed (the hardened free list sees that the object is its first already), or its checks ended \
          the kernel while it freed. The object is in a register or on the stack, and it is on the list of free objects. Who freed it \
          the second time is on the stack; who freed it first, if the allocator tracks that, is named too.",
    examine,
};

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let trapped = trapped(t, crash).map(|(index, object)| (index, object, "trapped on a check of its own"));
    if let Some((index, object, how)) = trapped.or_else(|| reported(t, crash)) {
        twice(t, crash, index, &object, how, found);
    } else if let Some(object) = spoilt::twice_free(t, crash)
        && let Some(trap) = crash.trap(t)
    {
        before(t, crash, trap.index, &object, found);
    }
}

/// The allocator trapped while it freed: the frame, and the object.
fn trapped(t: &Target, crash: &Crash) -> Option<(usize, Found)> {
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::InvalidOpcode)?;
    base_name(crash.stack.frames.get(trap.index)?).filter(|name| allocators::frees(name))?;
    let registers = (0..t.arch().registers().len()).filter_map(|r| trap.regs.get(r));
    free_object(t, registers, |_| true).map(|object| (trap.index, object))
}

/// The allocator's checks ended the kernel while it freed, and found no red zone damaged: a free object is on the stack between them and who
/// freed, together with its cache.
fn reported(t: &Target, crash: &Crash) -> Option<(usize, Found, &'static str)> {
    let index = spoilt::reported(crash)?;
    let freeing =
        crash.stack.frames.iter().skip(index).take(8).any(|f| base_name(f).is_some_and(allocators::frees));
    let in_zone = |d: &Damage| matches!(d.part, Part::LeftRedZone | Part::RightRedZone);
    if !freeing || spoilt::zones(t).iter().any(|(d, _)| in_zone(d)) {
        return None;
    }
    let words = spoilt::on_stack(t, crash, index);
    let kernel = words.iter().filter(|w| t.arch().is_kernel(VirtAddr(**w)));
    let found = free_object(t, kernel.copied(), |cache| words.contains(&cache.0))?;
    Some((index, found, "reported it"))
}

/// The first of these values that is the address of a free object of a cache that is wanted.
fn free_object(
    t: &Target,
    values: impl Iterator<Item = u64>,
    wanted: impl Fn(VirtAddr) -> bool,
) -> Option<Found> {
    let kernel = values.filter(|v| t.arch().is_kernel(VirtAddr(*v)));
    let object = |v: u64| {
        let (found, state) = objects::at(t, VirtAddr(v))?;
        (found.start.0 == v && objects::is_free(state) && wanted(found.cache.at)).then_some(found)
    };
    let mut all = kernel.filter_map(object);
    all.next()
}

/// An object was freed twice before, by nobody knows whom: the allocator gives it out twice.
fn before(t: &Target, crash: &Crash, index: usize, object: &Found, found: &mut Findings) {
    const CLASS: Class = Class::DoubleFree;
    let frames = &crash.stack.frames;
    let victim = blame::culprit(t, frames, index).map(|(i, sure)| place_in(t, frames, i, sure));
    let what = objects::named(object);
    let mut h = Hypothesis::new(
        CLASS,
        format!("a {} object was freed twice", object.cache.name),
        format!(
            "{what} is twice among the free objects: somebody freed it twice, and it was given out twice since. Who noticed, {}, is \
             not to blame.",
            victim.as_ref().map_or("the allocator".into(), named)
        ),
    );
    h.victim = victim;
    h.advice = vec!["slub_debug=FU or KASAN name both who freed it".into()];
    let claim = format!("{what} is twice among the free objects of its cache");
    let bears = [(CLASS, 5.0), (Class::WildPointerDereference, -4.0), (Class::SlabCorruption, -2.0)];
    found.add_to_all(
        &bears,
        format!("memory:{:#x}", object.start.0),
        format!("object {:x}", object.start.0),
        claim,
    );
    h.related = objects::tracked(t, object, CLASS, 0.5, found);
    found.hypotheses.push(h);
}

fn twice(t: &Target, crash: &Crash, index: usize, object: &Found, how: &str, found: &mut Findings) {
    const CLASS: Class = Class::DoubleFree;
    let frames = &crash.stack.frames;
    let Some((at, sure)) = blame::culprit(t, frames, index) else { return };
    let who = place_in(t, frames, at, sure);
    let inside = frames.get(index).and_then(|f| f.name()).unwrap_or("the allocator").to_owned();
    let mut h = Hypothesis::new(
        CLASS,
        format!("double free of a {} object in {}", object.cache.name, named(&who)),
        format!("{} freed {}, which was free already; {inside} {how}.", named(&who), objects::named(object)),
    );
    h.victim = Some(who.clone());
    h.advice = vec![
        "find the two paths that free it: a pointer that is not cleared, a reference counted twice".into(),
        "slub_debug=FU or KASAN name the function that freed it first".into(),
    ];
    h.separate = Some("who freed it the first time".into());
    found.add_to_all(
        &[
            (CLASS, 5.0),
            (Class::BugAssertion, -5.0),
            (Class::SlabCorruption, -3.0),
            (Class::UseAfterFree, -4.0),
            (Class::Warning, -3.0),
            (Class::InvalidOpcode, -5.0),
        ],
        format!("memory:{:#x}", object.start.0),
        format!("object {:x}", object.start.0),
        format!("{} was being freed, and is on the list of free objects", objects::named(object)),
    );
    let path: Vec<&str> = frames.iter().take(at + 1).skip(index).rev().filter_map(|f| f.name()).collect();
    found.add(CLASS, 1.5, "stack", "bt".to_owned(), format!("it was being freed: {}", path.join(" > ")));
    h.related = objects::tracked(t, object, CLASS, 0.5, found);
    h.culprit = Some(who);
    found.hypotheses.push(h);
}

//! Slab memory that somebody wrote to who must not: red zones, poison and links of free objects that are not what the allocator left
//! there, and the object whose user wrote on.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::slab::{self, Cache, Damage, Fault, Found, Free, Part, Slab, State};
use necropsy_target::Target;

use crate::access::BadAccess;
use crate::crash::{Crash, base_name};
use crate::runs::{self, Run};
use crate::{allocators, blame, holders};

/// So many damaged places are enough.
const ENOUGH: usize = 64;
/// No part of a stack that is looked at is larger.
const MAX_STACK: u64 = 8192;

/// A place in a slab that was written over.
#[derive(Clone, Debug)]
pub struct Spoilt {
    /// The object that was written to.
    pub object: Found,
    /// What it is.
    pub state: State,
    /// Where in it.
    pub at: VirtAddr,
    /// What is there now.
    pub value: u64,
    /// What should be there, in words.
    pub instead: String,
    /// The bytes that were written, as far as they can be told apart from others.
    pub run: Option<Run>,
    /// The object before it, in which the run begins.
    pub writer: Option<Found>,
}

impl Spoilt {
    fn new(t: &Target, object: Found, state: State, at: VirtAddr, instead: String) -> Spoilt {
        let low = object.neighbour(-1).map_or(object.start, |n| n.start);
        let run = runs::around(t, VirtAddr(at.0 & !7), low);
        let own = object.start.0.saturating_sub(object.cache.layout.red_left_pad);
        // A right red zone is still the object's own.
        let begin = run.as_ref().map(|r| r.start).filter(|start| start.0 < own);
        let writer = begin.and_then(|start| slab::find(t, start)).filter(|w| w.slab.at == object.slab.at);
        let value = t.memory().uint(at, 8).unwrap_or(0);
        Spoilt { object, state, at, value, instead, run, writer }
    }
}

/// Whether the kernel died in the slab allocator of a pointer that is none: the frame.
pub fn died_allocating(t: &Target, crash: &Crash) -> Option<usize> {
    let access = BadAccess::of(t, crash)?;
    let name = base_name(crash.stack.frames.get(access.trap.index)?)?;
    let null = access.base.is_some_and(|b| b < t.page_size());
    (allocators::is_slab(name) && !null).then_some(access.trap.index)
}

/// Whether the allocator's own checks ended the kernel: the frame of the one that reported.
pub fn reported(crash: &Crash) -> Option<usize> {
    let frames = &crash.stack.frames;
    let check = frames.iter().position(|f| base_name(f).is_some_and(allocators::checks));
    check.or_else(|| crash.tainted_by(allocators::is_slab))
}

/// The words on the stack between the frame of a check and whoever called the allocator.
pub fn on_stack(t: &Target, crash: &Crash, index: usize) -> Vec<u64> {
    let frames = &crash.stack.frames;
    let mut words = Vec::new();
    let end = blame::culprit(t, frames, index).and_then(|(i, _)| frames.get(i));
    if let (Some(first), Some(last)) = (frames.get(index), end) {
        let end = last.sp.0.saturating_add(128).min(first.sp.0.saturating_add(MAX_STACK));
        holders::scan(t, &(first.sp.0..end), &mut |_, word| words.push(word));
    }
    words
}

/// Links of free objects that lead nowhere, among the slabs that are on a list. Where registers name a cache, only its.
pub fn links(t: &Target, crash: &Crash) -> Vec<Spoilt> {
    let all = slab::caches(t).map(|walk| walk.or_note(t, "slab caches")).unwrap_or_default();
    let trap = crash.trap(t);
    let in_registers = |cache: &Cache| {
        let count = t.arch().registers().len();
        trap.as_ref().is_some_and(|trap| (0..count).any(|r| trap.regs.get(r) == Some(cache.at.0)))
    };
    let named: Vec<&Cache> = all.iter().filter(|c| in_registers(c)).collect();
    let first: Vec<Spoilt> = named.into_iter().flat_map(|cache| links_of(t, cache)).collect();
    if first.is_empty() {
        all.iter().flat_map(|cache| links_of(t, cache)).take(ENOUGH).collect()
    } else {
        first
    }
}

fn links_of(t: &Target, cache: &Cache) -> Vec<Spoilt> {
    let Some(free) = Free::of(t, cache) else { return Vec::new() };
    let mut out = Vec::new();
    for (_, slab) in free.listed(cache) {
        let broken = free.chains(cache, &slab).into_iter().filter_map(|chain| chain.broken);
        for bad in broken.filter(|bad| bad.fault != Fault::Circle) {
            let holder = bad.object.or_else(|| given_away(t, cache, &slab, bad.value));
            if let Some(index) = holder.and_then(|at| slab.index(cache, at)) {
                let start = slab.object(cache, index);
                let object = Found { cache: cache.clone(), slab: slab.clone(), index, start };
                let state = if bad.object.is_some() { State::Free } else { State::Unknown };
                let at = start.offset(cache.layout.offset);
                out.push(Spoilt::new(t, object, state, at, "the link to the next free object".into()));
            }
        }
    }
    out
}

/// An object that is twice among the free ones: it was freed twice. Only caches that a register of the trap names are looked at, and
/// that of the object which a bad pointer was read from.
pub fn twice_free(t: &Target, crash: &Crash) -> Option<Found> {
    let trap = crash.trap(t)?;
    let count = t.arch().registers().len();
    let named = |cache: &Cache| (0..count).any(|r| trap.regs.get(r) == Some(cache.at.0));
    let source =
        BadAccess::of(t, crash).and_then(|a| a.loads().into_iter().find_map(|(from, _)| slab::find(t, from)));
    let all = || slab::caches(t).map(|walk| walk.items).unwrap_or_default();
    let caches = match source {
        Some(found) => vec![found.cache],
        None if died_allocating(t, crash).is_some() => all().into_iter().filter(named).collect(),
        None => Vec::new(),
    };
    caches.iter().find_map(|cache| circle(t, cache).or_else(|| in_sheaves(t, cache)))
}

/// An object that is twice in the sheaves of a cache.
fn in_sheaves(t: &Target, cache: &Cache) -> Option<Found> {
    let mut seen = HashSet::new();
    let mut all = slab::sheaves(t, cache).into_iter().flat_map(|s| s.objects);
    all.find(|at| !seen.insert(*at)).and_then(|at| slab::find(t, at))
}

fn circle(t: &Target, cache: &Cache) -> Option<Found> {
    let free = Free::of(t, cache)?;
    free.listed(cache).into_iter().find_map(|(_, slab)| {
        let broken = free.chains(cache, &slab).into_iter().filter_map(|chain| chain.broken);
        let at = broken.filter(|bad| bad.fault == Fault::Circle).map(|bad| VirtAddr(bad.value)).next()?;
        let index = slab.index(cache, at)?;
        Some(Found { cache: cache.clone(), start: slab.object(cache, index), slab, index })
    })
}

/// The object that a bad start of a chain was read from when it was given away: its link still says the same.
fn given_away(t: &Target, cache: &Cache, slab: &Slab, value: u64) -> Option<VirtAddr> {
    let all = (0..u64::from(slab.objects)).map(|i| slab.object(cache, i));
    let mut holds = all.filter(|at| slab::link(t, cache, slab, *at).is_some_and(|next| next.0 == value));
    holds.next()
}

/// Red zones, poison and padding that are damaged, in all slabs of caches that have such. Looks at all pages.
pub fn zones(t: &Target) -> Vec<(Damage, Spoilt)> {
    let guarded = |c: &Cache| c.flags().red_zone || c.flags().object_poisoned;
    let all = slab::caches(t).map(|walk| walk.or_note(t, "slab caches")).unwrap_or_default();
    let caches: Vec<Cache> = all.into_iter().filter(guarded).collect();
    if caches.is_empty() {
        return Vec::new();
    }
    let every = slab::every(t).unwrap_or_default();
    let found = necropsy_kernel::parallel::map(&caches, |cache| {
        let slabs = every.get(&cache.at).map(Vec::as_slice).unwrap_or_default();
        zones_of(t, cache, slabs)
    });
    found.into_iter().flatten().take(ENOUGH).collect()
}

fn zones_of(t: &Target, cache: &Cache, slabs: &[Slab]) -> Vec<(Damage, Spoilt)> {
    let Some(free) = Free::of(t, cache) else { return Vec::new() };
    let mut out = Vec::new();
    for slab in slabs {
        for (index, (start, state)) in free.states(cache, slab).into_iter().enumerate() {
            for damage in slab::damage(t, cache, start, state) {
                let object = Found { cache: cache.clone(), slab: slab.clone(), index: index as u64, start };
                let instead = format!("{} it", part(damage.part));
                let spoilt = Spoilt::new(t, object, state, damage.range.start, instead);
                out.push((damage, spoilt));
            }
            if out.len() >= ENOUGH {
                return out;
            }
        }
    }
    out
}

/// What a part of an object is called.
pub fn part(part: Part) -> &'static str {
    match part {
        Part::LeftRedZone => "the red zone before",
        Part::RightRedZone => "the red zone behind",
        Part::Poison => "the poison of",
        Part::Padding => "the padding behind",
    }
}

/// A pointer that was read from an object in use and is none, because somebody wrote over it.
pub fn pointer(t: &Target, access: &BadAccess<'_>) -> Option<Spoilt> {
    let (from, _) = *access.loads().first()?;
    let (object, state) = crate::objects::at(t, from)?;
    let value = t.memory().ptr(from).ok()?;
    let plausible = value.is_null() || t.arch().is_kernel(value);
    (state == State::Allocated && !plausible).then(|| Spoilt::new(t, object, state, from, "a pointer".into()))
}

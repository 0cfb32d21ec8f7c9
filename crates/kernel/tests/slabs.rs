//! Slab caches in memory made for it, in the shapes of 5.10, 6.1 and 7.2.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::Target;
use necropsy_kernel::slab::{self, Cache, Fault, Free, Part, State};
use necropsy_synth::slabs::{CACHE, Era, GUARDED, OBJECTS, PLAIN, SLAB, Slabs};
use necropsy_target::VmcoreInfo;

const ERAS: [Era; 3] = [Era::InPage, Era::OwnStruct, Era::Sheaves];

fn opened(s: Slabs) -> Target {
    let types = Btf::parse(s.types(), Abi::LE64, None).unwrap();
    let info = VmcoreInfo::from_text(s.vmcoreinfo().as_bytes());
    Target::from_parts(&X86_64, Arc::new(s.memory), Arc::new(types)).with_vmcoreinfo(info)
}

fn cache(t: &Target) -> Cache {
    let walk = slab::caches(t).unwrap();
    assert!(walk.problem.is_none(), "{:?}", walk.problem);
    let [cache] = &walk.items[..] else { panic!("{} caches", walk.items.len()) };
    cache.clone()
}

/// The states of all objects of the one slab.
fn states(t: &Target) -> Vec<State> {
    let (cache, found) = (cache(t), slab::find(t, VirtAddr(SLAB + 64)).unwrap());
    let states = Free::of(t, &cache).unwrap().states(&cache, &found.slab);
    states.into_iter().map(|(_, state)| state).collect()
}

#[test]
fn a_cache_is_what_its_members_say() {
    for era in ERAS {
        let t = opened(Slabs::new(era, GUARDED));
        let c = cache(&t);
        assert_eq!(
            (c.name.as_str(), c.at, c.objects_per_slab, c.order),
            ("made_cell", VirtAddr(CACHE), OBJECTS, 0)
        );
        assert_eq!((c.layout.size, c.layout.object_size, c.nodes.len()), (160, 40, 1));
        let flags = c.flags();
        assert!(flags.red_zone && flags.poisoned && flags.object_poisoned && flags.tracked && flags.checked);
        assert!(!flags.reclaimable && !flags.freed_by_rcu);
        assert_eq!(slab::bytes(&t, &c), Some(4096));
    }
}

#[test]
fn free_objects_are_told_from_those_in_use() {
    for era in ERAS {
        let mut s = Slabs::new(era, PLAIN);
        s.free(&[3, 1, 7]);
        s.free_on_cpu(&[9, 2]);
        let (taken, free, held) = (s.object(0), s.object(7), s.object(9));
        let t = opened(s);
        let all = states(&t);
        let of = |wanted: State| all.iter().filter(|s| **s == wanted).count();
        assert_eq!((all.len(), of(State::Allocated)), (OBJECTS as usize, OBJECTS as usize - 5), "{era:?}");
        let second = if era == Era::Sheaves { State::InSheaf } else { State::Free };
        assert_eq!((all[7], all[9], all[0]), (State::Free, second, State::Allocated));
        let found = slab::object(&t, VirtAddr(free + 95)).unwrap();
        assert_eq!((found.start.0, found.size, found.free), (free, 96, Some(true)));
        assert_eq!(slab::object(&t, VirtAddr(held)).unwrap().free, Some(true));
        // With sheaves an object may be in one that nobody holds.
        let known = if era == Era::Sheaves { None } else { Some(false) };
        assert_eq!(slab::object(&t, VirtAddr(taken)).unwrap().free, known);
        let behind = SLAB + 96 * OBJECTS;
        assert_eq!(slab::object(&t, VirtAddr(behind)), None);
        assert_eq!(slab::object(&t, VirtAddr(SLAB + 4096)), None);
    }
}

#[test]
fn counts_leave_out_what_is_free() {
    for era in ERAS {
        let mut s = Slabs::new(era, PLAIN);
        s.free_on_cpu(&[4, 5, 6]);
        let t = opened(s);
        let count = slab::count(&t, &cache(&t)).unwrap();
        assert_eq!((count.slabs, count.objects, count.free), (Some(1), Some(OBJECTS), 3), "{era:?}");
        assert_eq!(count.in_use(), Some(OBJECTS - 3));
    }
}

#[test]
fn who_holds_a_bad_link_is_named() {
    let mut s = Slabs::new(Era::OwnStruct, PLAIN);
    s.free(&[3, 1, 7]);
    let bad = s.object(1);
    s.memory.put(VirtAddr(bad + 48), b"ABCDEFGH");
    let t = opened(s);
    let (c, found) = (cache(&t), slab::find(&t, VirtAddr(bad)).unwrap());
    let chain = found.slab.free(&t, &c);
    let link = chain.broken.unwrap();
    assert_eq!((chain.objects.len(), link.object, link.fault), (2, Some(VirtAddr(bad)), Fault::NoObject));
    assert_eq!(link.raw, u64::from_le_bytes(*b"ABCDEFGH"));
    // What was not reached may be free or not.
    assert_eq!((states(&t)[3], states(&t)[7]), (State::Free, State::Unknown));
}

#[test]
fn an_object_twice_on_its_chain_is_a_circle() {
    let mut s = Slabs::new(Era::InPage, PLAIN);
    s.free(&[3, 1]);
    let (first, last) = (s.object(3), s.object(1));
    s.link(last, first);
    let t = opened(s);
    let found = slab::find(&t, VirtAddr(first)).unwrap();
    let link = found.slab.free(&t, &cache(&t)).broken.unwrap();
    assert_eq!((link.fault, link.value), (Fault::Circle, first));
}

#[test]
fn damage_is_found_in_its_part() {
    let mut s = Slabs::new(Era::OwnStruct, GUARDED);
    for i in 0..OBJECTS {
        s.guard(i, i == 2);
    }
    s.free(&[2]);
    let (taken, free) = (s.object(0), s.object(2));
    let clean = opened(Slabs { memory: s.memory.clone(), ..s });
    let c = cache(&clean);
    for (i, state) in states(&clean).into_iter().enumerate() {
        let at = VirtAddr(SLAB + 16 + 160 * i as u64);
        assert_eq!(slab::damage(&clean, &c, at, state), [], "object {i}");
    }
    s.memory.put(VirtAddr(taken + 40), b"xy");
    s.memory.put(VirtAddr(free + 8), &[0x6a]);
    let t = opened(s);
    let over = slab::damage(&t, &c, VirtAddr(taken), State::Allocated);
    assert_eq!(
        (over.len(), over[0].part, over[0].found.as_slice()),
        (1, Part::RightRedZone, b"xy".as_slice())
    );
    let late = slab::damage(&t, &c, VirtAddr(free), State::Free);
    assert_eq!((late.len(), late[0].part, late[0].range.start.0), (1, Part::Poison, free + 8));
}

#[test]
fn a_cache_that_is_none_is_an_error() {
    let mut s = Slabs::new(Era::OwnStruct, PLAIN);
    s.memory.put_uint(VirtAddr(CACHE + 20), 1 << 30, 4); // objects larger than their places
    let walk = slab::caches(&opened(s)).unwrap();
    assert!(walk.items.is_empty() && walk.problem.is_some());
}

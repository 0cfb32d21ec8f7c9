//! Chains of free objects.
//!
//! A free object holds the pointer to the next one, masked with the cache's `random` and with its own address, the bytes of that
//! turned round since 5.7 and not before (`CONFIG_SLAB_FREELIST_HARDENED`, `freelist_ptr_decode()` in mm/slub.c). A pointer that is
//! no object of the slab was not written by the allocator: the object that holds it was written to after it was freed.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use super::{Cache, Slab};

/// A chain of free objects, as far as it can be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreeList {
    /// The objects, the one that is given away next first.
    pub objects: Vec<VirtAddr>,
    /// Where it is broken.
    pub broken: Option<BadLink>,
}

/// A link that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLink {
    /// The free object that holds it; `None` when the start of the chain is bad.
    pub object: Option<VirtAddr>,
    /// Where the pointer is.
    pub link: VirtAddr,
    /// What is there.
    pub raw: u64,
    /// What that means, unmasked.
    pub value: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not point to an object of the slab.
    NoObject,
    /// It points to an object that is on the chain already.
    Circle,
    /// It cannot be read.
    Unreadable,
}

/// Follows a chain from its first object. Where `head` is kept only tells who holds a bad first link.
pub(super) fn follow(t: &Target, cache: &Cache, slab: &Slab, head: VirtAddr, kept: VirtAddr) -> FreeList {
    let mut list = FreeList::default();
    let mut seen = HashSet::new();
    let mut link = (None, kept, head.0, head);
    while !link.3.is_null() {
        let (object, at, raw, next) = link;
        let bad = |fault| Some(BadLink { object, link: at, raw, value: next.0, fault });
        if !slab.is_object(cache, next) {
            list.broken = bad(Fault::NoObject);
        } else if !seen.insert(next) {
            list.broken = bad(Fault::Circle);
        }
        if list.broken.is_some() || t.budget().step().is_err() {
            break;
        }
        list.objects.push(next);
        let place = next.offset(cache.layout.offset);
        let Ok(raw) = t.memory().word(place) else {
            let value = 0;
            list.broken =
                Some(BadLink { object: Some(next), link: place, raw: 0, value, fault: Fault::Unreadable });
            break;
        };
        link = (Some(next), place, raw, unmask(cache, slab, raw, place));
    }
    list
}

/// The link that an object holds, unmasked, whether it is free or not.
pub fn link(t: &Target, cache: &Cache, slab: &Slab, object: VirtAddr) -> Option<VirtAddr> {
    let place = object.offset(cache.layout.offset);
    Some(unmask(cache, slab, t.memory().word(place).ok()?, place))
}

/// The pointer behind what is stored at `place`: of the ways to mask it, the one that gives an object of this slab.
pub(super) fn unmask(cache: &Cache, slab: &Slab, raw: u64, place: VirtAddr) -> VirtAddr {
    let Some(random) = cache.random else { return VirtAddr(raw) };
    let turned = VirtAddr(raw ^ random ^ place.0.swap_bytes());
    let straight = VirtAddr(raw ^ random ^ place.0);
    let fits = |p: VirtAddr| p.is_null() || slab.is_object(cache, p);
    if !fits(turned) && fits(straight) { straight } else { turned }
}

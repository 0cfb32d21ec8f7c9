//! Which object an address belongs to.

use necropsy_base::VirtAddr;
use necropsy_target::Target;

use super::{Cache, Free, Pages, Slab, State, cache};
use crate::kasan::Shadow;
use crate::memmap;

/// A slab object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Name of its cache, escaped.
    pub cache: String,
    /// Where it begins.
    pub start: VirtAddr,
    /// Bytes from one object to the next.
    pub size: u64,
    /// Whether it is free; `None` if that cannot be told.
    pub free: Option<bool>,
}

/// An object with its slab and its cache.
#[derive(Clone, Debug)]
pub struct Found {
    /// The cache.
    pub cache: Cache,
    /// The slab.
    pub slab: Slab,
    /// The object's number in the slab.
    pub index: u64,
    /// Where the object begins; the address asked for may lie before, in its left red zone.
    pub start: VirtAddr,
}

impl Found {
    /// What the object is.
    pub fn state(&self, t: &Target) -> State {
        let states = Free::of(t, &self.cache).map(|free| free.states(&self.cache, &self.slab));
        let own = states.and_then(|states| states.get(self.index as usize).map(|(_, state)| *state));
        match own {
            // KASAN keeps what was freed from being used again for a while: the allocator has not got it back.
            Some(State::Allocated) if Shadow::of(t).is_some_and(|s| s.is_freed(t, self.start)) => State::Free,
            own => own.unwrap_or(State::Unknown),
        }
    }

    /// The object `by` places further on in the same slab.
    pub fn neighbour(&self, by: i64) -> Option<Found> {
        let index = self.index.checked_add_signed(by).filter(|i| *i < u64::from(self.slab.objects))?;
        Some(Found { index, start: self.slab.object(&self.cache, index), ..self.clone() })
    }
}

/// The slab object that an address belongs to, with its slab and cache; `None` if it is no slab memory.
pub fn find(t: &Target, at: VirtAddr) -> Option<Found> {
    let phys = memmap::to_phys(t, at)?;
    let slab = Pages::of(t)?.holding(phys)?;
    let cache = cache(t, slab.cache).ok()?;
    // The same memory may be asked for by another address than that of the direct map.
    let here = memmap::to_virt(t, phys)?;
    let index = slab.index(&cache, here)?;
    let start = slab.object(&cache, index);
    Some(Found { cache, slab, index, start })
}

/// The slab object that holds `at`; `None` if it is no slab memory.
pub fn object(t: &Target, at: VirtAddr) -> Option<Object> {
    let found = find(t, at)?;
    let free = match found.state(t) {
        State::Free | State::InSheaf => Some(true),
        // It may be in a sheaf that nobody holds.
        State::Allocated if found.cache.cpu_sheaves.is_none() => Some(false),
        State::Allocated | State::Unknown => None,
    };
    Some(Object { cache: found.cache.name, start: found.start, size: found.cache.layout.size, free })
}

//! Slabs: the pages that objects lie in.
//!
//! Their state is in `struct slab` since 5.17, in `struct page` before. That a page is one of a slab tells a page flag up to 6.9, and
//! a page type since (VMCOREINFO carries either).

use necropsy_base::{PhysAddr, VirtAddr};
use necropsy_target::{Load, Target};

use super::{Cache, FreeList, freelist};
use crate::memmap::{self, Memmap};
use crate::pages;

/// No slab has more objects (`objects` has 15 bits).
const MAX_OBJECTS: u32 = 1 << 15;

/// A slab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slab {
    /// Its `struct slab`, or `struct page`.
    pub at: VirtAddr,
    /// Where its memory begins, in the direct map.
    pub start: VirtAddr,
    /// Its cache's `struct kmem_cache`.
    pub cache: VirtAddr,
    /// How many objects it has.
    pub objects: u32,
    /// How many of them are not on its own chain of free objects. Those of a CPU's own chain count as in use.
    pub inuse: u32,
    /// Whether it belongs to a CPU.
    pub frozen: bool,
    /// Its first free object.
    pub freelist: VirtAddr,
    /// Where that is kept.
    pub freelist_at: VirtAddr,
}

impl Slab {
    /// Where its first object begins.
    fn first(&self, cache: &Cache) -> VirtAddr {
        self.start.offset(cache.layout.red_left_pad)
    }

    /// Whether an object of it begins at `at`.
    pub fn is_object(&self, cache: &Cache, at: VirtAddr) -> bool {
        self.index(cache, at).is_some_and(|i| self.object(cache, i) == at)
    }

    /// The number of the object that `at` is in, from its start to its end with all that belongs to it. A left red zone belongs
    /// to the object behind it.
    pub fn index(&self, cache: &Cache, at: VirtAddr) -> Option<u64> {
        let index = at.0.checked_sub(self.start.0)? / cache.layout.size.max(1);
        (index < u64::from(self.objects)).then_some(index)
    }

    /// Where object number `index` begins.
    pub fn object(&self, cache: &Cache, index: u64) -> VirtAddr {
        self.first(cache).offset(index.wrapping_mul(cache.layout.size))
    }

    /// Its own chain of free objects. (A CPU that works with it may have another: see [`super::CpuSlab`].)
    pub fn free(&self, t: &Target, cache: &Cache) -> FreeList {
        freelist::follow(t, cache, self, self.freelist, self.freelist_at)
    }
}

#[derive(Load)]
#[kernel(name = "page")]
struct Page {
    #[kernel(any = "flags.f|flags")]
    flags: u64,
    #[kernel(any = "compound_head|compound_info")]
    head: u64,
    page_type: Option<u32>,
}

#[derive(Load)]
#[kernel(one_of)]
enum State {
    Own(OwnSlab),
    InPage(InPage),
}

#[derive(Load)]
#[kernel(name = "slab")]
struct OwnSlab {
    slab_cache: VirtAddr,
    freelist: VirtAddr,
    objects: u32,
    inuse: u32,
    frozen: u32,
}

#[derive(Load)]
#[kernel(name = "page")]
struct InPage {
    slab_cache: VirtAddr,
    freelist: VirtAddr,
    objects: u32,
    inuse: u32,
    frozen: u32,
}

/// How the slabs of this kernel are found and read; worked out once for many.
pub(super) struct Pages<'t> {
    t: &'t Target,
    pub map: Memmap,
    own: bool,
    freelist: u64,
}

impl<'t> Pages<'t> {
    pub fn of(t: &'t Target) -> Option<Pages<'t>> {
        let own = t.offset_of("slab", "freelist").ok();
        let freelist = own.or_else(|| t.offset_of("page", "freelist").ok())?;
        Some(Pages { t, map: Memmap::of(t)?, own: own.is_some(), freelist })
    }

    /// Name and link of the struct that slabs are kept on lists by.
    pub fn link(&self) -> Option<u64> {
        let (of, paths) = if self.own { ("slab", "slab_list") } else { ("page", "slab_list|lru") };
        self.t.offset_of(of, paths).ok()
    }

    /// Where a slab names the next one of a CPU's list (`struct slab.next`).
    pub fn next(&self) -> Option<u64> {
        self.t.offset_of(if self.own { "slab" } else { "page" }, "next").ok()
    }

    /// The slab whose `struct slab` (`struct page`) is at `at`.
    pub fn slab(&self, at: VirtAddr) -> Option<Slab> {
        let (cache, freelist, objects, inuse, frozen) = match self.t.load::<State>(at).ok()? {
            State::Own(s) => (s.slab_cache, s.freelist, s.objects, s.inuse, s.frozen),
            State::InPage(s) => (s.slab_cache, s.freelist, s.objects, s.inuse, s.frozen),
        };
        let start = memmap::to_virt(self.t, self.map.memory(at)?)?;
        let sane = objects <= MAX_OBJECTS && self.t.arch().is_kernel(cache);
        sane.then_some(Slab {
            at,
            start,
            cache,
            objects,
            inuse,
            frozen: frozen != 0,
            freelist,
            freelist_at: at.offset(self.freelist),
        })
    }

    /// The slab that a physical address lies in.
    pub fn holding(&self, at: PhysAddr) -> Option<Slab> {
        let mut head = self.map.page(at.0 / self.map.page_size);
        let mut page: Page = self.t.load(head).ok()?;
        if page.head & 1 == 1 {
            head = pages::head_of(&self.map, head, page.head)?;
            page = self.t.load(head).ok()?;
        }
        is_slab(self.t, &page).then(|| self.slab(head)).flatten()
    }
}

fn is_slab(t: &Target, page: &Page) -> bool {
    let Some(info) = t.meta().vmcoreinfo.as_ref() else { return false };
    if let Some(bit) = info.number("PG_slab") {
        return (0..64).contains(&bit) && page.flags >> bit & 1 == 1;
    }
    let wanted = info.number("PAGE_SLAB_MAPCOUNT_VALUE").map(|n| n as u32);
    wanted.zip(page.page_type).is_some_and(|(wanted, found)| found == wanted || found >> 24 == wanted >> 24)
}

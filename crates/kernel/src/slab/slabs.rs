//! All slabs of a cache, with all their objects.
//!
//! Slabs with free objects are on lists: the CPUs', their partial lists, the nodes' partial lists. Full ones are on none (but with
//! SLUB debugging): they are found among all pages.

use std::collections::{HashMap, HashSet};

use necropsy_base::VirtAddr;
use necropsy_target::{LoadError, Target};

use super::cache::NodeLists;
use super::cpu::{self, CpuSlab, Sheaf};
use super::{Cache, FreeList, Pages, Slab, freelist};
use crate::{containers, pages};

/// Where a slab was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The CPU allocates from it.
    Cpu(usize),
    /// The CPU keeps it for later.
    CpuPartial(usize),
    /// On the NUMA node's list of slabs with free objects.
    NodePartial(usize),
    /// On the NUMA node's list of full slabs (SLUB debugging only).
    NodeFull(usize),
    /// On no list: found among all pages.
    Unlisted,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// In use.
    Allocated,
    /// On a chain of free objects.
    Free,
    /// In a sheaf: free, but its slab does not know.
    InSheaf,
    /// The chain of free objects is broken before it could be told.
    Unknown,
}

/// What is free of a cache, worked out once for many slabs.
pub struct Free<'t> {
    t: &'t Target,
    pages: Pages<'t>,
    /// What each CPU works with.
    pub cpus: Vec<CpuSlab>,
    /// Free objects in arrays.
    pub sheaves: Vec<Sheaf>,
    in_sheaf: HashSet<VirtAddr>,
}

impl<'t> Free<'t> {
    /// What is free of `cache`.
    pub fn of(t: &'t Target, cache: &Cache) -> Option<Free<'t>> {
        let pages = Pages::of(t)?;
        let cpus = cpu::cpu_slabs(t, &pages, cache);
        let sheaves = cpu::sheaves(t, cache);
        let in_sheaf = sheaves.iter().flat_map(|s| s.objects.iter().copied()).collect();
        Some(Free { t, pages, cpus, sheaves, in_sheaf })
    }

    /// The chains of free objects of a slab: its own, and that of the CPU that works with it.
    pub fn chains(&self, cache: &Cache, slab: &Slab) -> Vec<FreeList> {
        let cpu = self.cpus.iter().filter(|c| c.slab == Some(slab.at));
        let of_cpu = cpu.map(|c| freelist::follow(self.t, cache, slab, c.freelist, c.freelist_at));
        std::iter::once(slab.free(self.t, cache)).chain(of_cpu).collect()
    }

    /// What each object of a slab is, in the order of their addresses.
    pub fn states(&self, cache: &Cache, slab: &Slab) -> Vec<(VirtAddr, State)> {
        let chains = self.chains(cache, slab);
        // A chain that ends early without a bad link is seen by its length.
        let own = chains.first().map_or(0, |c| c.objects.len() as u32);
        let broken =
            chains.iter().any(|c| c.broken.is_some()) || own != slab.objects.saturating_sub(slab.inuse);
        let free: HashSet<VirtAddr> = chains.into_iter().flat_map(|c| c.objects).collect();
        let state = |at: VirtAddr| {
            if free.contains(&at) {
                State::Free
            } else if self.in_sheaf.contains(&at) {
                State::InSheaf
            } else if broken {
                State::Unknown
            } else {
                State::Allocated
            }
        };
        (0..slab.objects.into()).map(|i| slab.object(cache, i)).map(|at| (at, state(at))).collect()
    }

    /// The slabs of a cache that are on a list.
    pub fn listed(&self, cache: &Cache) -> Vec<(Place, Slab)> {
        let mut found: Vec<(Place, VirtAddr)> = Vec::new();
        for cpu in &self.cpus {
            found.extend(cpu.slab.map(|at| (Place::Cpu(cpu.cpu), at)));
            found.extend(cpu.partial.iter().map(|at| (Place::CpuPartial(cpu.cpu), *at)));
        }
        let link = self.pages.link();
        for (node, link) in cache.nodes.iter().zip(link.into_iter().cycle()) {
            let Ok(lists) = self.t.load::<NodeLists>(node.at) else { continue };
            let walk = |head| {
                containers::list(self.t, head, link).or_note(self.t, &format!("slabs of {}", cache.name))
            };
            found.extend(walk(lists.partial.0).into_iter().map(|at| (Place::NodePartial(node.number), at)));
            let full = lists.full.filter(|_| cache.flags().tracked).map(|f| walk(f.0)).unwrap_or_default();
            found.extend(full.into_iter().map(|at| (Place::NodeFull(node.number), at)));
        }
        let mut seen = HashSet::new();
        let slab = |(place, at)| seen.insert(at).then(|| self.pages.slab(at).map(|s| (place, s))).flatten();
        found.into_iter().filter_map(slab).filter(|(_, s)| s.cache == cache.at).collect()
    }
}

/// All slabs of a cache: those on lists first, then the others, by address. Looks at all pages of memory.
pub fn slabs(t: &Target, cache: &Cache) -> Result<Vec<(Place, Slab)>, LoadError> {
    let Some(free) = Free::of(t, cache) else { return Err(LoadError::NoSymbol("vmemmap_base".into())) };
    let mut all = free.listed(cache);
    let known: HashSet<VirtAddr> = all.iter().map(|(_, s)| s.at).collect();
    let others = every(t)?.remove(&cache.at).unwrap_or_default();
    all.extend(others.into_iter().filter(|s| !known.contains(&s.at)).map(|s| (Place::Unlisted, s)));
    Ok(all)
}

/// All slabs there are, by the address of their cache. Looks at all pages of memory.
pub fn every(t: &Target) -> Result<HashMap<VirtAddr, Vec<Slab>>, LoadError> {
    let Some(of) = Pages::of(t) else { return Err(LoadError::NoSymbol("vmemmap_base".into())) };
    let heads = pages::select(t, |page| page.is_slab() && !page.is_tail())?;
    let mut all: HashMap<VirtAddr, Vec<Slab>> = HashMap::new();
    for slab in heads.into_iter().filter_map(|frame| of.slab(of.map.page(frame))) {
        all.entry(slab.cache).or_default().push(slab);
    }
    Ok(all)
}

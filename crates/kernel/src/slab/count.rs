//! How much of a cache there is, without looking at every slab: the nodes count slabs and objects (`CONFIG_SLUB_DEBUG`, which
//! distribution kernels have); what is free is on lists.

use necropsy_target::{LoadError, Target};

use super::cache::NodeLists;
use super::{Cache, Free};

/// How much of a cache there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Slabs; `None` where the kernel does not count.
    pub slabs: Option<u64>,
    /// Objects, free ones included.
    pub objects: Option<u64>,
    /// Objects that are known to be free: in partial slabs, with CPUs, in sheaves.
    pub free: u64,
    /// For each node: its number, how many slabs it has, and how many of them are partial.
    pub nodes: Vec<(usize, Option<u64>, u64)>,
    /// Slabs that belong to CPUs: worked with, and kept for later.
    pub with_cpus: u64,
}

impl Count {
    /// Objects in use.
    pub fn in_use(&self) -> Option<u64> {
        Some(self.objects?.saturating_sub(self.free))
    }

    /// Bytes of memory that the slabs take.
    pub fn bytes(&self, cache: &Cache, page_size: u64) -> Option<u64> {
        let slab = page_size.checked_shl(cache.order)?;
        self.slabs?.checked_mul(slab)
    }
}

/// Bytes that a cache takes, by what its nodes count: cheap enough to ask of every cache.
pub fn bytes(t: &Target, cache: &Cache) -> Option<u64> {
    let slabs = |node: &super::Node| t.load::<NodeLists>(node.at).ok()?.nr_slabs;
    let slabs: u64 = cache.nodes.iter().map(slabs).sum::<Option<u64>>()?;
    slabs.checked_mul(t.page_size().checked_shl(cache.order)?)
}

/// Counts a cache.
pub fn count(t: &Target, cache: &Cache) -> Result<Count, LoadError> {
    let mut count = Count { slabs: Some(0), objects: Some(0), ..Count::default() };
    for node in &cache.nodes {
        let lists: NodeLists = t.load(node.at)?;
        let add = |sum: Option<u64>, n: Option<u64>| sum?.checked_add(n?);
        count.slabs = add(count.slabs, lists.nr_slabs);
        count.objects = add(count.objects, lists.total_objects);
        count.nodes.push((node.number, lists.nr_slabs, lists.nr_partial));
    }
    let Some(free) = Free::of(t, cache) else { return Ok(count) };
    for (place, slab) in free.listed(cache) {
        let chains = free.chains(cache, &slab);
        count.free += chains.iter().map(|c| c.objects.len() as u64).sum::<u64>();
        count.with_cpus += u64::from(matches!(place, super::Place::Cpu(_) | super::Place::CpuPartial(_)));
    }
    count.free += free.sheaves.iter().map(|s| s.objects.len() as u64).sum::<u64>();
    Ok(count)
}

//! What CPUs and nodes hold of a cache besides whole slabs: a CPU's own slab with a chain of its own, its list of partial slabs
//! (`struct kmem_cache_cpu`, up to 6.19), and sheaves, arrays of free objects (`struct slub_percpu_sheaves` and the barn of each
//! node, since 6.18).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use super::{Cache, Pages};
use crate::containers;

/// More sheaves than any barn holds.
const MAX_SHEAVES: usize = 4096;
/// No sheaf holds more objects (its capacity is at most some hundred).
const MAX_IN_SHEAF: u32 = 4096;
/// A CPU keeps no more partial slabs.
const MAX_PARTIAL: usize = 4096;

/// What one CPU works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuSlab {
    /// The CPU.
    pub cpu: usize,
    /// Its `struct kmem_cache_cpu`.
    pub at: VirtAddr,
    /// The slab it allocates from; `None` if it has none at the moment.
    pub slab: Option<VirtAddr>,
    /// The first object of its own chain of free objects in that slab.
    pub freelist: VirtAddr,
    /// Where that is kept.
    pub freelist_at: VirtAddr,
    /// The slabs it keeps for later.
    pub partial: Vec<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "kmem_cache_cpu")]
struct RawCpu {
    freelist: VirtAddr,
    #[kernel(path = "freelist")]
    freelist_at: At,
    #[kernel(any = "slab|page")]
    slab: VirtAddr,
    partial: Option<VirtAddr>,
}

/// What each CPU works with; nothing on kernels that have sheaves instead.
pub(super) fn cpu_slabs(t: &Target, pages: &Pages<'_>, cache: &Cache) -> Vec<CpuSlab> {
    let Some(base) = cache.cpu_slab else { return Vec::new() };
    let of_cpu = |(cpu, _): &(usize, u64)| {
        let at = t.percpu(base, *cpu)?;
        let raw: RawCpu = t.load(at).ok()?;
        let partial = raw.partial.map(|first| partial(t, pages, first)).unwrap_or_default();
        let slab = Some(raw.slab).filter(|s| t.arch().is_kernel(*s));
        Some(CpuSlab { cpu: *cpu, at, slab, freelist: raw.freelist, freelist_at: raw.freelist_at.0, partial })
    };
    t.cpus().iter().filter_map(of_cpu).collect()
}

fn partial(t: &Target, pages: &Pages<'_>, mut at: VirtAddr) -> Vec<VirtAddr> {
    let (mut out, mut seen) = (Vec::new(), HashSet::new());
    let Some(next) = pages.next() else { return out };
    while t.arch().is_kernel(at) && seen.insert(at) && out.len() < MAX_PARTIAL {
        out.push(at);
        at = t.memory().ptr(at.offset(next)).unwrap_or(VirtAddr(0));
    }
    out
}

/// A sheaf: an array of free objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheaf {
    /// Its `struct slab_sheaf`.
    pub at: VirtAddr,
    /// Who holds it.
    pub holder: Holder,
    /// The free objects.
    pub objects: Vec<VirtAddr>,
}

/// Who holds a sheaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A CPU, as what it allocates from and frees to, or as a spare.
    Cpu(usize),
    /// A CPU, for objects that are freed after a grace period.
    RcuFree(usize),
    /// The barn of a NUMA node.
    Barn(usize),
}

#[derive(Load)]
#[kernel(name = "slub_percpu_sheaves")]
struct PerCpu {
    main: VirtAddr,
    spare: Option<VirtAddr>,
    rcu_free: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "node_barn")]
struct Barn {
    sheaves_full: At,
}

#[derive(Load)]
#[kernel(name = "slab_sheaf")]
struct RawSheaf {
    size: u32,
    objects: ArrayAt,
}

/// All sheaves of a cache that anybody holds. (One that is on its way to be freed after a grace period nobody holds.)
pub fn sheaves(t: &Target, cache: &Cache) -> Vec<Sheaf> {
    let mut held: Vec<(Holder, VirtAddr)> = Vec::new();
    let Some(base) = cache.cpu_sheaves else { return Vec::new() };
    for (cpu, _) in t.cpus() {
        let Some(s) = t.percpu(base, *cpu).and_then(|at| t.load::<PerCpu>(at).ok()) else { continue };
        held.push((Holder::Cpu(*cpu), s.main));
        held.extend(s.spare.map(|at| (Holder::Cpu(*cpu), at)));
        held.extend(s.rcu_free.map(|at| (Holder::RcuFree(*cpu), at)));
    }
    let link = t.offset_of("slab_sheaf", "barn_list").unwrap_or(0);
    for node in &cache.nodes {
        let Some(barn) = node.barn.and_then(|at| t.load::<Barn>(at).ok()) else { continue };
        let full = containers::list(t, barn.sheaves_full.0, link).items;
        held.extend(full.into_iter().take(MAX_SHEAVES).map(|at| (Holder::Barn(node.number), at)));
    }
    let mut seen = HashSet::new();
    let sheaf = |(holder, at): (Holder, VirtAddr)| {
        (t.arch().is_kernel(at) && seen.insert(at)).then(|| sheaf(t, holder, at).ok()).flatten()
    };
    held.into_iter().filter_map(sheaf).collect()
}

fn sheaf(t: &Target, holder: Holder, at: VirtAddr) -> Result<Sheaf, LoadError> {
    let raw: RawSheaf = t.load(at)?;
    let word = u64::from(t.abi().word);
    let entry = |i: u32| t.memory().ptr(raw.objects.at.offset(u64::from(i) * word)).ok();
    Ok(Sheaf { at, holder, objects: (0..raw.size.min(MAX_IN_SHEAF)).map_while(entry).collect() })
}

//! Zones of memory (`struct zone`, include/linux/mmzone.h), on each NUMA node.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, Target};

use crate::system;

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its `struct zone`.
    pub at: VirtAddr,
    /// Its NUMA node.
    pub node: i64,
    /// `DMA`, `DMA32`, `Normal` …, escaped.
    pub name: String,
    /// Its first page.
    pub first: u64,
    /// Pages from its first to its last.
    pub spanned: u64,
    /// Those of them that exist.
    pub present: u64,
    /// Those that the page allocator manages.
    pub managed: u64,
    /// Free blocks of each order.
    pub free: Vec<u64>,
    /// Free pages that CPUs keep.
    pub on_cpus: u64,
}

#[derive(Load)]
#[kernel(name = "zone")]
struct Raw {
    node: Option<i32>,
    name: VirtAddr,
    zone_start_pfn: u64,
    spanned_pages: u64,
    present_pages: u64,
    #[kernel(any = "managed_pages.counter|managed_pages")]
    managed_pages: u64,
    free_area: ArrayAt,
    #[kernel(any = "per_cpu_pageset|pageset")]
    pageset: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "free_area")]
struct FreeArea {
    nr_free: u64,
}

#[derive(Load)]
#[kernel(one_of)]
enum OnCpu {
    Inside(PageSet),
    Own(Pages),
}

/// Up to 5.13.
#[derive(Load)]
#[kernel(name = "per_cpu_pageset")]
struct PageSet {
    #[kernel(path = "pcp.count")]
    count: i32,
}

#[derive(Load)]
#[kernel(name = "per_cpu_pages")]
struct Pages {
    count: i32,
}

#[derive(Load)]
#[kernel(name = "pglist_data")]
struct Node {
    node_zones: ArrayAt,
}

/// All `struct pglist_data`.
pub(super) fn node_addresses(t: &Target) -> Vec<VirtAddr> {
    system::nodes(t)
}

/// All `struct zone`.
pub(super) fn zone_addresses(t: &Target) -> Vec<VirtAddr> {
    let zones = |at: VirtAddr| t.load::<Node>(at).map(|node| node.node_zones.iter().collect::<Vec<_>>());
    system::nodes(t).into_iter().filter_map(|at| zones(at).ok()).flatten().collect()
}

/// All zones that have memory.
pub fn zones(t: &Target) -> Vec<Zone> {
    let all = zone_addresses(t).into_iter().filter_map(|at| zone(t, at));
    all.filter(|zone| zone.present > 0).collect()
}

fn zone(t: &Target, at: VirtAddr) -> Option<Zone> {
    let raw: Raw = t.load(at).ok()?;
    let name = t.memory().cstr(raw.name, 16).unwrap_or_default().escape_ascii().to_string();
    let free = raw.free_area.iter().take(64).map_while(|at| Some(t.load::<FreeArea>(at).ok()?.nr_free));
    let kept = |cpu: usize| match t.load::<OnCpu>(t.percpu(raw.pageset, cpu)?).ok()? {
        OnCpu::Inside(p) => Some(p.count),
        OnCpu::Own(p) => Some(p.count),
    };
    let on_cpus = t.cpus().iter().filter_map(|(cpu, _)| kept(*cpu)).map(|n| n.max(0) as u64).sum();
    Some(Zone {
        at,
        node: raw.node.unwrap_or(0).into(),
        name,
        first: raw.zone_start_pfn,
        spanned: raw.spanned_pages,
        present: raw.present_pages,
        managed: raw.managed_pages,
        free: free.collect(),
        on_cpus,
    })
}

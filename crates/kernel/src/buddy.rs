//! The page allocator's zones and the lists of free pages in them (mm/page_alloc.c, include/linux/mmzone.h; 4.19 to 7.2).
//!
//! A zone has for each order of two one list per kind of mobility. The entries are linked through the first page of each block:
//! by `lru`, which since 5.18 is called `buddy_list` there and is at the same place.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::list::Walk;
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use crate::meminfo::{Counter, counter_names};
use crate::{containers, system};

/// No kernel has more orders, or more kinds of mobility.
const MAX_ORDERS: u64 = 64;
const MAX_KINDS: u64 = 16;
/// `MIN`, `LOW`, `HIGH`.
const WATERMARKS: u64 = 3;

/// A NUMA node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub number: i64,
    /// Its `struct pglist_data`.
    pub at: VirtAddr,
    /// Its first page.
    pub first: u64,
    /// Pages from its first to its last.
    pub spanned: u64,
    /// Its zones, those without memory too.
    pub zones: Vec<Zone>,
    /// Whether all its zones could be read.
    pub complete: bool,
}

/// A zone of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its `struct zone`.
    pub at: VirtAddr,
    /// Its place in the node.
    pub number: usize,
    /// `DMA`, `DMA32`, `Normal` …, escaped.
    pub name: String,
    /// Its first page.
    pub first: u64,
    /// Pages from its first to its last.
    pub spanned: u64,
    /// Those of them that exist.
    pub present: u64,
    /// How many pages should be free: the least, low and high.
    pub watermarks: Vec<u64>,
    /// What it counts, without what CPUs hold back.
    pub counters: Vec<Counter>,
    /// Its lists of free blocks, by order.
    pub lists: Vec<FreeList>,
}

impl Zone {
    /// Pages that are free, by the zone's own count.
    pub fn free(&self) -> u64 {
        let found = self.counters.iter().find(|c| c.name == "NR_FREE_PAGES");
        found.map_or(0, |c| c.value.max(0) as u64)
    }
}

/// A list of free blocks of one size and mobility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeList {
    /// The blocks' size in pages is this power of two.
    pub order: u32,
    /// Which kind of mobility (`enum migratetype`).
    pub kind: u32,
    /// The list's head.
    pub at: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "pglist_data")]
struct RawNode {
    node_id: i32,
    node_start_pfn: u64,
    node_spanned_pages: u64,
    node_zones: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "zone")]
struct RawZone {
    name: VirtAddr,
    zone_start_pfn: u64,
    spanned_pages: u64,
    present_pages: u64,
    #[kernel(any = "_watermark|watermark")]
    watermark: ArrayAt,
    vm_stat: ArrayAt,
    free_area: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "free_area")]
struct FreeArea {
    free_list: ArrayAt,
}

/// All nodes with their zones.
pub fn nodes(t: &Target) -> Vec<Node> {
    let names = counter_names(t, "zone_stat_item").unwrap_or_default();
    system::nodes(t).into_iter().filter_map(|at| told(t, "NUMA node", node(t, at, &names))).collect()
}

/// A part that cannot be read becomes a note.
fn told<T>(t: &Target, what: &str, found: Result<T, LoadError>) -> Option<T> {
    found.map_err(|e| t.note(format!("{what}: {e}"))).ok()
}

fn node(t: &Target, at: VirtAddr, names: &[(String, u64)]) -> Result<Node, LoadError> {
    let raw: RawNode = t.load(at)?;
    let all = raw.node_zones.iter().take(32).enumerate();
    let zones: Vec<Zone> = all.filter_map(|(i, at)| told(t, "zone", zone(t, i, at, names))).collect();
    let (first, spanned) = (raw.node_start_pfn, raw.node_spanned_pages);
    let complete = zones.len() as u64 == raw.node_zones.len.min(32);
    Ok(Node { number: raw.node_id.into(), at, first, spanned, zones, complete })
}

fn zone(t: &Target, number: usize, at: VirtAddr, names: &[(String, u64)]) -> Result<Zone, LoadError> {
    let raw: RawZone = t.load(at)?;
    let word = |array: &ArrayAt, i: u64| t.memory().word(array.element(i)?).ok();
    let counter = |(name, i): &(String, u64)| {
        Some(Counter { name: name.clone(), value: word(&raw.vm_stat, *i)? as i64 })
    };
    Ok(Zone {
        at,
        number,
        name: t.memory().cstr(raw.name, 16).unwrap_or_default().escape_ascii().to_string(),
        first: raw.zone_start_pfn,
        spanned: raw.spanned_pages,
        present: raw.present_pages,
        watermarks: (0..WATERMARKS).map_while(|i| word(&raw.watermark, i)).collect(),
        counters: names.iter().filter_map(counter).collect(),
        lists: lists(t, &raw.free_area),
    })
}

fn lists(t: &Target, areas: &ArrayAt) -> Vec<FreeList> {
    let mut out = Vec::new();
    for order in 0..areas.len.min(MAX_ORDERS) {
        let Some(area) = areas.element(order).and_then(|at| t.load::<FreeArea>(at).ok()) else { continue };
        let heads = area.free_list.iter().take(MAX_KINDS as usize).enumerate();
        out.extend(heads.map(|(kind, at)| FreeList { order: order as u32, kind: kind as u32, at }));
    }
    out
}

/// The `struct page` of the first page of each block on a list.
pub fn blocks(t: &Target, list: &FreeList) -> Result<Walk<VirtAddr>, LoadError> {
    Ok(containers::list(t, list.at, t.offset_of("page", "buddy_list|lru")?))
}

/// The free block that holds the page of a frame number: its list's zone, the list, and its first `struct page`.
pub fn holding(t: &Target, frame: u64) -> Option<(Zone, FreeList, VirtAddr)> {
    let map = crate::memmap::Memmap::of(t)?;
    let inside = |z: &Zone| (z.first..z.first.saturating_add(z.spanned)).contains(&frame);
    let zone = nodes(t).into_iter().flat_map(|n| n.zones).find(inside)?;
    let found = zone.lists.iter().find_map(|list| {
        let holds = |page: &VirtAddr| {
            let first = map.frame(*page);
            first.is_some_and(|first| frame >= first && frame - first < 1 << list.order.min(63))
        };
        Some((*list, blocks(t, list).ok()?.items.into_iter().find(holds)?))
    });
    found.map(|(list, page)| (zone, list, page))
}

//! Areas of the kernel's virtual memory that were mapped for somebody: vmalloc, ioremap, vmap, stacks, modules (mm/vmalloc.c).
//!
//! They are on the list `vmap_area_list` up to 6.8, and on those of several `vmap_nodes` since 6.9. Who asked for one, and its pages, is in
//! its `struct vm_struct`.

mod expected;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::list::Walk;
use necropsy_target::{At, Load, LoadError, Target};

use crate::containers;

pub use expected::{Expected, areas_near_image, expected};

/// No machine has more lists of areas (128 at most).
const MAX_NODES: u32 = 1024;
/// `VM_IOREMAP`, `VM_ALLOC`, `VM_MAP` (include/linux/vmalloc.h).
const IOREMAP: u64 = 1;
const ALLOC: u64 = 2;
const MAP: u64 = 4;

/// What an area is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Memory of its own: vmalloc().
    Memory,
    /// Registers or memory of a device: ioremap().
    Device,
    /// Pages that somebody had already: vmap().
    Mapped,
    /// Something else, or nobody says.
    Other,
}

/// An area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its `struct vmap_area`.
    pub at: VirtAddr,
    /// Its first address.
    pub start: VirtAddr,
    /// The first address behind it, with the page that guards it.
    pub end: VirtAddr,
    /// What it is for.
    pub kind: Kind,
    /// Its `struct vm_struct`, if it has one.
    pub vm: Option<VirtAddr>,
    /// All flags in that.
    pub flags: u64,
    /// How many pages of memory it was given.
    pub pages: u64,
    /// The array of its `struct page *`.
    pub page_array: VirtAddr,
    /// Who asked for it.
    pub caller: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "vmap_area")]
struct RawArea {
    va_start: VirtAddr,
    va_end: VirtAddr,
    vm: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "vm_struct")]
struct Vm {
    addr: VirtAddr,
    flags: u64,
    pages: VirtAddr,
    nr_pages: u64,
    caller: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "vmap_node")]
struct Node {
    #[kernel(path = "busy.head")]
    busy: At,
}

/// All areas, by address.
pub fn areas(t: &Target) -> Result<Walk<Area>, LoadError> {
    let link = t.offset_of("vmap_area", "list")?;
    let mut walk = Walk { items: Vec::new(), problem: None };
    for head in heads(t)? {
        let found = containers::list(t, head, link);
        walk.problem = walk.problem.or(found.problem);
        for at in found.items {
            match area(t, at) {
                Ok(area) => walk.items.push(area),
                Err(e) => walk.problem = Some(e.to_string()),
            }
        }
    }
    walk.items.sort_by_key(|a| a.start);
    Ok(walk)
}

/// The lists that areas are on.
fn heads(t: &Target) -> Result<Vec<VirtAddr>, LoadError> {
    if let Some(head) = t.symbol("vmap_area_list") {
        return Ok(vec![head]);
    }
    let (first, size) = (t.memory().ptr(t.need_symbol("vmap_nodes")?)?, t.size_of("vmap_node")?);
    let count = t.symbol("nr_vmap_nodes").and_then(|at| t.memory().u32(at).ok());
    let node = |i: u32| t.load::<Node>(first.offset(u64::from(i) * size)).map(|node| node.busy.0);
    (0..count.unwrap_or(1).clamp(1, MAX_NODES)).map(node).collect()
}

fn area(t: &Target, at: VirtAddr) -> Result<Area, LoadError> {
    let raw: RawArea = t.load(at)?;
    // The same place holds a number in areas that are free: only what names the area's own start is its description.
    let vm = Some(raw.vm).filter(|vm| t.arch().is_kernel(*vm));
    let vm =
        vm.and_then(|at| t.load::<Vm>(at).ok().map(|vm| (at, vm))).filter(|(_, vm)| vm.addr == raw.va_start);
    let mut area = Area {
        at,
        start: raw.va_start,
        end: raw.va_end,
        kind: Kind::Other,
        vm: None,
        flags: 0,
        pages: 0,
        page_array: VirtAddr(0),
        caller: VirtAddr(0),
    };
    if let Some((vm_at, vm)) = vm {
        area.kind = match vm.flags {
            f if f & IOREMAP != 0 => Kind::Device,
            f if f & ALLOC != 0 => Kind::Memory,
            f if f & MAP != 0 => Kind::Mapped,
            _ => Kind::Other,
        };
        (area.vm, area.flags, area.caller) = (Some(vm_at), vm.flags, vm.caller);
        (area.pages, area.page_array) = (vm.nr_pages, vm.pages);
    }
    Ok(area)
}

/// The area that holds an address.
pub fn holding(t: &Target, at: VirtAddr) -> Option<Area> {
    areas(t).ok()?.items.into_iter().find(|a| a.start <= at && at < a.end)
}

impl Area {
    /// How many bytes from the start on are mapped: all but the page that guards it, unless there is none (`VM_NO_GUARD`).
    pub fn mapped(&self, page_size: u64) -> u64 {
        const NO_GUARD: u64 = 0x40;
        let all = self.end.0.saturating_sub(self.start.0);
        if self.vm.is_none() || self.flags & NO_GUARD != 0 { all } else { all.saturating_sub(page_size) }
    }
}

/// What one function was given by vmalloc().
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByCaller {
    /// The place in the code that asked.
    pub caller: VirtAddr,
    /// How many areas.
    pub areas: u64,
    /// How many pages in them.
    pub pages: u64,
}

/// Memory of vmalloc() by who asked for it, the most first.
pub fn by_caller(areas: &[Area]) -> Vec<ByCaller> {
    let mut sums: std::collections::BTreeMap<VirtAddr, (u64, u64)> = Default::default();
    for area in areas.iter().filter(|a| a.kind == Kind::Memory) {
        let sum = sums.entry(area.caller).or_default();
        *sum = (sum.0 + 1, sum.1.saturating_add(area.pages));
    }
    let mut out: Vec<_> =
        sums.into_iter().map(|(caller, (areas, pages))| ByCaller { caller, areas, pages }).collect();
    out.sort_by_key(|c| std::cmp::Reverse(c.pages));
    out
}

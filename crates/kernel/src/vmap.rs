//! Areas of virtual memory that the kernel mapped page by page (`vmalloc()`, module loading), and the pages that each should have.
//!
//! Up to 6.8 all areas are in one list, `vmap_area_list`; since 6.9 they are in trees, one per `vmap_nodes[]`
//! (mm/vmalloc.c). An area with a `struct vm_struct` has the pages in `vm->pages[]`.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, Target};

use crate::census::tree;
use crate::containers::list;

/// How far modules may lie from the kernel: as far as its calls reach.
const REACH: u64 = 2 << 30;
/// More nodes than any kernel has (`vmap_init_nodes()` makes at most 128).
const MAX_NODES: u64 = 1024;

/// An area.
#[derive(Clone, Debug, Load)]
#[kernel(name = "vmap_area")]
pub struct Area {
    /// First address.
    #[kernel(path = "va_start")]
    pub start: u64,
    /// The address after the last; the page before it is a guard if there is a `vm_struct`.
    #[kernel(path = "va_end")]
    pub end: u64,
    /// Its `struct vm_struct`, if it has one.
    pub vm: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "vm_struct")]
struct Vm {
    addr: u64,
    pages: VirtAddr,
    nr_pages: u32,
    page_order: Option<u32>,
    caller: VirtAddr,
}

/// All areas that are in use.
pub fn areas(t: &Target) -> Vec<Area> {
    let found = match t.symbol("vmap_area_list").zip(t.offset_of("vmap_area", "list").ok()) {
        Some((head, link)) => list(t, head, link).items,
        None => in_trees(t),
    };
    found.into_iter().filter_map(|at| t.load::<Area>(at).ok()).filter(|a| a.start < a.end).collect()
}

fn in_trees(t: &Target) -> Vec<VirtAddr> {
    let count = t.symbol("nr_vmap_nodes").and_then(|at| t.memory().u32(at).ok()).map_or(1, u64::from);
    let table = t.symbol("vmap_nodes").and_then(|at| t.memory().ptr(at).ok());
    let layout = t.size_of("vmap_node").and_then(|size| {
        Ok((size, t.offset_of("vmap_node", "busy.root")?, t.offset_of("vmap_area", "rb_node")?))
    });
    let (Some(table), Ok((size, root, link))) = (table, layout) else { return Vec::new() };
    let roots = (0..count.min(MAX_NODES)).map(|i| table.offset(i * size + root));
    roots.flat_map(|root| tree::nodes(t, root)).map(|n| n.moved(-(link as i64))).collect()
}

/// The areas that lie as near to the kernel as modules must, but outside of its image.
pub fn areas_near_image(t: &Target) -> Vec<Range<u64>> {
    let image = t.image();
    let near = |a: &Area| a.start.abs_diff(image.start) < REACH && !image.contains(&a.start);
    areas(t).into_iter().filter(near).map(|a| a.start..a.end).collect()
}

/// What an address of such an area should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The area.
    pub area: Range<u64>,
    /// Who asked for it.
    pub caller: VirtAddr,
    /// The number of the page that the area's own list has for the address.
    pub page: u64,
}

/// Which page the area that `at` lies in has for it.
pub fn expected(t: &Target, at: VirtAddr) -> Option<Expected> {
    let area = areas(t).into_iter().find(|a| (a.start..a.end).contains(&at.0))?;
    let vm: Vm = t.load(area.vm.filter(|vm| t.arch().is_kernel(*vm))?).ok()?;
    let index = at.0.checked_sub(vm.addr)? / t.page_size();
    let small = vm.page_order.unwrap_or(0) == 0;
    let page = (small && vm.addr == area.start && index < u64::from(vm.nr_pages) && !vm.pages.is_null())
        .then(|| t.memory().ptr(vm.pages.offset(index * 8)).ok())??;
    let (map, stride) = (t.memory().ptr(t.symbol("vmemmap_base")?).ok()?, t.size_of("page").ok()?);
    let page = page.0.checked_sub(map.0).filter(|o| o.is_multiple_of(stride))? / stride;
    Some(Expected { area: area.start..area.end, caller: vm.caller, page })
}

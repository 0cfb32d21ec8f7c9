//! What the page tables should say of an area: its `struct vm_struct` lists its pages (`vm->pages[]`, mm/vmalloc.c).

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, Target};

use super::{areas, holding};
use crate::memmap::Memmap;

/// How far modules may lie from the kernel: as far as its calls reach.
const REACH: u64 = 2 << 30;

/// What an address of an area should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The area.
    pub area: Range<u64>,
    /// Who asked for it.
    pub caller: VirtAddr,
    /// The number of the page that the area's own list has for the address.
    pub page: u64,
}

#[derive(Load)]
#[kernel(name = "vm_struct")]
struct Order {
    page_order: Option<u32>,
}

/// Which page the area that `at` lies in has for it.
pub fn expected(t: &Target, at: VirtAddr) -> Option<Expected> {
    let area = holding(t, at)?;
    let index = (at.0 - area.start.0) / t.page_size();
    let small = t.load::<Order>(area.vm?).ok()?.page_order.unwrap_or(0) == 0;
    if !small || index >= area.pages || area.page_array.is_null() {
        return None;
    }
    let page = t.memory().ptr(area.page_array.offset(index * u64::from(t.abi().word))).ok()?;
    let map = Memmap::of(t)?;
    let frame = map.frame(page).filter(|frame| map.page(*frame) == page)?;
    Some(Expected { area: area.start.0..area.end.0, caller: area.caller, page: frame })
}

/// The areas that lie as near to the kernel as modules must, but outside of its image.
pub fn areas_near_image(t: &Target) -> Vec<Range<u64>> {
    let image = t.image();
    let near = |r: &Range<u64>| r.start.abs_diff(image.start) < REACH && !image.contains(&r.start);
    let all = areas(t).map(|walk| walk.items).unwrap_or_default().into_iter();
    all.map(|a| a.start.0..a.end.0).filter(|r| r.start < r.end).filter(near).collect()
}

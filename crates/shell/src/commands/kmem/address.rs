//! `kmem ADDRESS`: what an address is.

use necropsy_base::{PhysAddr, VirtAddr};
use necropsy_kernel::memmap::{self, Memmap};
use necropsy_kernel::{slab, vmalloc};

use super::areas::{self, AreaRow};
use super::{free, page, slabs};
use crate::commands::page_row::PageRow;
use crate::commands::{set, sym};
use crate::{Args, CommandError, Context, Sink, SinkExt};

/// Shows each of the addresses.
pub fn show(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, word) in args.rest.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        one(cx, cx.address(word)?, args.has('P'), out)?;
    }
    Ok(())
}

/// The address of the memory that is meant: of a physical address or a `struct page` that of the page in the direct map.
pub fn memory(cx: &Context, at: VirtAddr, physical: bool) -> VirtAddr {
    let t = &cx.target;
    let to_virt = |phys: u64| memmap::to_virt(t, PhysAddr(phys));
    if physical || !t.arch().is_kernel(at) {
        return to_virt(at.0).unwrap_or(at);
    }
    let map = Memmap::of(t);
    let named = map.and_then(|map| page::named_by_page(cx, &map, at)?.checked_mul(map.page_size));
    named.and_then(to_virt).unwrap_or(at)
}

fn one(cx: &Context, at: VirtAddr, physical: bool, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let here = memory(cx, at, physical);
    let mut known = false;
    let mut part = |out: &mut dyn Sink| {
        let first = !std::mem::replace(&mut known, true);
        if first { Ok(()) } else { out.heading("") }
    };
    // A per-CPU symbol lies at a small address; what is asked for is memory.
    if t.image().contains(&here.0) || t.modules().holding(here).is_some() {
        part(out)?;
        sym::show_address(cx, here, out)?;
    }
    let object = slab::find(t, here);
    if let Some(found) = &object {
        part(out)?;
        slabs::one_slab(cx, found, false, out)?;
    }
    if let Some(area) = vmalloc::holding(t, here).filter(|a| a.vm.is_some()) {
        part(out)?;
        out.heading(areas::HEADING)?;
        out.row(&AreaRow::of(cx, &area), AreaRow::text)?;
    }
    let task_at = object.as_ref().filter(|o| o.cache.name == "task_struct").map_or(here, |o| o.start);
    let tasks = cx.tasks()?;
    let mine =
        |task: &&necropsy_kernel::tasks::Task| task.at == task_at || task.stack_range(t).contains(&here.0);
    if let Some(task) = tasks.all.iter().find(mine) {
        part(out)?;
        set::show(cx, task, out)?;
    }
    let Some(frame) = page::frame(cx, here, false).filter(|_| memmap::to_phys(t, here).is_some()) else {
        let text = format!("{:x}: no address of memory that the kernel has mapped", at.0);
        return if known { Ok(()) } else { Err(CommandError::Failed(text)) };
    };
    if object.is_none() && free::block(cx, frame, out)? {
        part(out)?;
    }
    if let Some(row) = PageRow::of(t, frame.saturating_mul(t.page_size())) {
        part(out)?;
        out.heading(PageRow::HEADING)?;
        out.row(&row, PageRow::text)?;
        known = true;
    }
    match known {
        true => Ok(()),
        false => Err(CommandError::Failed(format!("{:x}: nothing is known about it", at.0))),
    }
}

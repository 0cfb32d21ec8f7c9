//! `kmem -f` and `-F`: the page allocator's lists of free blocks.

use necropsy_kernel::buddy::{self, FreeList, Node, Zone};
use necropsy_kernel::memmap::Memmap;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::page::frame;
use crate::output::SinkExt;
use crate::{Args, CommandError, Context, Sink};

const HEADING: &str = "ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR";

#[derive(Serialize, JsonSchema)]
pub struct ZoneRow {
    zone: usize,
    name: String,
    size: u64,
    free: u64,
    mem_map: Hex,
    start: Hex,
    first: u64,
}

impl ZoneRow {
    /// `START_MAPNR` counts from the node's first page.
    fn of(cx: &Context, zone: &Zone, node_first: u64) -> ZoneRow {
        let used = zone.spanned > 0;
        let first = if used { zone.first } else { 0 };
        ZoneRow {
            zone: zone.number,
            name: zone.name.clone(),
            size: zone.spanned,
            free: zone.free(),
            mem_map: Hex(Memmap::of(&cx.target).filter(|_| used).map_or(0, |map| map.page(first).0)),
            start: Hex(first.saturating_mul(cx.target.page_size())),
            first: first.saturating_sub(node_first),
        }
    }
    fn text(&self) -> String {
        format!(
            "{:>3}   {:<9} {:>7} {:>7}  {:>16x} {:>11x} {:>12}",
            self.zone, self.name, self.size, self.free, self.mem_map.0, self.start.0, self.first
        )
    }
}

#[derive(Serialize, JsonSchema)]
pub struct ListRow {
    order: u32,
    kind: u32,
    list: Hex,
    blocks: u64,
    pages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_pages: Option<Vec<Hex>>,
}

impl ListRow {
    fn text(&self, page_size: u64) -> String {
        let size = format!("{}k", (page_size << self.order) >> 10);
        let place = format!("{:>3} {size:>8}  {:016x}", self.order, self.list.0);
        match &self.first_pages {
            None => format!("{place} {:>7} {:>6}", self.blocks, self.pages),
            Some(pages) => pages.iter().fold(place, |text, page| text + &format!("\n{:016x}", page.0)),
        }
    }
}

/// Shows all, or the block that holds an address.
pub fn show(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    if let Some(word) = args.rest.first() {
        let at = cx.address(word)?;
        let frame = frame(cx, at, args.has('P'));
        let found = frame.and_then(|frame| Some((frame, buddy::holding(&cx.target, frame)?)));
        let missing = || CommandError::Failed(format!("{:x} is in no free block", at.0));
        let (frame, found) = found.ok_or_else(missing)?;
        return block(cx, frame, &found, out);
    }
    let (mut counted, mut found) = (0u64, 0u64);
    let nodes = buddy::nodes(&cx.target);
    let complete = !nodes.is_empty() && nodes.iter().all(|n| n.complete);
    for node in nodes {
        for zone in &node.zones {
            found += one(cx, &node, zone, args.has('F'), out)?;
            counted += zone.free();
            out.heading("")?;
        }
    }
    let verdict = match counted == found {
        true if complete => "verified".into(),
        true => "of what could be read".into(),
        false => format!("found {found}"),
    };
    Ok(out.heading(&format!("nr_free_pages: {counted}  ({verdict})"))?)
}

fn one(cx: &Context, node: &Node, zone: &Zone, full: bool, out: &mut dyn Sink) -> Result<u64, CommandError> {
    const LIST: &str = "AREA    SIZE  FREE_AREA_STRUCT";
    out.heading(HEADING)?;
    out.row(&ZoneRow::of(cx, zone, node.first), ZoneRow::text)?;
    if zone.spanned == 0 {
        return Ok(0);
    }
    if !full {
        out.heading(&format!("{LIST}  BLOCKS  PAGES"))?;
    }
    let mut found = 0u64;
    for list in &zone.lists {
        let row = row(cx, list, full, out)?;
        found = found.saturating_add(row.pages);
        if full {
            out.heading(LIST)?;
        }
        out.row(&row, |r| r.text(cx.target.page_size()))?;
    }
    Ok(found)
}

fn row(cx: &Context, list: &FreeList, full: bool, out: &mut dyn Sink) -> Result<ListRow, CommandError> {
    let walk = buddy::blocks(&cx.target, list)?;
    if let Some(problem) = walk.problem {
        out.note(&format!("free list {:x}: {problem}", list.at.0));
    }
    let blocks = walk.items.len() as u64;
    Ok(ListRow {
        order: list.order,
        kind: list.kind,
        list: Hex(list.at.0),
        blocks,
        pages: blocks.saturating_mul(1 << list.order.min(63)),
        first_pages: full.then(|| walk.items.iter().map(|page| Hex(page.0)).collect()),
    })
}

#[derive(Serialize, JsonSchema)]
pub struct BlockRow {
    page: Hex,
    order: u32,
    list: Hex,
    place: u64,
}

/// Shows the free block that holds a page.
pub fn block(cx: &Context, frame: u64, found: &buddy::Found, out: &mut dyn Sink) -> Result<(), CommandError> {
    let (zone, list, page) = (&found.zone, found.list, found.page);
    let first = Memmap::of(&cx.target).and_then(|map| map.frame(page)).unwrap_or(frame);
    let nodes = buddy::nodes(&cx.target);
    let node = nodes.iter().find(|n| n.zones.iter().any(|z| z.at == zone.at)).map_or(0, |n| n.first);
    out.heading(HEADING)?;
    out.row(&ZoneRow::of(cx, zone, node), ZoneRow::text)?;
    out.heading("AREA    SIZE  FREE_AREA_STRUCT")?;
    let row = BlockRow { page: Hex(page.0), order: list.order, list: Hex(list.at.0), place: frame - first };
    out.row(&row, |r| {
        let size = format!("{}k", (cx.target.page_size() << r.order) >> 10);
        format!(
            "{:>3} {size:>8}  {:016x}\n{:016x}  (the address is in page {} of {})",
            r.order,
            r.list.0,
            r.page.0,
            r.place + 1,
            1u64 << r.order
        )
    })?;
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct KeptRow {
    page: Hex,
    kept_by_cpu: usize,
}

/// Says that a free page is kept by a CPU.
pub fn kept(page: Hex, cpu: usize, out: &mut dyn Sink) -> Result<(), CommandError> {
    let row = KeptRow { page, kept_by_cpu: cpu };
    Ok(out.row(&row, |r| format!("{:016x}  (free, kept by CPU {})", r.page.0, r.kept_by_cpu))?)
}

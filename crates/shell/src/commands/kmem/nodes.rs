//! `kmem -n`: nodes, zones, sections and blocks of memory.

use necropsy_kernel::memmap::Memmap;
use necropsy_kernel::{buddy, sections};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::{CommandError, Context, Sink};

#[derive(Serialize, JsonSchema)]
pub struct NodeRow {
    node: i64,
    size: u64,
    pglist_data: Hex,
    zones: Vec<Hex>,
    mem_map: Hex,
    start: Hex,
    first: u64,
}

impl NodeRow {
    fn text(&self) -> String {
        let first = self.zones.first().map_or(0, |z| z.0);
        let mut out = format!(
            "NODE    SIZE      PGLIST_DATA       BOOTMEM_DATA       NODE_ZONES\n{:>3} {:>9}    {:016x}        ----        {first:016x}\n",
            self.node, self.size, self.pglist_data.0
        );
        self.zones.iter().skip(1).for_each(|z| out += &format!("{:52}{:016x}\n", "", z.0));
        out += "    MEM_MAP          START_PADDR    START_MAPNR\n";
        out + &format!("{:016x} {:>11x} {:>13}\n", self.mem_map.0, self.start.0, self.first)
    }
}

#[derive(Serialize, JsonSchema)]
pub struct ZoneRow {
    zone: usize,
    name: String,
    size: u64,
    mem_map: Hex,
    start: Hex,
    first: u64,
}

impl ZoneRow {
    fn text(&self) -> String {
        format!(
            "{:>3}   {:<9} {:>7}  {:>16x} {:>12x} {:>12}",
            self.zone, self.name, self.size, self.mem_map.0, self.start.0, self.first
        )
    }
}

/// Shows them.
pub fn show(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let map = Memmap::of(t);
    let page = |frame: u64| Hex(map.as_ref().map_or(0, |map| map.page(frame).0));
    let bytes = |frame: u64| Hex(frame.saturating_mul(t.page_size()));
    for node in buddy::nodes(t) {
        let row = NodeRow {
            node: node.number,
            size: node.spanned,
            pglist_data: Hex(node.at.0),
            zones: node.zones.iter().map(|z| Hex(z.at.0)).collect(),
            mem_map: page(node.first),
            start: bytes(node.first),
            first: node.first,
        };
        out.row(&row, NodeRow::text)?;
        out.heading("")?;
        out.heading("ZONE  NAME         SIZE       MEM_MAP      START_PADDR  START_MAPNR")?;
        for zone in node.zones {
            let used = zone.spanned > 0;
            let first = if used { zone.first } else { 0 };
            let mem_map = if used { page(first) } else { Hex(0) };
            let (zone, name, size) = (zone.number, zone.name, zone.spanned);
            out.row(&ZoneRow { zone, name, size, mem_map, start: bytes(first), first }, ZoneRow::text)?;
        }
        out.heading("")?;
    }
    out.heading("-------------------------------------------------------------------")?;
    out.heading("")?;
    show_sections(cx, out)?;
    blocks(cx, out)
}

#[derive(Serialize, JsonSchema)]
pub struct SectionRow {
    number: u64,
    section: Hex,
    coded_mem_map: Hex,
    mem_map: Hex,
    state: String,
    frame: u64,
}

fn show_sections(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let all = match sections::sections(&cx.target) {
        Ok(all) => all,
        Err(e) => {
            out.note(&format!("sections of memory: {e}"));
            return Ok(());
        }
    };
    out.heading("NR      SECTION        CODED_MEM_MAP        MEM_MAP       STATE PFN")?;
    for s in all {
        let row = SectionRow {
            number: s.number,
            section: Hex(s.at.0),
            coded_mem_map: Hex(s.coded.0),
            mem_map: Hex(s.first.0),
            state: s.state,
            frame: s.frame,
        };
        out.row(&row, |r| {
            format!(
                "{:>2}  {:016x}  {:016x}  {:016x}  {:<5} {}",
                r.number, r.section.0, r.coded_mem_map.0, r.mem_map.0, r.state, r.frame
            )
        })?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct BlockRow {
    block: Hex,
    name: String,
    start: Hex,
    last: Hex,
    node: i64,
    state: &'static str,
    section: u64,
}

fn blocks(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let all = match sections::blocks(&cx.target) {
        Ok(all) => all,
        Err(e) => {
            out.note(&format!("blocks of memory: {e}"));
            return Ok(());
        }
    };
    if all.is_empty() {
        return Ok(());
    }
    out.heading("")?;
    out.heading("   MEM_BLOCK        NAME        PHYSICAL RANGE     NODE  STATE   START_SECTION_NO")?;
    for b in all {
        let row = BlockRow {
            block: Hex(b.at.0),
            name: b.name,
            start: Hex(b.start),
            last: Hex(b.last),
            node: b.node,
            state: b.state,
            section: b.section,
        };
        out.row(&row, |r| {
            format!(
                " {:016x}   {:<10} {:>8x} - {:>8x}  {}    {:<7} {}",
                r.block.0, r.name, r.start.0, r.last.0, r.node, r.state, r.section
            )
        })?;
    }
    Ok(())
}

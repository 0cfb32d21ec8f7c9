//! `vm -p`: where each page of a mapping is.

use std::collections::HashMap;

use necropsy_arch::{PageTables, WalkError};
use necropsy_base::VirtAddr;
use necropsy_kernel::swap::{self, Entry};
use necropsy_kernel::tasks::Task;
use necropsy_kernel::vma::Area;
use necropsy_kernel::{mm, vfs};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::area_row;
use crate::output::SinkExt;
use crate::{CommandError, Context, Sink};

#[derive(Serialize, JsonSchema)]
pub struct Row {
    r#virtual: Hex,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

impl Row {
    fn text(&self) -> String {
        let offset = self.offset.map_or(0, |o| o.0);
        if let Some(why) = &self.unknown {
            return format!("{:<10x}  ({why})", self.r#virtual.0);
        }
        let place = match (self.physical, &self.file, &self.swap) {
            (Some(physical), ..) => format!("{:>8x}", physical.0),
            (_, _, Some(swap)) => format!("SWAP: {swap}  OFFSET: {offset}"),
            (_, Some(file), _) => format!("FILE: {file}  OFFSET: {offset:x}"),
            _ => "(not mapped)".into(),
        };
        format!("{:<10x}  {place}", self.r#virtual.0)
    }
}

/// Shows each page of a mapping; `file` is the path of its file.
pub fn show(
    cx: &Context,
    task: &Task,
    area: &Area,
    file: Option<&str>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let t = &cx.target;
    let (Some(kernel), Some(phys)) = (t.kernel(), t.phys()) else {
        return Err(CommandError::Failed("no page tables".into()));
    };
    let tables = PageTables { root: mm::page_tables(t, task)?, ..kernel.tables() };
    out.heading("VIRTUAL     PHYSICAL")?;
    let shared = in_swap(cx, area);
    let wide = area.end.0.saturating_sub(area.start.0) > WIDE;
    let mut at = area.start;
    while at < area.end {
        if t.budget().step().is_err() {
            out.note("stopped: the time that was given is used up");
            break;
        }
        let (row, next) = match t.arch().translate(phys.as_ref(), &tables, at) {
            Ok(mapping) => (row(at, Some(mapping.phys.0)), at.offset(t.page_size())),
            Err(WalkError::NotMapped { level, .. }) => {
                let span = if wide { span(level.name) } else { t.page_size() };
                (absent(cx, area, file, &shared, at, level.entry), after(at, span))
            }
            Err(e) => {
                let next = match &e {
                    WalkError::Table { name, .. } => after(at, span(name) << 9),
                    _ => area.end,
                };
                (Row { unknown: Some(e.to_string()), ..row(at, None) }, next)
            }
        };
        out.row(&row, Row::text)?;
        if next <= at {
            break;
        }
        at = next;
    }
    Ok(())
}

/// Of mappings larger than this, a page table that is missing is shown by its first page only: programs reserve terabytes.
const WIDE: u64 = 1 << 32;

/// How much memory an entry of this level stands for (x86-64, and arm64 with pages of 4 KiB; a page on all others).
fn span(level: &str) -> u64 {
    match level {
        "PMD" => 1 << 21,
        "PUD" => 1 << 30,
        "P4D" | "PGD" => 1 << 39,
        _ => 1 << 12,
    }
}

/// Where the next part of this size begins.
fn after(at: VirtAddr, span: u64) -> VirtAddr {
    VirtAddr((at.0 & !(span - 1)).saturating_add(span))
}

fn row(at: VirtAddr, physical: Option<u64>) -> Row {
    Row {
        r#virtual: Hex(at.0),
        physical: physical.map(Hex),
        file: None,
        swap: None,
        offset: None,
        unknown: None,
    }
}

/// Pages in swap of the file that is mapped, by their index in it: shared memory has them there, not in the page tables.
fn in_swap(cx: &Context, area: &Area) -> HashMap<u64, u64> {
    let t = &cx.target;
    let inode = || vfs::inode(t, vfs::inode_of(t, area.file).ok()?).ok();
    let inode = if area.file.is_null() { None } else { inode() };
    inode.and_then(|inode| vfs::swapped_pages(t, &inode).ok()).unwrap_or_default().into_iter().collect()
}

/// A page that is not in memory: what its entry says, or else where the file has it.
fn absent(
    cx: &Context,
    area: &Area,
    file: Option<&str>,
    shared: &HashMap<u64, u64>,
    at: VirtAddr,
    entry: u64,
) -> Row {
    let into = at.0.saturating_sub(area.start.0);
    let index = area.offset.saturating_add(into / cx.target.page_size());
    let value = || swap::by_value(&cx.target, *shared.get(&index)?);
    if let Some(Entry { file, offset }) = swap::entry(&cx.target, entry).or_else(value) {
        let name = area_row::path(cx, file);
        return Row { swap: Some(name), offset: Some(Hex(offset)), ..row(at, None) };
    }
    let Some(file) = file else { return row(at, None) };
    let offset = area.offset.saturating_mul(cx.target.page_size()).saturating_add(into);
    Row { file: Some(file.to_owned()), offset: Some(Hex(offset)), ..row(at, None) }
}

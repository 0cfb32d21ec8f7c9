//! `vm -p`: where each page of a mapping is.

use necropsy_arch::{PageTables, WalkError};
use necropsy_base::VirtAddr;
use necropsy_kernel::swap::{self, Entry};
use necropsy_kernel::tasks::Task;
use necropsy_kernel::vma::Area;
use necropsy_kernel::{file_path, mm};
use necropsy_report::{Hex, terminal_safe};
use serde::Serialize;

use crate::output::SinkExt;
use crate::{CommandError, Context, Sink};

#[derive(Serialize)]
struct Row {
    r#virtual: Hex,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Hex>,
}

impl Row {
    fn text(&self) -> String {
        let offset = self.offset.map_or(0, |o| o.0);
        let place = match (self.physical, &self.file, &self.swap) {
            (Some(physical), ..) => format!("{:>8x}", physical.0),
            (_, _, Some(swap)) => format!("SWAP: {swap}  OFFSET: {offset}"),
            (_, Some(file), _) => format!("FILE: {file}  OFFSET: {offset:x}"),
            _ => "(not mapped)".into(),
        };
        format!("{:<11x} {place}", self.r#virtual.0)
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
    let mut at = area.start;
    while at < area.end {
        if t.budget().step().is_err() {
            out.note("stopped: the time that was given is used up");
            break;
        }
        let row = match t.arch().translate(phys.as_ref(), &tables, at) {
            Ok(mapping) => row(at, Some(mapping.phys.0)),
            Err(WalkError::NotMapped { level, .. }) => absent(cx, area, file, at, level.entry),
            Err(e) => {
                out.note(&format!("{:x}: {e}", at.0));
                row(at, None)
            }
        };
        out.row(&row, Row::text)?;
        at = at.offset(t.page_size());
    }
    Ok(())
}

fn row(at: VirtAddr, physical: Option<u64>) -> Row {
    Row { r#virtual: Hex(at.0), physical: physical.map(Hex), file: None, swap: None, offset: None }
}

/// A page that is not in memory: what its entry says, or else where the file has it.
fn absent(cx: &Context, area: &Area, file: Option<&str>, at: VirtAddr, entry: u64) -> Row {
    if let Some(Entry { file, offset }) = swap::entry(&cx.target, entry) {
        let name = file_path::of_file(&cx.target, file);
        let name = name.map_or_else(|| format!("(file {:x})", file.0), |n| terminal_safe(&n));
        return Row { swap: Some(name), offset: Some(Hex(offset)), ..row(at, None) };
    }
    let Some(file) = file else { return row(at, None) };
    let into = at.0.saturating_sub(area.start.0);
    let offset = area.offset.saturating_mul(cx.target.page_size()).saturating_add(into);
    Row { file: Some(file.to_owned()), offset: Some(Hex(offset)), ..row(at, None) }
}

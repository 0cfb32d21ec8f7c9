//! `kmem -v`: areas of the kernel's memory that were mapped for somebody.

use necropsy_kernel::vmalloc::{self, Area};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::{Args, CommandError, Context, Sink};

pub const HEADING: &str = "   VMAP_AREA         VM_STRUCT                 ADDRESS RANGE                SIZE";

#[derive(Serialize, JsonSchema)]
pub struct AreaRow {
    vmap_area: Hex,
    vm_struct: Hex,
    start: Hex,
    end: Hex,
    size: u64,
    caller: Option<String>,
}

impl AreaRow {
    pub fn of(cx: &Context, a: &Area) -> AreaRow {
        AreaRow {
            vmap_area: Hex(a.at.0),
            vm_struct: Hex(a.vm.map_or(0, |vm| vm.0)),
            start: Hex(a.start.0),
            end: Hex(a.end.0),
            size: a.end.0.saturating_sub(a.start.0),
            caller: (!a.caller.is_null()).then(|| cx.target.describe(a.caller)),
        }
    }
    pub fn text(&self) -> String {
        format!(
            "{:016x}  {:016x}  {:016x} - {:016x}  {:>7}",
            self.vmap_area.0, self.vm_struct.0, self.start.0, self.end.0, self.size
        )
    }
}

/// All of them, or those that hold the addresses given.
pub fn show(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let areas = vmalloc::areas(&cx.target)?.or_note(&cx.target, "areas of vmalloc");
    let wanted: Vec<_> = args.rest.iter().map(|word| cx.address(word)).collect::<Result<_, _>>()?;
    let holds = |a: &&Area| wanted.is_empty() || wanted.iter().any(|at| a.start <= *at && *at < a.end);
    // What has no vm_struct was mapped by vm_map_ram(), or is about to be freed.
    let shown: Vec<&Area> = areas.iter().filter(holds).filter(|a| a.vm.is_some()).collect();
    if shown.is_empty() {
        return Err(CommandError::Failed("no area of vmalloc there".into()));
    }
    out.heading(HEADING)?;
    for area in shown {
        out.row(&AreaRow::of(cx, area), AreaRow::text)?;
    }
    Ok(())
}

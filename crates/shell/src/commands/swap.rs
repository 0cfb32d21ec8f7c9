//! `swap`: swap areas.

use necropsy_kernel::swap;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::vm::area_row::path;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Swap;

impl Command for Swap {
    fn name(&self) -> &'static str {
        "swap"
    }
    fn synopsis(&self) -> &'static str {
        "(nothing to choose)"
    }
    fn about(&self) -> &'static str {
        "swap areas"
    }
    fn help(&self) -> &'static str {
        "Each swap area in use: its size, how much of it is used, its priority, and the partition or file."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "swap", what: "all swap areas" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, _: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let areas = swap::areas(&cx.target)?;
        out.heading("SWAP_INFO_STRUCT    TYPE       SIZE       USED     PCT  PRI  FILENAME")?;
        let bytes = |pages: u64| pages.saturating_mul(cx.target.page_size());
        for area in areas {
            let row = Row {
                swap_info_struct: Hex(area.at.0),
                kind: if area.partition { "PARTITION" } else { "FILE" },
                size: bytes(area.pages),
                used: bytes(area.used),
                priority: area.priority,
                name: path(cx, area.file),
            };
            out.row(&row, Row::text)?;
        }
        Ok(())
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    swap_info_struct: Hex,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u64,
    used: u64,
    priority: i64,
    name: String,
}

impl Row {
    fn text(&self) -> String {
        let percent = (u128::from(self.used) * 100).checked_div(u128::from(self.size)).unwrap_or(0);
        format!(
            "{:016x}  {:<9} {:>9}k {:>9}k {percent:>6}% {:>4}  {}",
            self.swap_info_struct.0,
            self.kind,
            self.size >> 10,
            self.used >> 10,
            self.priority,
            self.name
        )
    }
}

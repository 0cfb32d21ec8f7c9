//! A line for a mapping, as `vm` and `vtop` show it.

use necropsy_kernel::file_path;
use necropsy_kernel::vma::Area;
use necropsy_report::{Hex, terminal_safe};
use serde::Serialize;

use crate::Context;

/// A mapping of a process.
#[derive(Clone, Debug, Serialize)]
pub struct AreaRow {
    /// Its `struct vm_area_struct`.
    pub vma: Hex,
    /// Its first address.
    pub start: Hex,
    /// The first address behind it.
    pub end: Hex,
    /// Its flags.
    pub flags: Hex,
    /// The path of its file; its `struct file` where that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl AreaRow {
    /// The columns.
    pub const HEADING: &'static str = "      VMA           START       END     FLAGS FILE";

    /// The line for a mapping.
    pub fn of(cx: &Context, area: &Area) -> AreaRow {
        let path = || match file_path::of_file(&cx.target, area.file) {
            Some(path) => terminal_safe(&path),
            None => format!("(file {:x})", area.file.0),
        };
        AreaRow {
            vma: Hex(area.at.0),
            start: Hex(area.start.0),
            end: Hex(area.end.0),
            flags: Hex(area.flags),
            file: (!area.file.is_null()).then(path),
        }
    }

    /// As text.
    pub fn text(&self) -> String {
        let file = self.file.as_ref().map(|f| format!(" {f}")).unwrap_or_default();
        format!("{:016x} {:>10x} {:>10x} {:x}{file}", self.vma.0, self.start.0, self.end.0, self.flags.0)
    }
}

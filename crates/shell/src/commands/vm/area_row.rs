//! A line for a mapping, as `vm` and `vtop` show it.

use necropsy_base::VirtAddr;
use necropsy_kernel::vfs;
use necropsy_kernel::vma::Area;
use necropsy_report::{Hex, terminal_safe};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

/// A mapping of a process.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
        AreaRow {
            vma: Hex(area.at.0),
            start: Hex(area.start.0),
            end: Hex(area.end.0),
            flags: Hex(area.flags),
            file: (!area.file.is_null()).then(|| path(cx, area.file)),
        }
    }

    /// As text.
    pub fn text(&self) -> String {
        let file = self.file.as_ref().map(|f| format!(" {f}")).unwrap_or_default();
        format!("{:016x} {:>10x} {:>10x} {:x}{file}", self.vma.0, self.start.0, self.end.0, self.flags.0)
    }
}

/// The path of the `struct file` at an address; the address itself where that cannot be told.
pub fn path(cx: &Context, file: VirtAddr) -> String {
    let found = vfs::file(&cx.target, file).map(|f| f.path).ok();
    found.filter(|p| !p.is_empty()).map_or_else(|| format!("(file {:x})", file.0), |p| terminal_safe(&p))
}

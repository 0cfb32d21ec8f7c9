//! A line for a page, as several commands show it.

use necropsy_base::VirtAddr;
use necropsy_kernel::pages::{self, Page, Shape};
use necropsy_report::Hex;
use necropsy_target::Target;
use schemars::JsonSchema;
use serde::Serialize;

/// A page of memory by its `struct page`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PageRow {
    /// Its `struct page`.
    pub page: Hex,
    /// Its physical address.
    pub physical: Hex,
    /// What it caches or belongs to.
    pub mapping: Hex,
    /// Its place there.
    pub index: Hex,
    /// References.
    pub count: i32,
    /// The flags, with the zone and node in the upper bits.
    pub flags: Hex,
    /// Their names.
    pub names: Vec<String>,
}

impl PageRow {
    /// The columns.
    pub const HEADING: &'static str = "      PAGE       PHYSICAL      MAPPING       INDEX CNT FLAGS";

    /// The page that holds a physical address.
    pub fn of(t: &Target, physical: u64) -> Option<PageRow> {
        let shape = Shape::of(t).ok()?;
        PageRow::read(t, &shape, physical / t.page_size())
    }

    /// The page whose `struct page` (or folio) is there.
    pub fn at(t: &Target, page: VirtAddr) -> Option<PageRow> {
        let shape = Shape::of(t).ok()?;
        PageRow::read(t, &shape, shape.map.frame(page)?)
    }

    /// The page of this number.
    pub fn read(t: &Target, shape: &Shape, frame: u64) -> Option<PageRow> {
        pages::page(t, shape, frame).ok().map(|copied| PageRow::from(copied.page()))
    }

    /// The line for a page.
    pub fn from(page: Page<'_>) -> PageRow {
        PageRow {
            page: Hex(page.at().0),
            physical: Hex(page.memory().0),
            mapping: Hex(page.mapping()),
            index: Hex(page.index()),
            count: page.references().unwrap_or(0),
            flags: Hex(page.flags()),
            names: page.flag_names().into_iter().map(str::to_owned).collect(),
        }
    }

    /// The line.
    pub fn text(&self) -> String {
        let names = if self.names.is_empty() { String::new() } else { format!(" {}", self.names.join(",")) };
        format!(
            "{:016x} {:>8x} {:>16x} {:>8x} {:>2} {:x}{names}",
            self.page.0, self.physical.0, self.mapping.0, self.index.0, self.count, self.flags.0
        )
    }
}

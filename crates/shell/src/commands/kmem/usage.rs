//! `kmem -i`: how much memory is used for what.

use necropsy_base::MemoryExt;
use necropsy_kernel::meminfo::{self, Counter};
use necropsy_kernel::pages::{self, Shape};
use necropsy_kernel::{Target, mm, swap};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::{CommandError, Context, Sink};

#[derive(Serialize, JsonSchema)]
pub struct Row {
    name: &'static str,
    pages: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
}

impl Row {
    fn text(&self) -> String {
        let share = match (self.percent, self.of) {
            (Some(percent), Some(of)) => format!("{percent:>3}% of {of}"),
            _ => "   ----".into(),
        };
        format!("{:>13} {:>8} {:>12}  {share}", self.name, self.pages, size(self.bytes))
    }
}

fn size(bytes: u64) -> String {
    let unit = |shift: u32, name: &str| {
        let tenths = (u128::from(bytes) * 10 + (1 << (shift - 1))) >> shift;
        match tenths % 10 {
            0 => format!("{} {name}", tenths / 10),
            rest => format!("{}.{rest} {name}", tenths / 10),
        }
    };
    match bytes {
        0 => "0".into(),
        n if n >= 1 << 30 => unit(30, "GB"),
        n if n >= 1 << 20 => unit(20, "MB"),
        n => format!("{} KB", n >> 10),
    }
}

/// Shows it; counting what is `shared` means to look at all pages.
pub fn show(cx: &Context, shared: bool, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let mut table = Table { page: t.page_size(), out };
    let zones = meminfo::zone_table(t)?;
    let nodes = meminfo::node_table(t)?;
    let count = |list: &[Counter], names: &[&str]| {
        list.iter().find(|c| names.contains(&c.name.as_str())).map_or(0, |c| c.value.max(0) as u64)
    };
    let total = total(t);
    let free = count(&zones, &["NR_FREE_PAGES"]);
    let buffers = meminfo::buffers(t);
    let counted = nodes.iter().any(|c| c.name == "NR_SWAPCACHE");
    let swapped = if counted { count(&nodes, &["NR_SWAPCACHE"]) } else { swap::cached(t).unwrap_or(0) };
    let cached = count(&nodes, &["NR_FILE_PAGES"]).saturating_sub(swapped).saturating_sub(buffers);
    let slab = count(&nodes, &["NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE"])
        + count(&nodes, &["NR_SLAB_UNRECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE"]);
    table.out.heading("                 PAGES        TOTAL      PERCENTAGE")?;
    table.total("TOTAL MEM", total)?;
    let of = ("TOTAL MEM", total);
    table.part("FREE", free, of)?;
    table.part("USED", total.saturating_sub(free), of)?;
    if shared {
        table.part("SHARED", several_users(t)?, of)?;
    }
    table.part("BUFFERS", buffers, of)?;
    table.part("CACHED", cached, of)?;
    table.part("SLAB", slab, of)?;
    let huge = huge(t, &mut table)?;
    let swapped = swap(t, &mut table)?;
    commit(t, &mut table, total.saturating_sub(huge), swapped)
}

struct Table<'a> {
    page: u64,
    out: &'a mut dyn Sink,
}

impl Table<'_> {
    fn total(&mut self, name: &'static str, pages: u64) -> Result<(), CommandError> {
        let row = Row { name, pages, bytes: pages.saturating_mul(self.page), percent: None, of: None };
        Ok(self.out.row(&row, Row::text)?)
    }
    fn part(&mut self, name: &'static str, pages: u64, of: (&'static str, u64)) -> Result<(), CommandError> {
        let percent = (u128::from(pages) * 100).checked_div(u128::from(of.1)).unwrap_or(0);
        let (percent, bytes) = (Some(percent as u64), pages.saturating_mul(self.page));
        let row = Row { name, pages, bytes, percent, of: Some(of.0) };
        Ok(self.out.row(&row, Row::text)?)
    }
}

fn total(t: &Target) -> u64 {
    let at = t.symbol("_totalram_pages").or_else(|| t.symbol("totalram_pages"));
    let counted = at.and_then(|at| t.memory().word(at).ok());
    counted.unwrap_or_else(|| meminfo::zones(t).iter().map(|z| z.managed).sum())
}

/// Pages with more than one reference.
fn several_users(t: &Target) -> Result<u64, CommandError> {
    let shape = Shape::of(t)?;
    let look = |n: &mut u64, page: pages::Page<'_>| *n += u64::from(page.references() > Some(1));
    Ok(pages::fold(t, &shape, || 0, look).into_iter().sum())
}

/// Pages of hugetlbfs.
fn huge(t: &Target, table: &mut Table<'_>) -> Result<u64, CommandError> {
    let all = meminfo::huge_pages(t);
    let pages = |n: fn(&meminfo::HugePages) -> u64| {
        all.iter().fold(0u64, |sum, h| sum.saturating_add(n(h).saturating_mul(h.size) / table.page))
    };
    let (total, free) = (pages(|h| h.total), pages(|h| h.free));
    table.out.heading("")?;
    table.total("TOTAL HUGE", total)?;
    table.part("HUGE FREE", free, ("TOTAL HUGE", total))?;
    Ok(total)
}

fn swap(t: &Target, table: &mut Table<'_>) -> Result<u64, CommandError> {
    let areas = swap::areas(t).unwrap_or_else(|e| {
        table.out.note(&format!("swap: {e}"));
        Vec::new()
    });
    let total: u64 = areas.iter().map(|a| a.pages).sum();
    let used: u64 = areas.iter().map(|a| a.used).sum();
    table.out.heading("")?;
    table.total("TOTAL SWAP", total)?;
    table.part("SWAP USED", used, ("TOTAL SWAP", total))?;
    table.part("SWAP FREE", total.saturating_sub(used), ("TOTAL SWAP", total))?;
    Ok(total)
}

/// `vm_commit_limit()` (mm/util.c).
fn commit(t: &Target, table: &mut Table<'_>, memory: u64, swap: u64) -> Result<(), CommandError> {
    let word = |name: &str| t.symbol(name).and_then(|at| t.memory().word(at).ok());
    let ratio = t.symbol("sysctl_overcommit_ratio").and_then(|at| t.memory().u32(at).ok());
    let allowed = match (word("sysctl_overcommit_kbytes").filter(|kb| *kb > 0), ratio) {
        (Some(kb), _) => Some(kb.saturating_mul(1024) / table.page),
        (None, ratio) => ratio.map(|ratio| memory.saturating_mul(ratio.into()) / 100),
    };
    let committed = t.symbol("vm_committed_as").and_then(|at| mm::percpu_counter(t, at).ok());
    let (Some(allowed), Some(committed)) = (allowed, committed) else {
        table.out.note("the limit of what may be committed could not be read");
        return Ok(());
    };
    let limit = allowed.saturating_add(swap);
    table.out.heading("")?;
    table.total("COMMIT LIMIT", limit)?;
    table.part("COMMITTED", committed.max(0) as u64, ("TOTAL LIMIT", limit))
}

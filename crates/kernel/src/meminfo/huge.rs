//! Huge pages of hugetlbfs (`hstates`, mm/hugetlb.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Bytes, Load, Target};

/// No kernel has more sizes.
const MAX_SIZES: u32 = 16;

/// Huge pages of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugePages {
    /// Their `struct hstate`.
    pub at: VirtAddr,
    /// Bytes of one.
    pub size: u64,
    /// How many are not used.
    pub free: u64,
    /// How many there are.
    pub total: u64,
    /// The name of their directory in sysfs, escaped.
    pub name: String,
}

#[derive(Load)]
#[kernel(name = "hstate")]
struct Raw {
    order: u32,
    nr_huge_pages: u64,
    free_huge_pages: u64,
    name: Bytes<32>,
}

/// Those of each size that the kernel was set up for.
pub fn huge_pages(t: &Target) -> Vec<HugePages> {
    let Some((first, stride)) = t.symbol("hstates").zip(t.size_of("hstate").ok()) else { return Vec::new() };
    let count = t.symbol("hugetlb_max_hstate").map(|at| t.memory().u32(at));
    let count = count.and_then(|n| n.map_err(|e| t.note(format!("huge pages: {e}"))).ok()).unwrap_or(0);
    let one = |i: u32| {
        let at = first.offset(u64::from(i) * stride);
        let raw: Raw = t.load(at).map_err(|e| t.note(format!("huge pages: {e}"))).ok()?;
        let size = t.page_size().checked_shl(raw.order).filter(|n| n.is_power_of_two())?;
        let name = raw.name.0.escape_ascii().to_string();
        Some(HugePages { at, size, free: raw.free_huge_pages, total: raw.nr_huge_pages, name })
    };
    (0..count.min(MAX_SIZES)).filter_map(one).collect()
}

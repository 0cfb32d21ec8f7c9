//! Swap areas (`swap_info`, mm/swapfile.c; 4.19 to 7.2).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

/// `SWP_USED`, `SWP_BLKDEV` (include/linux/swap.h).
const USED: u64 = 1;
const BLOCK_DEVICE: u64 = 1 << 6;
/// `MAX_SWAPFILES` is below 32.
const MAX_AREAS: u64 = 64;

/// A swap area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its `struct swap_info_struct`.
    pub at: VirtAddr,
    /// Whether it is a partition, not a file.
    pub partition: bool,
    /// Its size in pages.
    pub pages: u64,
    /// Pages of it in use.
    pub used: u64,
    /// Its priority.
    pub priority: i64,
    /// Its `struct file`.
    pub file: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "swap_info_struct")]
struct Raw {
    flags: u64,
    prio: i16,
    pages: u32,
    #[kernel(any = "inuse_pages.counter|inuse_pages")]
    inuse: u64,
    swap_file: VirtAddr,
}

/// The upper bits of `inuse_pages` say where the area is listed (`SWAP_USAGE_OFFLIST_BIT`, 6.13 and later); pages are 32 bits.
const COUNT: u64 = 0xffff_ffff;

/// The swap areas in use.
pub fn areas(t: &Target) -> Result<Vec<Area>, LoadError> {
    let table = t.need_symbol("swap_info")?;
    let count = t.memory().u32(t.need_symbol("nr_swapfiles")?)?;
    let word = u64::from(t.abi().word);
    let mut out = Vec::new();
    for i in 0..u64::from(count).min(MAX_AREAS) {
        let at = t.memory().ptr(table.offset(i * word))?;
        let raw: Raw = t.load(at)?;
        if raw.flags & USED != 0 {
            out.push(Area {
                at,
                partition: raw.flags & BLOCK_DEVICE != 0,
                pages: raw.pages.into(),
                used: raw.inuse & COUNT,
                priority: raw.prio.into(),
                file: raw.swap_file,
            });
        }
    }
    Ok(out)
}

/// No area's cache is in more parts: one for each 64 MiB of it.
const MAX_PARTS: u64 = 1 << 20;

#[derive(Load)]
#[kernel(name = "address_space")]
struct Part {
    nrpages: u64,
}

/// Pages that are in swap and still in memory, where no counter says it (before 5.12): the sum over the parts of each area's cache
/// (`total_swapcache_pages()`, mm/swap_state.c, 4.11 and later).
pub fn cached(t: &Target) -> Result<u64, LoadError> {
    let (spaces, counts) = (t.need_symbol("swapper_spaces")?, t.need_symbol("nr_swapper_spaces")?);
    let areas = t.memory().u32(t.need_symbol("nr_swapfiles")?)?;
    let (word, size) = (u64::from(t.abi().word), t.size_of("address_space")?);
    let mut sum = 0u64;
    for i in 0..u64::from(areas).min(MAX_AREAS) {
        let (first, parts) =
            (t.memory().ptr(spaces.offset(i * word))?, t.memory().u32(counts.offset(4 * i))?);
        if first.is_null() {
            continue;
        }
        for part in 0..u64::from(parts).min(MAX_PARTS) {
            sum = sum.saturating_add(t.load::<Part>(first.offset(part * size))?.nrpages);
        }
    }
    Ok(sum)
}

/// A page in swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The `struct file` of the area.
    pub file: VirtAddr,
    /// Its place in the area, in pages.
    pub offset: u64,
}

/// Where the page of a page table entry that is not present is in swap. `None`: it is in none, or the entry says something else
/// (a page that moves, or one that is poisoned), or this CPU's way to write such entries is not known.
///
/// x86-64: five bits of the area's number at the top, below them the offset, inverted since 4.18 (`__swp_entry`,
/// arch/x86/include/asm/pgtable_64.h).
pub fn entry(t: &Target, raw: u64) -> Option<Entry> {
    const PRESENT: u64 = 1;
    if t.arch().name() != "x86_64" || raw == 0 || raw & PRESENT != 0 {
        return None;
    }
    place(t, raw >> 59, (!raw << 5) >> 14)
}

/// The same by what a shared file in memory has instead of the page: the area's number in the upper five of 63 bits (`swp_entry`,
/// include/linux/swapops.h).
pub fn by_value(t: &Target, value: u64) -> Option<Entry> {
    const TYPE: u32 = 58;
    place(t, value >> TYPE, value & ((1 << TYPE) - 1))
}

fn place(t: &Target, number: u64, offset: u64) -> Option<Entry> {
    let word = u64::from(t.abi().word);
    let at = t.memory().ptr(t.symbol("swap_info")?.offset(number * word)).ok()?;
    let area = areas(t).ok()?.into_iter().find(|a| a.at == at)?;
    (offset <= area.pages).then_some(Entry { file: area.file, offset })
}

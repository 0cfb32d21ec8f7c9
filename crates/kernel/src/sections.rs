//! Sections of physical memory (`mem_section`, mm/sparse.c) and the blocks of them that can be switched on and off
//! (`memory_blocks`, drivers/base/memory.c, 5.9 and later).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

use crate::containers;

/// No machine has more sections with memory.
const MAX_SECTIONS: u64 = 1 << 20;
/// The low bits of `section_mem_map` say what the section is (`SECTION_MARKED_PRESENT`, `SECTION_HAS_MEM_MAP`, …); 6 at most.
const FLAG_BITS: u64 = 0x3f;
const PRESENT: u64 = 1;
/// What a pointer and the room behind it take at most; the table of roots was never so small.
const POINTER: u64 = 64;
const STATES: [(u64, char); 4] = [(1, 'P'), (2, 'M'), (4, 'O'), (8, 'E')];

/// A section of physical memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its number.
    pub number: u64,
    /// Its `struct mem_section`.
    pub at: VirtAddr,
    /// Where its first page's `struct page` would be if it were page 0.
    pub coded: VirtAddr,
    /// The `struct page` of its first page.
    pub first: VirtAddr,
    /// Its first page.
    pub frame: u64,
    /// `P`resent, has a memory `M`ap, `O`nline, `E`arly.
    pub state: String,
}

#[derive(Load)]
#[kernel(name = "mem_section")]
struct Raw {
    section_mem_map: u64,
}

/// All sections that have memory.
pub fn sections(t: &Target) -> Result<Vec<Section>, LoadError> {
    let (table, size) = (t.need_symbol("mem_section")?, t.size_of("mem_section")?);
    let shift = section_shift(t).ok_or(LoadError::NoSymbol("SECTION_SIZE_BITS".into()))?;
    let stride = t.size_of("page").unwrap_or(0);
    let word = u64::from(t.abi().word);
    // Roots of a page each, from a table that is allocated since 4.15. Behind a pointer there may be a red zone of KASAN's.
    let roots = match t.near(table).and_then(|n| n.size) {
        Some(bytes) if bytes > POINTER => table,
        _ => t.memory().ptr(table)?,
    };
    let per_root = (t.page_size() / size.max(1)).max(1);
    let last = t.symbol("__highest_present_section_nr").and_then(|at| t.memory().word(at).ok());
    let last = last.unwrap_or(per_root).min(MAX_SECTIONS);
    let mut out = Vec::new();
    for root in 0..=last / per_root {
        let Ok(first) = t.memory().ptr(roots.offset(root * word)) else { break };
        if !t.arch().is_kernel(first) {
            continue;
        }
        for number in root * per_root..((root + 1) * per_root).min(last + 1) {
            let at = first.offset((number % per_root) * size);
            let Ok(raw) = t.load::<Raw>(at) else { break };
            out.extend(
                (raw.section_mem_map & PRESENT != 0).then(|| section(raw, number, at, shift, stride, t)),
            );
        }
    }
    Ok(out)
}

fn section(raw: Raw, number: u64, at: VirtAddr, shift: u32, stride: u64, t: &Target) -> Section {
    let coded = VirtAddr(raw.section_mem_map & !FLAG_BITS);
    let frame = number.checked_shl(shift).unwrap_or(0) / t.page_size();
    let set = STATES.iter().filter(|(bit, _)| raw.section_mem_map & bit != 0);
    let first = coded.offset(frame.wrapping_mul(stride));
    Section { number, at, coded, first, frame, state: set.map(|(_, letter)| letter).collect() }
}

/// How many pages a section has.
pub fn frames(t: &Target) -> Option<u64> {
    Some((1 << section_shift(t)?) / t.page_size())
}

/// A section's size as a power of two: in VMCOREINFO since 5.8, and on x86-64 always 27.
fn section_shift(t: &Target) -> Option<u32> {
    let told = t.meta().vmcoreinfo.as_ref().and_then(|info| info.number("SECTION_SIZE_BITS"));
    let told = told.map(|n| n as u32).or_else(|| (t.arch().name() == "x86_64").then_some(27));
    told.filter(|n| (12..48).contains(n))
}

/// A block of memory that can be switched on and off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its `struct memory_block`.
    pub at: VirtAddr,
    /// Its name in sysfs, escaped.
    pub name: String,
    /// Its first section.
    pub section: u64,
    /// Its first byte.
    pub start: u64,
    /// Its last byte.
    pub last: u64,
    /// Its NUMA node.
    pub node: i64,
    /// Whether it is in use.
    pub state: &'static str,
}

#[derive(Load)]
#[kernel(name = "memory_block")]
struct RawBlock {
    start_section_nr: u64,
    state: u64,
    nid: i32,
    #[kernel(path = "dev.kobj.name")]
    name: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "xarray")]
struct Array {
    xa_head: u64,
}

/// `MEM_ONLINE` … (include/linux/memory.h): bits up to 6.17, numbers of an enum since, the first three alike but for the third.
fn state(t: &Target, value: u64) -> &'static str {
    const OLD: [(u64, &str); 6] = [
        (1, "ONLINE"),
        (2, "GOING_OFFLINE"),
        (4, "OFFLINE"),
        (8, "GOING_ONLINE"),
        (16, "CANCEL_ONLINE"),
        (32, "CANCEL_OFFLINE"),
    ];
    let named = OLD
        .iter()
        .find(|(_, name)| t.enumerator("memory_block_state", &format!("MEM_{name}")) == Some(value));
    let has_enum = t.enumerator("memory_block_state", "MEM_ONLINE").is_some();
    let old = || OLD.iter().find(|(n, _)| *n == value && !has_enum);
    named.or_else(old).map_or("UNKNOWN", |(_, name)| name)
}

/// All blocks, by address.
pub fn blocks(t: &Target) -> Result<Vec<Block>, LoadError> {
    let head = t.load::<Array>(t.need_symbol("memory_blocks")?)?.xa_head;
    let shift = section_shift(t).ok_or(LoadError::NoSymbol("SECTION_SIZE_BITS".into()))?;
    let per_block = t.memory().u32(t.need_symbol("sections_per_block")?)?;
    let size = u64::from(per_block.max(1)) << shift;
    let block = |at: VirtAddr| {
        let raw: RawBlock = t.load(at).ok()?;
        let start = raw.start_section_nr.checked_shl(shift)?;
        let name = t.memory().cstr(raw.name, 64).unwrap_or_default().escape_ascii().to_string();
        let (section, last, node) = (raw.start_section_nr, start.saturating_add(size - 1), raw.nid.into());
        Some(Block { at, name, section, start, last, node, state: state(t, raw.state) })
    };
    let found = containers::xarray(t, head)?.or_note(t, "memory blocks");
    Ok(found.into_iter().filter_map(|(_, at)| block(at)).collect())
}

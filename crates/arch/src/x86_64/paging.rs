//! The page walk: four or five levels, huge pages at PUD and PMD (Intel SDM vol. 3, 4.5).

use necropsy_base::{PhysAddr, PhysMem, VirtAddr};

use crate::{Boot, BootFacts, Level, Mapping, PageTables, WalkError};

const NAMES: [&str; 5] = ["PGD", "P4D", "PUD", "PMD", "PTE"];
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const HUGE: u64 = 1 << 7;
/// Linux marks `PROT_NONE` mappings with the global bit while the present bit is off (pgtable_types.h).
const PROT_NONE: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;

/// `__START_KERNEL_map` (page_64_types.h): the image is mapped from here, moved by KASLR.
const IMAGE: u64 = 0xffff_ffff_8000_0000;
/// Where modules begin at the earliest: the image never reaches further (`KERNEL_IMAGE_SIZE`, 512 MiB without KASLR).
const IMAGE_SIZE: i64 = 0x4000_0000;

/// Where the kernel is. The image's physical place is `virtual - __START_KERNEL_map + phys_base`.
pub fn boot(facts: &dyn BootFacts) -> Result<Boot, &'static str> {
    let phys_base = facts.number("phys_base").or(facts.phys_base()).or_else(|| by_segment(facts));
    let phys_base = phys_base.ok_or("NUMBER(phys_base)")?;
    let root = ["swapper_pg_dir", "init_top_pgt", "init_level4_pgt"].iter().find_map(|s| facts.symbol(s));
    let root = root.ok_or("SYMBOL(swapper_pg_dir)")?;
    let told = facts.number("KERNEL_IMAGE_SIZE").filter(|n| (1..=IMAGE_SIZE).contains(n));
    let size = told.unwrap_or_else(|| likely_size(facts));
    let delta = IMAGE.wrapping_sub(phys_base as u64);
    let five = facts.number("pgtable_l5_enabled").unwrap_or(0) != 0;
    let ignored = facts.number("sme_mask").unwrap_or(0) as u64;
    let root = PhysAddr(root.wrapping_sub(delta) & ADDRESS);
    let (levels, va_bits) = if five { (5, 57) } else { (4, 48) };
    let tables = PageTables { root, levels, page_shift: 12, va_bits, ignored };
    Ok(Boot { image: IMAGE..IMAGE + size as u64, delta, linear: true, tables })
}

/// Older kernels do not say where their modules begin: 512 MiB after the image's first place, if they cannot move.
fn likely_size(facts: &dyn BootFacts) -> i64 {
    const FIXED: u64 = 0x2000_0000;
    const ROOM: u64 = 0x400_0000;
    let start = facts.symbol("_stext").map(|at| at.wrapping_sub(IMAGE));
    if start.is_some_and(|at| at < FIXED - ROOM) { FIXED as i64 } else { IMAGE_SIZE }
}

/// Before 4.10 VMCOREINFO does not say it, but kexec writes a segment for the kernel's image.
fn by_segment(facts: &dyn BootFacts) -> Option<i64> {
    let (virt, phys) = facts.mapped(&(IMAGE..IMAGE + IMAGE_SIZE as u64))?;
    Some(phys.wrapping_sub(virt.wrapping_sub(IMAGE)) as i64)
}

pub fn is_canonical(at: VirtAddr, tables: &PageTables) -> bool {
    let unused = 64 - u32::from(tables.va_bits.clamp(39, 57));
    ((at.0 << unused) as i64 >> unused) as u64 == at.0
}

pub fn translate(phys: &dyn PhysMem, tables: &PageTables, at: VirtAddr) -> Result<Mapping, WalkError> {
    if !is_canonical(at, tables) {
        return Err(WalkError::NonCanonical(at));
    }
    let five = tables.levels >= 5;
    let mut map = Mapping {
        phys: PhysAddr(0),
        size: 0,
        writable: true,
        user: true,
        executable: true,
        levels: Default::default(),
    };
    let mut table = tables.root.0;
    for (depth, name) in NAMES.into_iter().enumerate().filter(|(_, n)| five || *n != "P4D") {
        let shift = if !five && depth == 0 { 39 } else { 48 - 9 * depth as u32 };
        let entry_at = PhysAddr(table + (at.0 >> shift & 0x1ff) * 8);
        let mut raw = [0; 8];
        phys.read(entry_at, &mut raw).map_err(|cause| WalkError::Table { at, name, cause })?;
        let entry = u64::from_le_bytes(raw);
        map.levels[depth] = Level { name, entry_at, entry };
        let protected_none = name == "PTE" && entry & PROT_NONE != 0;
        if entry & PRESENT == 0 && !protected_none {
            return Err(WalkError::NotMapped { at, level: map.levels[depth], levels: Box::new(map.levels) });
        }
        map.writable &= entry & WRITABLE != 0;
        map.user &= entry & USER != 0;
        map.executable &= entry & NO_EXECUTE == 0;
        table = entry & ADDRESS & !tables.ignored;
        if name == "PTE" || entry & HUGE != 0 && matches!(name, "PUD" | "PMD") {
            map.size = 1 << shift;
            let inside = map.size - 1;
            map.phys = PhysAddr(table & !inside | at.0 & inside);
            return Ok(map);
        }
    }
    Err(WalkError::NonCanonical(at)) // not reached: the PTE level always ends the walk
}

#[cfg(test)]
#[path = "paging_tests.rs"]
mod tests;

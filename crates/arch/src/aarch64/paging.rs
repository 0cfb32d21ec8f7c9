//! The page walk: three to five levels of 4, 16 or 64 KiB pages (Arm ARM, D8).

use necropsy_base::{PhysAddr, PhysMem, VirtAddr};

use crate::{Boot, BootFacts, Level, Mapping, PageTables, WalkError};

/// The last `levels` of these are used.
const NAMES: [&str; 5] = ["PGD", "P4D", "PUD", "PMD", "PTE"];
const VALID: u64 = 1;
/// Table or, at the last level, page; without it, a block.
const TABLE: u64 = 2;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const KERNEL_NO_EXECUTE: u64 = 1 << 53;

/// No kernel image is larger; it lies in the vmalloc area, so nothing behind its end may be taken for it.
const IMAGE_SIZE: u64 = 128 << 20;

pub fn boot(facts: &dyn BootFacts) -> Result<Boot, &'static str> {
    let delta = facts.number("kimage_voffset").ok_or("NUMBER(kimage_voffset)")? as u64;
    let root = facts.symbol("swapper_pg_dir").ok_or("SYMBOL(swapper_pg_dir)")?;
    let text = facts.symbol("_stext").ok_or("SYMBOL(_stext)")?;
    // What the CPU really uses: kernels built for 52 bits run on CPUs that have 48.
    let bits = facts.number("TCR_EL1_T1SZ").map(|t| 64 - t).or(facts.number("VA_BITS"));
    let bits = bits.filter(|b| (36..=52).contains(b)).ok_or("NUMBER(VA_BITS)")? as u8;
    let page_shift = facts.page_shift();
    let levels = (bits - page_shift).div_ceil(page_shift - 3);
    let root = PhysAddr(root.wrapping_sub(delta));
    let tables = PageTables { root, levels, page_shift, va_bits: bits, ignored: 0 };
    let start = text & !0x1f_ffff;
    Ok(Boot { image: start..start.saturating_add(IMAGE_SIZE), delta, linear: false, tables })
}

pub fn is_canonical(at: VirtAddr, tables: &PageTables) -> bool {
    let top = u64::MAX << tables.va_bits;
    at.0 & top == top || at.0 & top == 0
}

pub fn translate(phys: &dyn PhysMem, tables: &PageTables, at: VirtAddr) -> Result<Mapping, WalkError> {
    if !is_canonical(at, tables) {
        return Err(WalkError::NonCanonical(at));
    }
    let shift = u32::from(tables.page_shift);
    let per_level = shift - 3;
    let levels = usize::from(tables.levels.clamp(1, 5));
    let mut map = Mapping {
        phys: PhysAddr(0),
        size: 0,
        writable: true,
        user: true,
        executable: true,
        levels: Default::default(),
    };
    let mut table = tables.root.0;
    for (depth, name) in NAMES.into_iter().enumerate().skip(5 - levels) {
        let low = shift + per_level * (4 - depth as u32);
        // The top table may be smaller than a page: only the bits the CPU translates count.
        let bits = (u32::from(tables.va_bits) - low).min(per_level);
        let entry_at = PhysAddr(table + (at.0 >> low & ((1 << bits) - 1)) * 8);
        let mut raw = [0; 8];
        phys.read(entry_at, &mut raw).map_err(|cause| WalkError::Table { at, name, cause })?;
        let entry = u64::from_le_bytes(raw);
        map.levels[depth] = Level { name, entry_at, entry };
        if entry & VALID == 0 || depth == 4 && entry & TABLE == 0 {
            return Err(WalkError::NotMapped { at, level: map.levels[depth], levels: Box::new(map.levels) });
        }
        table = address(entry, shift);
        if entry & TABLE == 0 || depth == 4 {
            map.size = 1 << low;
            map.user = entry & USER != 0;
            map.writable = entry & READ_ONLY == 0;
            map.executable = entry & KERNEL_NO_EXECUTE == 0;
            let inside = map.size - 1;
            map.phys = PhysAddr(table & !inside | at.0 & inside);
            return Ok(map);
        }
    }
    Err(WalkError::NonCanonical(at)) // not reached: the last level always ends the walk
}

/// The address in an entry; with 64 KiB pages bits 12 to 15 are its bits 48 to 51.
fn address(entry: u64, shift: u32) -> u64 {
    let low = entry & 0x0000_ffff_ffff_f000 & (u64::MAX << shift);
    if shift == 16 { low | (entry >> 12 & 0xf) << 48 } else { low }
}

#[cfg(test)]
#[path = "paging_tests.rs"]
mod tests;

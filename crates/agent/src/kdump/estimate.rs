//! How large a dump would be now, and how much memory the capture kernel needs.

use super::meminfo::MemInfo;

/// An estimate and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// At most so many bytes, before compression.
    pub bytes: u64,
    /// How it was found.
    pub how: String,
}

/// Levels of `makedumpfile -d`.
const CACHE: u32 = 2;
const PRIVATE_CACHE: u32 = 4;
const USER: u32 = 8;
const FREE: u32 = 16;
/// Text, data and tables of the kernel itself, and what no counter of /proc/meminfo has.
const UNCOUNTED: u64 = 64 << 20;
/// `struct page` of each 4 KiB page is 64 bytes, and is in the dump.
const PAGE_STRUCTS: u64 = 64;

/// How large a dump of the memory as it is used now would be, when pages of that level are left out.
///
/// What is left out is taken away from the total: what no counter knows is thus in the dump.
pub fn dump(memory: &MemInfo, level: u32) -> Estimate {
    let mut bytes = memory.total;
    let mut left_out = Vec::new();
    let mut without = |flag: u32, name: &'static str, size: u64| {
        if level & flag != 0 {
            bytes = bytes.saturating_sub(size);
            left_out.push(name);
        }
    };
    without(FREE, "free", memory.free);
    let cache = memory.cached.saturating_add(memory.buffers).saturating_add(memory.swap_cached);
    if level & PRIVATE_CACHE != 0 {
        without(CACHE, "cache", cache);
    } else {
        // Pages with buffers stay in: how many there are no counter says.
        without(CACHE, "cache", 0);
    }
    without(USER, "user", memory.anonymous.saturating_add(memory.huge));
    let counted = [memory.slab, memory.stacks, memory.page_tables, memory.percpu];
    let least = counted.iter().fold(UNCOUNTED, |sum, n| sum.saturating_add(*n));
    let least = least.saturating_add(memory.total / 4096 * PAGE_STRUCTS).min(memory.total);
    let how = match left_out[..] {
        [] => "all memory".to_owned(),
        _ => format!("all memory but {} pages, by /proc/meminfo", left_out.join(", ")),
    };
    Estimate { bytes: bytes.max(least), how }
}

/// What the capture kernel needs: itself, its initramfs three times (packed, unpacked, and the page cache of what runs), what
/// user space and makedumpfile take. This is kdump-utils' rule (`kdumpctl estimate`).
pub fn reservation(kernel: u64, initramfs: u64) -> u64 {
    const USER_SPACE: u64 = 16 << 20;
    const MAKEDUMPFILE: u64 = 32 << 20;
    kernel.saturating_add(initramfs.saturating_mul(3)).saturating_add(USER_SPACE + MAKEDUMPFILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_level() {
        const G: u64 = 1 << 30;
        let m = MemInfo { total: 16 * G, free: 4 * G, cached: 6 * G, anonymous: 3 * G, ..MemInfo::default() };
        assert_eq!(dump(&m, 31).bytes, 3 * G);
        assert_eq!(dump(&m, 0).bytes, 16 * G);
        assert_eq!(dump(&m, 1).bytes, 16 * G);
        assert_eq!(dump(&m, 16).bytes, 12 * G);
        assert_eq!(dump(&m, 2).bytes, 16 * G);
        let all = MemInfo { total: G, free: G, ..MemInfo::default() };
        assert_eq!(dump(&all, 31).bytes, UNCOUNTED + G / 64);
    }
}

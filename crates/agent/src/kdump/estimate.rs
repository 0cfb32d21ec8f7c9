//! How large a dump would be now, and how much memory the capture kernel needs.

use serde::Serialize;

use super::meminfo::MemInfo;
use super::pages::{Census, Kind};

/// What is known of how memory is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Each page, or each of an even sample, by /proc/kpageflags.
    PageTypes,
    /// The counters of /proc/meminfo.
    Meminfo,
}

/// Pages of one use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Their use.
    pub kind: &'static str,
    /// How much memory they are.
    pub bytes: u64,
    /// Whether they are in the dump.
    pub dumped: bool,
}

/// An estimate and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// At most so many bytes: nothing compressed, and no page that is all zeros left out.
    #[serde(rename = "at_most_bytes")]
    pub bytes: u64,
    /// What it will rather be.
    pub likely_bytes: u64,
    /// By how much `bytes` may be wrong because not all pages were looked at.
    pub error_bytes: u64,
    /// Where it comes from.
    pub source: Source,
    /// The parts that were told apart.
    pub parts: Vec<Part>,
}

impl Estimate {
    /// How it was found, in words.
    pub fn how(&self) -> String {
        let out: Vec<&str> = self.parts.iter().filter(|p| !p.dumped).map(|p| p.kind).collect();
        let what = match out[..] {
            [] => "all memory".to_owned(),
            _ => format!("all memory but {} pages", out.join(", ")),
        };
        match (self.source, self.error_bytes) {
            (Source::Meminfo, _) => format!("{what}, by /proc/meminfo"),
            (Source::PageTypes, 0) => format!("{what}, by page types"),
            (Source::PageTypes, e) => {
                format!("{what}, by page types of a sample, give or take {}", crate::bytes(e))
            }
        }
    }
}

/// How the dump is written, as far as its size goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    /// `makedumpfile -d`.
    pub level: u32,
    /// Whether it is compressed.
    pub compressed: bool,
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
/// What compression leaves of a kernel's pages: of 110 dumps of ours a third with LZO, a quarter to a fifth with zlib.
const COMPRESSED: u64 = 3;

impl Writer {
    /// Whether pages are in the dump.
    fn keeps(self, kind: Kind) -> bool {
        let kept = |flag| self.level & flag == 0;
        match kind {
            Kind::Kernel => true,
            Kind::Cache => kept(CACHE) && kept(PRIVATE_CACHE),
            Kind::PrivateCache => kept(PRIVATE_CACHE),
            Kind::User => kept(USER),
            Kind::Free => kept(FREE),
            Kind::Unusable | Kind::Hole => false,
        }
    }

    fn estimate(self, bytes: u64, error_bytes: u64, source: Source, parts: Vec<Part>) -> Estimate {
        let likely_bytes = if self.compressed { bytes / COMPRESSED } else { bytes };
        Estimate { bytes, likely_bytes, error_bytes, source, parts }
    }
}

/// How large a dump would be, by what each page is used for.
///
/// `free` is what the kernel itself counts as free: kernels before 4.6 mark only the first page of each free block.
pub fn by_pages(census: &Census, page_size: u64, free: u64, writer: Writer) -> Estimate {
    const NAMED: &[(Kind, &str)] = &[
        (Kind::Free, "free"),
        (Kind::Cache, "cache"),
        (Kind::PrivateCache, "private cache"),
        (Kind::User, "user"),
        (Kind::Unusable, "broken or offline"),
    ];
    let size = |kind| census.pages(kind).saturating_mul(page_size);
    let unmarked = match size(Kind::Free) {
        marked if marked < free / 2 => free - marked,
        _ => 0,
    };
    let kernel = size(Kind::Kernel).saturating_sub(unmarked);
    let mut parts = vec![Part { kind: "kernel", bytes: kernel, dumped: true }];
    for (kind, name) in NAMED {
        let bytes = size(*kind).saturating_add(if *kind == Kind::Free { unmarked } else { 0 });
        parts.extend((bytes > 0).then_some(Part { kind: name, bytes, dumped: writer.keeps(*kind) }));
    }
    let bytes = parts.iter().filter(|p| p.dumped).map(|p| p.bytes).fold(0, u64::saturating_add);
    let error = census.error(|kind| writer.keeps(kind)).saturating_mul(page_size);
    writer.estimate(bytes, error, Source::PageTypes, parts)
}

/// How large a dump would be, by the kernel's counters.
///
/// What is left out is taken away from the total: what no counter knows is thus in the dump.
pub fn by_meminfo(memory: &MemInfo, writer: Writer) -> Estimate {
    // Of the cache's pages some have buffers, and stay in unless private ones go, too: how many there are no counter says.
    let cache = memory.cached.saturating_add(memory.buffers).saturating_add(memory.swap_cached);
    let named = [
        ("free", memory.free, writer.keeps(Kind::Free)),
        ("cache", cache, writer.keeps(Kind::PrivateCache)),
        ("user", memory.anonymous.saturating_add(memory.huge), writer.keeps(Kind::User)),
    ];
    let parts: Vec<Part> = named.map(|(kind, bytes, dumped)| Part { kind, bytes, dumped }).to_vec();
    let out = parts.iter().filter(|p| !p.dumped).map(|p| p.bytes).fold(0, u64::saturating_add);
    let counted = [memory.slab, memory.stacks, memory.page_tables, memory.percpu];
    let least = counted.iter().fold(UNCOUNTED, |sum, n| sum.saturating_add(*n));
    let least = least.saturating_add(memory.total / 4096 * PAGE_STRUCTS).min(memory.total);
    writer.estimate(memory.total.saturating_sub(out).max(least), 0, Source::Meminfo, parts)
}

/// What the capture kernel needs: itself, its initramfs three times (packed, unpacked, and the page cache of what runs), what
/// user space and makedumpfile take. This is kdump-utils' rule (`kdumpctl estimate`).
pub fn reservation(kernel: u64, initramfs: u64) -> u64 {
    const USER_SPACE: u64 = 16 << 20;
    const MAKEDUMPFILE: u64 = 32 << 20;
    kernel.saturating_add(initramfs.saturating_mul(3)).saturating_add(USER_SPACE + MAKEDUMPFILE)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // One range of memory is meant.
mod tests {
    use super::*;

    fn writer(level: u32) -> Writer {
        Writer { level, compressed: true }
    }

    #[test]
    fn counters_by_level() {
        const G: u64 = 1 << 30;
        let m = MemInfo { total: 16 * G, free: 4 * G, cached: 6 * G, anonymous: 3 * G, ..MemInfo::default() };
        let bytes = |level| by_meminfo(&m, writer(level)).bytes;
        assert_eq!([31, 0, 1, 16, 2].map(bytes), [3 * G, 16 * G, 16 * G, 12 * G, 16 * G]);
        assert_eq!(by_meminfo(&m, writer(31)).likely_bytes, G);
        assert_eq!(by_meminfo(&m, Writer { level: 31, compressed: false }).likely_bytes, 3 * G);
        let all = MemInfo { total: G, free: G, ..MemInfo::default() };
        assert_eq!(by_meminfo(&all, writer(31)).bytes, UNCOUNTED + G / 64);
    }

    #[test]
    fn page_types_by_level() {
        // Six of the kernel's, two of the cache, one with buffers, three of processes, four free, one broken.
        let flags = [
            0,
            0,
            0,
            0,
            0,
            0,
            32,
            32,
            1 << 35 | 32,
            1 << 12,
            1 << 12,
            1 << 12,
            1024,
            1024,
            1024,
            1024,
            1 << 19,
        ];
        let bytes: Vec<u8> = flags.iter().flat_map(|f: &u64| f.to_ne_bytes()).collect();
        let census = Census::of(std::io::Cursor::new(bytes), &[0..17]).unwrap();
        let pages = |level| by_pages(&census, 1, 4, writer(level)).bytes;
        assert_eq!([31, 0, 1, 2, 4, 8, 16].map(pages), [6, 16, 16, 14, 13, 13, 12]);
        assert!(
            by_pages(&census, 1, 4, writer(17))
                .how()
                .contains("but free, broken or offline pages, by page types")
        );
        // A kernel that marks one of eight free pages: the others look like its own.
        let bytes: Vec<u8> =
            [0u64, 0, 0, 0, 0, 0, 0, 0, 0, 1024].iter().flat_map(|f| f.to_ne_bytes()).collect();
        let census = Census::of(std::io::Cursor::new(bytes), &[0..10]).unwrap();
        assert_eq!(by_pages(&census, 4096, 8 * 4096, writer(31)).bytes, 2 * 4096);
    }
}

//! Pages: what their `struct page` says they are (include/linux/page-flags.h, include/linux/mm_types.h; 4.19 to 7.2), and a fast way
//! to look at all of them.
//!
//! Flags have their names from `enum pageflags`. What is no page cache and not anonymous may have a type, in the place where mapped
//! pages count their mappings: a byte named by `enum pagetype` since 6.12, single bits before, of which VMCOREINFO has some.

use std::ops::Range;

use necropsy_base::{Abi, MemoryExt, PhysAddr, VirtAddr};
use necropsy_debuginfo::{Kind, Type};
use necropsy_target::{LoadError, Target};

use crate::memmap::Memmap;
use crate::parallel;

/// Pages looked at by one thread at a time.
const STEP: u64 = 4096;
/// `PAGE_MAPPING_ANON` (include/linux/page-flags.h).
const MAPPING_ANON: u64 = 1;
/// The types of pages before there was an enum, as `~PG_buddy` and so on (4.20 to 6.9).
const OLD_TYPES: &[(&str, u32)] =
    &[("buddy", !0x80), ("offline", !0x100), ("table", !0x200), ("guard", !0x400), ("hugetlb", !0x800)];

/// Where the members of `struct page` are, and what its bits mean.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where all of them are.
    pub map: Memmap,
    /// Names of the flags, by bit.
    pub flags: Vec<(u32, String)>,
    /// Names of the types, each as what `page_type` holds, and the mask of it that counts.
    pub types: Vec<(String, u32, u32)>,
    abi: Abi,
    flags_at: usize,
    head_at: Option<usize>,
    type_at: Option<usize>,
    count_at: Option<usize>,
    mapping_at: Option<usize>,
    index_at: Option<usize>,
    slab: Slab,
}

/// How a page of a slab is recognised.
#[derive(Clone, Copy, Debug)]
enum Slab {
    Flag(u32),
    Type(u32),
    Unknown,
}

impl Shape {
    /// That of this kernel.
    pub fn of(t: &Target) -> Result<Shape, LoadError> {
        let map = Memmap::of(t).ok_or_else(|| LoadError::NoSymbol("vmemmap_base".into()))?;
        let at =
            |paths: &str| t.offset_of("page", paths).ok().filter(|o| *o < map.stride).map(|o| o as usize);
        let number = |name: &str| t.meta().vmcoreinfo.as_ref().and_then(|info| info.number(name));
        let types = types(t);
        let by_type = types.iter().find(|(name, ..)| name == "slab").map(|(_, value, _)| *value);
        let by_type = number("PAGE_SLAB_MAPCOUNT_VALUE").map(|n| n as u32).or(by_type);
        let slab =
            match (number("PG_slab").or_else(|| Some(t.enumerator("pageflags", "PG_slab")? as i64)), by_type)
            {
                (Some(bit @ 0..64), _) => Slab::Flag(bit as u32),
                (_, Some(value)) => Slab::Type(value >> 24),
                _ => Slab::Unknown,
            };
        Ok(Shape {
            abi: t.abi(),
            flags: flags(t),
            types,
            flags_at: at("flags.f|flags").unwrap_or(0),
            head_at: at("compound_head|compound_info"),
            type_at: at("page_type|_mapcount"),
            count_at: at("_refcount|_count"),
            mapping_at: at("mapping"),
            // Renamed in 6.16.
            index_at: at("index|__folio_index"),
            slab,
            map,
        })
    }
}

/// The flags of `enum pageflags`; of several names for one bit the first counts, the others are used by single subsystems.
fn flags(t: &Target) -> Vec<(u32, String)> {
    let mut out: Vec<(u32, String)> = Vec::new();
    for (name, bit) in enumerators(t, "pageflags") {
        if let Some(name) = name.strip_prefix("PG_")
            && bit < 64
            && !out.iter().any(|(b, _)| i64::from(*b) == bit)
        {
            out.push((bit as u32, name.to_owned()));
        }
    }
    out
}

/// All flags of `enum pageflags` as the kernel names them, those that share a bit too.
pub fn flag_table(t: &Target) -> Vec<(String, u32)> {
    let all = enumerators(t, "pageflags").into_iter();
    all.filter(|(name, bit)| name.starts_with("PG_") && (0..64).contains(bit))
        .map(|(name, bit)| (name, bit as u32))
        .collect()
}

fn types(t: &Target) -> Vec<(String, u32, u32)> {
    let named = enumerators(t, "pagetype").into_iter().filter_map(|(name, value)| {
        Some((name.strip_prefix("PGTY_")?.to_owned(), (value as u32) << 24, 0xff00_0000))
    });
    let named: Vec<_> = named.collect();
    if !named.is_empty() {
        return named;
    }
    let info = t.meta().vmcoreinfo.as_ref();
    let told =
        |name: &str| Some(info?.number(&format!("PAGE_{}_MAPCOUNT_VALUE", name.to_uppercase()))? as u32);
    OLD_TYPES
        .iter()
        .map(|(name, value)| ((*name).to_owned(), told(name).unwrap_or(*value), u32::MAX))
        .collect()
}

fn enumerators(t: &Target, of: &str) -> Vec<(String, i64)> {
    let found = || {
        let types = t.types().ok()?;
        match types.get(types.find(Kind::Enum, of)?).ok()? {
            Type::Enum { values, .. } => {
                Some(values.iter().map(|(n, v)| (n.as_str().to_owned(), *v as i64)).collect())
            }
            _ => None,
        }
    };
    found().unwrap_or_default()
}

/// One page, as its `struct page` describes it.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    shape: &'a Shape,
    bytes: &'a [u8],
    /// Its number.
    pub frame: u64,
}

impl Page<'_> {
    fn uint(&self, at: Option<usize>, size: usize) -> Option<u64> {
        Some(self.shape.abi.uint(self.bytes.get(at?..)?.get(..size)?))
    }

    /// Where its `struct page` is.
    pub fn at(&self) -> VirtAddr {
        self.shape.map.page(self.frame)
    }

    /// The physical memory it is.
    pub fn memory(&self) -> PhysAddr {
        PhysAddr(self.frame.wrapping_mul(self.shape.map.page_size))
    }

    /// Its flags.
    pub fn flags(&self) -> u64 {
        self.uint(Some(self.shape.flags_at), self.shape.abi.word.into()).unwrap_or(0)
    }

    /// Whether a flag is set, by its name without `PG_`.
    pub fn has(&self, flag: &str) -> bool {
        let bit = self.shape.flags.iter().find(|(_, name)| name == flag);
        bit.is_some_and(|(bit, _)| self.flags() >> bit & 1 == 1)
    }

    /// Names of the flags that are set.
    pub fn flag_names(&self) -> Vec<&str> {
        let set = |(bit, _): &&(u32, String)| self.flags() >> bit & 1 == 1;
        self.shape.flags.iter().filter(set).map(|(_, name)| name.as_str()).collect()
    }

    /// How many references there are; zero for free pages.
    pub fn references(&self) -> Option<i32> {
        self.uint(self.shape.count_at, 4).map(|n| n as u32 as i32)
    }

    /// What is in the place of the page's type, which pages that are mapped use for a count.
    pub fn raw_type(&self) -> Option<u32> {
        self.uint(self.shape.type_at, 4).map(|n| n as u32)
    }

    /// Its type, if it has one.
    pub fn type_name(&self) -> Option<&str> {
        let raw = self.raw_type()?;
        // A count of mappings begins with -1.
        let named = self.shape.types.iter().find(|(_, value, mask)| raw & mask == *value && raw != u32::MAX);
        named.map(|(name, ..)| name.as_str())
    }

    /// `mapping`: the file's, or tagged the anonymous memory's.
    pub fn mapping(&self) -> u64 {
        self.uint(self.shape.mapping_at, self.shape.abi.word.into()).unwrap_or(0)
    }

    /// Its place in what `mapping` says.
    pub fn index(&self) -> u64 {
        self.uint(self.shape.index_at, self.shape.abi.word.into()).unwrap_or(0)
    }

    /// The word at an offset of `struct page`.
    pub fn word_at(&self, offset: u64) -> Option<u64> {
        self.uint(usize::try_from(offset).ok(), 8)
    }

    /// Whether it is anonymous memory of a process.
    pub fn is_anonymous(&self) -> bool {
        self.mapping() & MAPPING_ANON != 0
    }

    /// Whether it is one of a group, but not the first.
    pub fn is_tail(&self) -> bool {
        self.uint(self.shape.head_at, self.shape.abi.word.into()).is_some_and(|head| head & 1 == 1)
    }

    /// The `struct page` that speaks for it: its own, or that of its group's first page.
    pub fn head(&self) -> VirtAddr {
        let info = self.uint(self.shape.head_at, self.shape.abi.word.into()).unwrap_or(0);
        match info & 1 {
            1 => head_of(&self.shape.map, self.at(), info).unwrap_or(self.at()),
            _ => self.at(),
        }
    }

    /// Whether it is one of a slab (its first page's `struct page` says so).
    pub fn is_slab(&self) -> bool {
        match self.shape.slab {
            Slab::Flag(bit) => self.flags() >> bit & 1 == 1,
            Slab::Type(byte) => self.raw_type().is_some_and(|raw| raw >> 24 == byte),
            Slab::Unknown => false,
        }
    }
}

/// The first page of a group, by what the others have in `compound_head`: its address plus one; where this is `compound_info`
/// (7.1 on), it may also be a mask that the address of the page itself is cut with.
pub(crate) fn head_of(map: &Memmap, page: VirtAddr, info: u64) -> Option<VirtAddr> {
    let named = VirtAddr(info - 1);
    let masked = VirtAddr(page.0 & (info - 1));
    [named, masked]
        .into_iter()
        .find(|at| at.0 <= page.0 && at.0 >= map.base.0 && (at.0 - map.base.0).is_multiple_of(map.stride))
}

/// The `struct page` at a page frame, copied out of memory.
#[derive(Clone, Debug)]
pub struct Copied {
    shape: Shape,
    bytes: Vec<u8>,
    frame: u64,
}

impl Copied {
    /// To look at.
    pub fn page(&self) -> Page<'_> {
        Page { shape: &self.shape, bytes: &self.bytes, frame: self.frame }
    }
}

/// One page by its frame number.
pub fn page(t: &Target, shape: &Shape, frame: u64) -> Result<Copied, LoadError> {
    let bytes = t.memory().bytes(shape.map.page(frame), shape.map.stride as usize)?;
    Ok(Copied { shape: shape.clone(), bytes, frame })
}

/// Folds over all pages of RAM whose `struct page` is in the dump: `make` begins a part, `look` adds a page to it; the parts in
/// the order of their pages. Runs on all CPUs, and ends early when the target's budget is used up.
pub fn fold<R: Send>(
    t: &Target,
    shape: &Shape,
    make: impl Fn() -> R + Sync,
    look: impl Fn(&mut R, Page<'_>) + Sync,
) -> Vec<R> {
    let part = |frames: &Range<u64>| {
        let mut part = make();
        each(t, shape, frames.clone(), &mut |page| look(&mut part, page));
        part
    };
    parallel::map(&steps(t, shape), part)
}

/// Looks at all pages of RAM in their order, until `look` says no.
pub fn walk(t: &Target, shape: &Shape, look: &mut dyn FnMut(Page<'_>) -> bool) {
    let mut more = true;
    for frames in steps(t, shape) {
        each(t, shape, frames, &mut |page| more = more && look(page));
        if !more {
            break;
        }
    }
}

/// The frame numbers of the pages that `wanted` accepts.
pub fn select(t: &Target, wanted: impl Fn(&Page<'_>) -> bool + Sync) -> Result<Vec<u64>, LoadError> {
    let shape = Shape::of(t)?;
    let look = |found: &mut Vec<u64>, page: Page<'_>| {
        if wanted(&page) {
            found.push(page.frame);
        }
    };
    Ok(fold(t, &shape, Vec::new, look).concat())
}

/// All RAM in pieces.
fn steps(t: &Target, shape: &Shape) -> Vec<Range<u64>> {
    let Some(phys) = t.phys() else { return Vec::new() };
    let mut out = Vec::new();
    for ram in phys.ram().iter() {
        let (mut from, to) = (ram.start.0 / shape.map.page_size, ram.end.0 / shape.map.page_size);
        while from < to {
            let end = (from / STEP + 1).saturating_mul(STEP).min(to);
            out.push(from..end);
            from = end;
        }
    }
    out
}

/// A hole in the array costs the pages that one page of it describes, no more.
fn each(t: &Target, shape: &Shape, frames: Range<u64>, look: &mut dyn FnMut(Page<'_>)) {
    if t.budget().step().is_err() || some(t, shape, frames.clone(), look) {
        return;
    }
    let per_page = (shape.map.page_size / shape.map.stride).max(1);
    let mut at = frames.start;
    while at < frames.end && t.budget().step().is_ok() {
        let end = (at / per_page + 1).saturating_mul(per_page).min(frames.end);
        some(t, shape, at..end, look);
        at = end;
    }
}

/// Looks at a few pages whose descriptions can be read at once; whether they could.
fn some(t: &Target, shape: &Shape, frames: Range<u64>, look: &mut dyn FnMut(Page<'_>)) -> bool {
    let stride = shape.map.stride as usize;
    let len = (frames.end - frames.start) as usize * stride;
    let Ok(bytes) = t.memory().bytes(shape.map.page(frames.start), len) else { return false };
    bytes.chunks_exact(stride).zip(frames).for_each(|(bytes, frame)| look(Page { shape, bytes, frame }));
    true
}

//! Physical memory out of the parts of a dump.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use necropsy_base::{Cache, PhysAddr, PhysMem, RangeSet, ReadError, Why};

use super::bitmap;
use super::codec;
use super::header::Header;
use super::part::{Desc, DumpPart};

/// Bytes of decompressed pages that are kept.
const CACHE: u64 = 16 << 20;
/// Reads of so many bytes go past the cache.
const BULK: usize = 64 << 10;
/// Pages per step of a large read.
const STEP: usize = 256;
/// Bytes per read of the file in a large read.
const SPAN: u64 = 1 << 20;
/// Bytes between pages in the file that are read and thrown away rather than read around.
const GAP: u64 = 4096;
/// More ranges of RAM than any firmware reports.
const MAX_RANGES: usize = 1 << 20;

/// At dump level 1 nothing but pages of zeros is left out: such a page is not lost.
const ONLY_ZEROS: Why = Why::Filtered(1);

mod front;
mod scan;

thread_local! {
    /// Compressed bytes on their way.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The physical memory in a kdump-compressed dump.
pub(super) struct KdumpMemory {
    /// In order of page frames, not overlapping.
    parts: Vec<DumpPart>,
    size: usize,
    shift: u32,
    max_pfn: u64,
    pages: Cache<[u8]>,
    /// makedumpfile writes one page of zeros in each file, for all: where, and its bytes.
    zero: OnceLock<(u64, Desc, Arc<[u8]>)>,
    ram: OnceLock<RangeSet<PhysAddr>>,
    zeros: Arc<[u8]>,
    /// Which of all memories of this process it is.
    number: u64,
}

/// A page of a large read: where it is in the file.
struct Located<'a> {
    part: &'a DumpPart,
    desc: Desc,
}

impl KdumpMemory {
    /// Memory out of `parts`, which are in order.
    pub(super) fn new(parts: Vec<DumpPart>, header: &Header) -> Self {
        KdumpMemory {
            max_pfn: header.max_mapnr,
            parts,
            size: header.block_size as usize,
            shift: header.block_size.trailing_zeros(),
            pages: Cache::new((CACHE / header.block_size) as usize),
            zero: OnceLock::new(),
            ram: OnceLock::new(),
            zeros: std::iter::repeat_n(0, header.block_size as usize).collect(),
            number: front::number(),
        }
    }

    fn locate(&self, pfn: u64) -> Result<Located<'_>, Why> {
        let at = self.parts.partition_point(|p| p.pfns.end <= pfn);
        match self.parts.get(at).filter(|p| p.pfns.contains(&pfn)) {
            Some(part) => Ok(Located { part, desc: part.locate(pfn)? }),
            // Another part of a split dump would have it.
            None => Err(if pfn < self.max_pfn { Why::Lost } else { Why::Hole }),
        }
    }

    fn page(&self, pfn: u64) -> Result<Arc<[u8]>, Why> {
        if let Some(page) = self.pages.get(pfn) {
            return Ok(page);
        }
        let found = match self.locate(pfn) {
            Err(ONLY_ZEROS) => return Ok(self.zeros.clone()),
            located => located?,
        };
        let page = match self.zero_page(&found) {
            Some(page) => page.clone(),
            None => self.load(&found)?,
        };
        self.pages.insert(pfn, page.clone());
        Ok(page)
    }

    fn load(&self, found: &Located<'_>) -> Result<Arc<[u8]>, Why> {
        let mut page: Arc<[u8]> = std::iter::repeat_n(0, self.size).collect();
        let out = Arc::get_mut(&mut page).ok_or(Why::Io)?;
        found.decode(out)?;
        self.learn_zero(found, &page);
        Ok(page)
    }

    /// The page of zeros, if this is it.
    fn zero_page(&self, found: &Located<'_>) -> Option<&Arc<[u8]>> {
        let (file, desc, page) = self.zero.get()?;
        (*desc == found.desc && *file == found.part.pfns.start).then_some(page)
    }

    fn learn_zero(&self, found: &Located<'_>, page: &[u8]) {
        let short = found.desc.flags == 0 || (found.desc.size as usize) < self.size / 8;
        if short && self.zero.get().is_none() && page.first() == Some(&0) && page.iter().all(|b| *b == 0) {
            let _ = self.zero.set((found.part.pfns.start, found.desc, page.into()));
        }
    }

    /// Whole pages from `pfn` on into `out`, past the cache; on failure tells how many pages came out right.
    fn bulk(&self, pfn: u64, out: &mut [u8]) -> Result<(), (u64, Why)> {
        let mut found = Vec::with_capacity(out.len() / self.size);
        let mut missing = None;
        for i in 0..(out.len() / self.size) as u64 {
            match self.locate(pfn + i) {
                Ok(located) => found.push(located),
                Err(why) => {
                    missing = Some((i, why));
                    break;
                }
            }
        }
        let mut done = 0;
        while let Some(rest) = found.get(done..).filter(|r| !r.is_empty()) {
            let zero = rest.first().is_some_and(|f| self.zero_page(f).is_some());
            let n = if zero { 1 } else { together(rest) };
            let (run, out) = (rest.get(..n), out.get_mut(done * self.size..(done + n) * self.size));
            self.run(run.unwrap_or_default(), out.unwrap_or_default())
                .map_err(|(i, why)| (done as u64 + i, why))?;
            done += n;
        }
        missing.map_or(Ok(()), Err)
    }

    /// Reads and decodes pages that lie together in the file.
    fn run(&self, run: &[Located<'_>], out: &mut [u8]) -> Result<(), (u64, Why)> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(());
        };
        if self.zero_page(first).is_some() {
            out.fill(0);
            return Ok(());
        }
        let start = first.desc.offset;
        with_scratch((last.desc.end() - start) as usize, |data| {
            // A gap that cannot be read must not cost the pages around it.
            let whole = first.part.read(start, data).is_ok();
            for ((located, page), i) in run.iter().zip(out.chunks_exact_mut(self.size)).zip(0..) {
                let from = (located.desc.offset - start) as usize;
                let bytes = data.get(from..from + located.desc.size as usize).filter(|_| whole);
                match bytes {
                    Some(bytes) => codec::decode(located.desc.flags, bytes, page),
                    None => located.decode_alone(page),
                }
                .map_err(|why| (i, why))?;
                self.learn_zero(located, page);
            }
            Ok(())
        })
    }

    /// One step of a read: a piece of one page, or many whole pages.
    fn step(&self, at: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        let pfn = at >> self.shift;
        let within = at as usize & (self.size - 1);
        if within == 0 && buf.len() >= BULK.max(self.size) {
            let n = buf.len().min(STEP * self.size) / self.size * self.size;
            return match self.bulk(pfn, buf.get_mut(..n).unwrap_or_default()) {
                Ok(()) => Ok(n),
                // Pages came out right before the first that did not: the next step begins with that one.
                Err((i, _)) if i > 0 => Ok((i as usize) << self.shift),
                Err((_, ONLY_ZEROS)) => {
                    buf.get_mut(..self.size).unwrap_or_default().fill(0);
                    Ok(self.size)
                }
                Err((_, why)) => Err(ReadError::phys(PhysAddr(at), why)),
            };
        }
        let n = buf.len().min(self.size - within);
        let copy = |page: &[u8]| {
            if let (Some(from), Some(to)) = (page.get(within..within + n), buf.get_mut(..n)) {
                to.copy_from_slice(from);
            }
        };
        front::with(self.number, pfn, || self.page(pfn), copy)
            .map_err(|why| ReadError::phys(PhysAddr(at), why))?;
        Ok(n)
    }
}

impl Located<'_> {
    fn decode(&self, page: &mut [u8]) -> Result<(), Why> {
        with_scratch(self.desc.size as usize, |data| {
            self.part.read(self.desc.offset, data)?;
            codec::decode(self.desc.flags, data, page)
        })
    }

    /// The same while the thread's scratch space is in use.
    fn decode_alone(&self, page: &mut [u8]) -> Result<(), Why> {
        let mut data = vec![0; self.desc.size as usize];
        self.part.read(self.desc.offset, &mut data)?;
        codec::decode(self.desc.flags, &data, page)
    }
}

/// How many of `rest` lie so close together in one file that one read serves them.
fn together(rest: &[Located<'_>]) -> usize {
    let Some(first) = rest.first() else {
        return 0;
    };
    let near = |pair: &[Located<'_>]| match pair {
        [a, b] => {
            let follows = b.desc.offset >= a.desc.end() && b.desc.offset - a.desc.end() < GAP;
            follows && std::ptr::eq(first.part, b.part) && b.desc.end() - first.desc.offset <= SPAN
        }
        _ => false,
    };
    1 + rest.windows(2).take_while(|pair| near(pair)).count()
}

fn with_scratch<R>(len: usize, run: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => {
            if scratch.len() < len {
                scratch.resize(len, 0);
            }
            run(scratch.get_mut(..len).unwrap_or_default())
        }
        Err(_) => run(&mut vec![0; len]),
    })
}

impl PhysMem for KdumpMemory {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < buf.len() {
            let here = at.0.checked_add(done as u64).ok_or(ReadError::phys(PhysAddr(0), Why::Hole))?;
            done += self.step(here, buf.get_mut(done..).unwrap_or_default())?;
        }
        Ok(())
    }

    /// RAM from the first bitmap. If there are more than a million ranges, small holes are counted as RAM.
    fn ram(&self) -> &RangeSet<PhysAddr> {
        self.ram.get_or_init(|| {
            (0..).map(|i| 1u64 << (6 * i)).find_map(|gap| self.ranges(gap)).unwrap_or_default()
        })
    }

    fn present(&self, from: PhysAddr) -> Option<Range<PhysAddr>> {
        let pfn = from.0 >> self.shift;
        let first = self.parts.partition_point(|p| p.pfns.end <= pfn);
        let run = self.parts.get(first..)?.iter().find_map(|p| p.run(pfn))?;
        Some(PhysAddr((run.start << self.shift).max(from.0))..PhysAddr(run.end << self.shift))
    }

    fn each_present(&self, range: Range<PhysAddr>, look: &mut dyn FnMut(PhysAddr, &[u8])) {
        if range.is_empty() {
            return;
        }
        let frames = range.start.0 >> self.shift..((range.end.0 - 1) >> self.shift) + 1;
        self.scan(frames, &mut |pfn, page| {
            let start = pfn << self.shift;
            let from = range.start.0.saturating_sub(start).min(self.size as u64);
            let to = range.end.0.saturating_sub(start).min(self.size as u64);
            if let Some(bytes) = page.get(from as usize..to as usize) {
                look(PhysAddr(start + from), bytes);
            }
        });
    }
}

impl KdumpMemory {
    /// Ranges of RAM, holes of fewer than `gap` pages closed; `None` if there are still too many.
    fn ranges(&self, gap: u64) -> Option<RangeSet<PhysAddr>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        // Every file has the bitmap of all memory; each is asked up to where the next one begins.
        for (i, part) in self.parts.iter().enumerate() {
            let start = if i == 0 { 0 } else { part.pfns.start };
            let end = self.parts.get(i + 1).map_or(u64::MAX, |next| next.pfns.start);
            // What cannot be read is not known to be RAM.
            let _ =
                bitmap::runs(&part.ram, |run| join(&mut ranges, run.start.max(start)..run.end.min(end), gap));
        }
        let address = |r: &Range<u64>| PhysAddr(r.start << self.shift)..PhysAddr(r.end << self.shift);
        (ranges.len() <= MAX_RANGES || gap >= 1 << 36).then(|| ranges.iter().map(address).collect())
    }
}

fn join(ranges: &mut Vec<Range<u64>>, run: Range<u64>, gap: u64) {
    let count = ranges.len();
    match ranges.last_mut() {
        _ if run.is_empty() => {}
        Some(last) if run.start < last.end.saturating_add(gap) => last.end = last.end.max(run.end),
        // One more than allowed is enough to know that there are too many.
        _ if count > MAX_RANGES => {}
        _ => ranges.push(run),
    }
}

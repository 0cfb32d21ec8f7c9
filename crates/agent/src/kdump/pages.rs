//! What each page of memory is used for now, by /proc/kpageflags.
//!
//! Pages are classed as makedumpfile does it when it decides which to leave out (makedumpfile.c, `__exclude_unnecessary_pages`, 1.6 to
//! 1.7.7); the bits are those of include/uapi/linux/kernel-page-flags.h, and `PRIVATE` of include/linux/kernel-page-flags.h (both the
//! same from 2.6.31 to 6.17). Zero pages are not told apart: for that each would have to be read.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

const LRU: u64 = 1 << 5;
const SLAB: u64 = 1 << 7;
const BUDDY: u64 = 1 << 10;
const ANON: u64 = 1 << 12;
const SWAP_CACHE: u64 = 1 << 13;
const COMPOUND_HEAD: u64 = 1 << 15;
const COMPOUND_TAIL: u64 = 1 << 16;
const HUGE: u64 = 1 << 17;
const HWPOISON: u64 = 1 << 19;
const NO_PAGE: u64 = 1 << 20;
const OFFLINE: u64 = 1 << 23;
const PRIVATE: u64 = 1 << 35;

/// Pages that are all looked at: 64 GiB of them, which takes about a second.
const WHOLE: u64 = 1 << 24;
/// Of more, so many stretches are looked at.
const STRETCHES: u64 = 4096;
/// A stretch: larger than any compound page but the hugetlb pages of 1 GiB, all parts of which say what they are.
const STRETCH: u64 = 2048;

/// What a page is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the kernel: always in the dump.
    Kernel,
    /// Of a file, and nothing hangs on it.
    Cache,
    /// Of a file, with what the file system keeps of it.
    PrivateCache,
    /// Of a process: anonymous, or of hugetlbfs.
    User,
    /// With the buddy allocator.
    Free,
    /// Broken or offline: never in the dump.
    Unusable,
    /// There is none.
    Hole,
}

/// How many kinds there are.
const KINDS: usize = 7;

/// Counts of pages by kind.
type Counts = [u64; KINDS];

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Census {
    /// Pages that there are.
    pub total: u64,
    /// Pages that were looked at.
    pub seen: u64,
    stretches: Vec<Counts>,
}

impl Census {
    /// Counts the pages of some ranges of page frames; `None` if they cannot be read.
    pub fn of(flags: impl Read + Seek, ranges: &[Range<u64>]) -> Option<Census> {
        Census::within(flags, ranges, WHOLE)
    }

    fn within(mut flags: impl Read + Seek, ranges: &[Range<u64>], whole: u64) -> Option<Census> {
        let total = ranges.iter().map(|r| r.end.saturating_sub(r.start)).fold(0, u64::saturating_add);
        let wanted = stretches(ranges, total, whole).into_iter();
        let stretches: Vec<Counts> = wanted.map(|r| counted(&mut flags, &r)).collect::<Option<_>>()?;
        let seen = stretches.iter().flatten().sum();
        (seen > 0).then_some(Census { total, seen, stretches })
    }

    /// Pages of a kind in all of memory.
    pub fn pages(&self, kind: Kind) -> u64 {
        let seen: u64 = self.stretches.iter().map(|c| c[kind as usize]).sum();
        (u128::from(seen) * u128::from(self.total) / u128::from(self.seen)) as u64
    }

    /// By how many pages the number of pages of some kinds may be wrong because not all were looked at: two standard errors of a
    /// sample of stretches.
    pub fn error(&self, of: impl Fn(Kind) -> bool) -> u64 {
        if self.seen >= self.total {
            return 0;
        }
        let parts: Vec<f64> = self.stretches.iter().filter_map(|c| part(c, &of)).collect();
        let n = parts.len().max(2) as f64;
        let mean = parts.iter().sum::<f64>() / n;
        let variance = parts.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let unseen = 1.0 - self.seen as f64 / self.total as f64;
        (2.0 * (variance / n * unseen).sqrt() * self.total as f64).ceil() as u64
    }
}

const ALL: [Kind; KINDS] =
    [Kind::Kernel, Kind::Cache, Kind::PrivateCache, Kind::User, Kind::Free, Kind::Unusable, Kind::Hole];

/// Which part of a stretch is of some kinds.
fn part(counts: &Counts, of: impl Fn(Kind) -> bool) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    let some: u64 = ALL.iter().filter(|k| of(**k)).map(|k| counts[*k as usize]).sum();
    (all > 0).then(|| some as f64 / all as f64)
}

/// The ranges themselves, cut into stretches, or as many stretches as are looked at, evenly spread.
fn stretches(ranges: &[Range<u64>], total: u64, whole: u64) -> Vec<Range<u64>> {
    let cut = |r: &Range<u64>| {
        let end = r.end;
        (r.start..end).step_by(STRETCH as usize).map(move |at| at..end.min(at.saturating_add(STRETCH)))
    };
    if total <= whole {
        return ranges.iter().flat_map(cut).collect();
    }
    let at = |i: u64| (u128::from(total) * u128::from(i) / u128::from(STRETCHES)) as u64;
    (0..STRETCHES).filter_map(|i| stretch(ranges, at(i))).collect()
}

/// The stretch that has the page that stands at a place in the ranges.
fn stretch(ranges: &[Range<u64>], mut place: u64) -> Option<Range<u64>> {
    for range in ranges {
        let len = range.end.saturating_sub(range.start);
        if place < len {
            let aligned = (range.start + place) / STRETCH * STRETCH;
            return Some(aligned.max(range.start)..range.end.min(aligned.saturating_add(STRETCH)));
        }
        place -= len;
    }
    None
}

/// Reads the flags of a stretch and counts them; `None` if they cannot be read.
fn counted(flags: &mut (impl Read + Seek), pages: &Range<u64>) -> Option<Counts> {
    let len = usize::try_from(pages.end.checked_sub(pages.start)?.min(STRETCH)).ok()?;
    let mut bytes = vec![0; len * 8];
    flags.seek(SeekFrom::Start(pages.start.checked_mul(8)?)).ok()?;
    flags.read_exact(&mut bytes).ok()?;
    let mut counts = [0; KINDS];
    let mut head = None;
    for word in bytes.chunks_exact(8) {
        let word = u64::from_ne_bytes(word.try_into().ok()?);
        let kind = kind(word, head);
        // What follows its head is left out with it.
        head = match (word & COMPOUND_HEAD != 0, word & COMPOUND_TAIL != 0) {
            (true, _) => Some(kind),
            (_, true) => head,
            _ => None,
        };
        counts[kind as usize] += 1;
    }
    Some(counts)
}

fn kind(flags: u64, head: Option<Kind>) -> Kind {
    let has = |bits: u64| flags & bits != 0;
    let anonymous = has(ANON) && !has(SLAB);
    let cached = has(LRU | SWAP_CACHE) && !anonymous;
    match (has(COMPOUND_TAIL), head) {
        _ if has(NO_PAGE) => Kind::Hole,
        _ if has(HWPOISON | OFFLINE) => Kind::Unusable,
        (true, Some(kind)) => kind,
        _ if has(BUDDY) => Kind::Free,
        _ if cached && has(PRIVATE) => Kind::PrivateCache,
        _ if cached => Kind::Cache,
        _ if anonymous || has(HUGE) => Kind::User,
        _ => Kind::Kernel,
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // One range of memory is meant.
mod tests {
    use super::*;

    fn file(flags: &[u64]) -> std::io::Cursor<Vec<u8>> {
        std::io::Cursor::new(flags.iter().flat_map(|f| f.to_ne_bytes()).collect())
    }

    fn all(census: &Census) -> Counts {
        ALL.map(|k| census.pages(k))
    }

    #[test]
    fn as_makedumpfile_classes_them() {
        let flags = [
            0,
            SLAB | ANON,
            LRU,
            LRU | PRIVATE,
            LRU | ANON | PRIVATE,
            SWAP_CACHE | ANON,
            SWAP_CACHE,
            BUDDY,
            HWPOISON | LRU,
            OFFLINE,
            NO_PAGE,
            HUGE | COMPOUND_HEAD,
            HUGE | COMPOUND_TAIL,
            // A large folio of the cache: the tail says nothing of itself.
            LRU | COMPOUND_HEAD,
            COMPOUND_TAIL,
            // And one of the kernel's own.
            SLAB | COMPOUND_HEAD,
            COMPOUND_TAIL,
            0,
        ];
        let census = Census::of(file(&flags), &[0..18]).unwrap();
        assert_eq!(all(&census), [5, 4, 1, 4, 1, 2, 1]);
        assert_eq!((census.total, census.seen, census.error(|_| true)), (18, 18, 0));
        // Only what is asked for.
        assert_eq!(all(&Census::of(file(&flags), &[2..3, 7..8]).unwrap()), [0, 1, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_sample_comes_near_the_whole_and_says_how_near() {
        let len = 4 * STRETCHES * STRETCH;
        // A third of memory in lumps of a thousand pages, and nothing that a stride could hit always.
        let busy = |page: u64| (page / 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xff < 85;
        let flags: Vec<u64> = (0..len).map(|p| if busy(p) { 0 } else { BUDDY }).collect();
        let truth = (0..len).filter(|p| busy(*p)).count() as u64;
        let census = Census::within(file(&flags), &[0..len / 3, len / 3..len], 1 << 20).unwrap();
        let (found, error) = (census.pages(Kind::Kernel), census.error(|k| k == Kind::Kernel));
        assert!(census.seen <= len / 4 && error < len / 100, "{} {error}", census.seen);
        assert!(found.abs_diff(truth) <= error, "{found} {truth} {error}");
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        assert_eq!(Census::of(file(&[]), &[0..4]), None);
        assert_eq!(Census::of(file(&[0; 8]), &[]), None);
        assert_eq!(Census::of(file(&[0; 8]), &[u64::MAX - 1..u64::MAX]), None);
        assert_eq!(Census::of(file(&[0; 8]), &[0..u64::MAX]), None);
        // The file ends early.
        assert_eq!(Census::of(file(&[BUDDY; 3000]), &[0..5000]), None);
    }
}

//! The names by their markers: offsets of every 256th name, in a row, right behind the names.

use std::cell::Cell;

use necropsy_base::Abi;

use super::names::length;

/// Symbols per marker.
const GROUP: u32 = 256;
/// A group takes at least two bytes per name; at most, names of two-byte lengths, far less than this.
const MIN_STEP: u64 = 2 * GROUP as u64;
const MAX_STEP: u64 = 512 * GROUP as u64;
/// Fewer markers prove nothing: kernels have hundreds.
const MIN_MARKERS: usize = 3;

/// Where the names are in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) num_syms: usize,
    pub(super) names: usize,
    pub(super) count: u32,
}

/// How many places for the names to try in one search: a healthy image needs a few. Only made-up ones need more.
const MAX_PLACES: usize = 4096;
/// How many rows of numbers to look at, the longest first.
const MAX_RUNS: usize = 16;

/// The names in `bytes`, which lie at the address `at`.
pub(super) fn names(bytes: &[u8], at: u64, abi: Abi) -> Option<Found> {
    // u32 since 5.0 (80ffbaa5b1bd), `unsigned long` before.
    let widths = [4, 8].into_iter().filter(|width| *width <= usize::from(abi.word));
    widths
        .map(|width| Scan { bytes, at, abi, width, left: Cell::new(MAX_PLACES) })
        .find_map(|scan| scan.names())
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: u64,
    abi: Abi,
    width: usize,
    /// How many places may still be tried.
    left: Cell<usize>,
}

impl Scan<'_> {
    fn marker(&self, start: usize, i: usize) -> Option<u64> {
        self.abi.uint_at(self.bytes, start + i * self.width, self.width)
    }

    /// The names before the longest row that proves right. What follows the markers may look like more of them.
    fn names(&self) -> Option<Found> {
        let (words, _) = self.bytes.as_chunks::<4>();
        let zeros = words.iter().enumerate().filter(|(_, word)| **word == [0; 4]).map(|(i, _)| 4 * i);
        let mut runs: Vec<_> = zeros.filter_map(|start| self.run(start)).collect();
        runs.sort_by_key(|(_, run)| std::cmp::Reverse(run.len()));
        runs.iter().take(MAX_RUNS).find_map(|(start, run)| {
            let counts = (MIN_MARKERS..=run.len()).rev().take(3);
            counts.into_iter().find_map(|count| self.before(*start, run.get(..count)?))
        })
    }

    /// Numbers from 0 up, in steps as groups of names make them, at `start`. A run holds no zero but its first
    /// number, so all runs together are no longer than the bytes.
    fn run(&self, start: usize) -> Option<(usize, Vec<u64>)> {
        if self.marker(start, 0)? != 0 {
            return None;
        }
        let mut run = vec![0];
        while let (Some(last), Some(next)) = (run.last().copied(), self.marker(start, run.len())) {
            if !(last + MIN_STEP..last + MAX_STEP).contains(&next) {
                break;
            }
            run.push(next);
        }
        (run.len() >= MIN_MARKERS).then_some((start, run))
    }

    /// The names before the markers at `start`: between the last marked name and the markers is one group at most.
    /// The number of symbols stands right before the names, and must be one that needs this many markers.
    fn before(&self, start: usize, markers: &[u64]) -> Option<Found> {
        let last = usize::try_from(*markers.last()?).ok()?;
        let highest = start.checked_sub(last)?.checked_sub(4)?;
        let lowest = highest.saturating_sub(MAX_STEP as usize);
        let wanted = markers.len() as u32;
        // The bytes begin at a multiple of 8, so offsets are aligned as addresses are.
        for num_syms in (lowest / 4..=highest / 4).rev().map(|i| 4 * i) {
            let count = self.abi.uint_at(self.bytes, num_syms, 4)? as u32;
            if count.div_ceil(GROUP) != wanted {
                continue;
            }
            self.left.set(self.left.get().checked_sub(1)?);
            for names in [self.aligned(num_syms + 4, 8), num_syms + 4] {
                let fits = [true, false].iter().any(|long| self.fits(names, count, start, markers, *long));
                if fits {
                    return Some(Found { num_syms, names, count });
                }
            }
        }
        None
    }

    fn aligned(&self, offset: usize, to: u64) -> usize {
        let address = self.at.wrapping_add(offset as u64);
        offset + (address.wrapping_neg() % to) as usize
    }

    /// Whether `count` names from `names` on agree with all markers and end where those begin.
    fn fits(&self, names: usize, count: u32, end: usize, markers: &[u64], long: bool) -> bool {
        let mut at = names;
        for i in 0..count {
            let marker = markers.get((i / GROUP) as usize).copied();
            if i % GROUP == 0 && marker != Some((at - names) as u64) {
                return false;
            }
            match self.bytes.get(at..end).and_then(|b| length(b, long)) {
                Some((head, len)) if len > 0 => at += head + len,
                _ => return false,
            }
        }
        at <= end && end - at < 8
    }
}

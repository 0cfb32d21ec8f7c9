//! Runs of bytes that one writer wrote: text, or a pattern that repeats. Where a run begins tells whose buffer it was meant for.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

/// No run is followed further in either direction.
const REACH: u64 = 8192;
/// Periods of patterns that are looked for.
const MAX_PERIOD: usize = 64;
/// A run must have so many bytes to be one.
const SHORTEST: usize = 12;

/// A run of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its first byte.
    pub start: VirtAddr,
    /// The first byte behind it.
    pub end: VirtAddr,
    /// What it is, in words.
    pub what: String,
}

/// The run that the word at `at` is in, as far as `from` at most; `None` if the word is in none.
pub fn around(t: &Target, at: VirtAddr, from: VirtAddr) -> Option<Run> {
    let low = VirtAddr(from.0.max(at.0.saturating_sub(REACH)));
    let before = t.memory().bytes(low, at.0.checked_sub(low.0)? as usize).ok()?;
    let page = t.page_size();
    let up = page - at.0 % page;
    let more =
        t.memory().bytes(at, (up + page) as usize).or_else(|_| t.memory().bytes(at, up as usize)).ok()?;
    let here = before.len();
    let bytes = [before, more].concat();
    let (start, end, what) = text(&bytes, here).or_else(|| pattern(&bytes, here))?;
    (end - start >= SHORTEST).then(|| Run {
        start: low.offset(start as u64),
        end: low.offset(end as u64),
        what,
    })
}

fn is_text(b: u8) -> bool {
    (0x20..0x7f).contains(&b) || b == b'\n' || b == b'\t'
}

/// Text around the word at `here`: all eight bytes of it must be.
fn text(bytes: &[u8], here: usize) -> Option<(usize, usize, String)> {
    if !bytes.get(here..here + 8)?.iter().all(|b| is_text(*b)) {
        return None;
    }
    let start = bytes.get(..here)?.iter().rposition(|b| !is_text(*b)).map_or(0, |i| i + 1);
    let end = bytes.get(here..)?.iter().position(|b| !is_text(*b)).map_or(bytes.len(), |i| here + i);
    let shown = bytes.get(start..end.min(start + 40))?;
    Some((start, end, format!("the text {:?}", String::from_utf8_lossy(shown))))
}

/// A pattern around the word at `here` that repeats at least once; zeros are none.
fn pattern(bytes: &[u8], here: usize) -> Option<(usize, usize, String)> {
    let word = bytes.get(here..here + 8)?;
    if word.iter().all(|b| *b == 0) {
        return None;
    }
    let repeats = |p: &usize| {
        let (Some(start), Some(next)) = (here.checked_sub(*p), bytes.get(here..here + p.max(&8))) else {
            return false;
        };
        bytes.get(start..start + p.max(&8)) == Some(next)
    };
    let period = (1..=MAX_PERIOD).find(repeats)?;
    let same = |i: usize| bytes.get(i).zip(bytes.get(i + period)).is_some_and(|(a, b)| a == b);
    let mut start = here - period;
    while start > 0 && same(start - 1) {
        start -= 1;
    }
    let mut end = here + 8;
    while end < bytes.len() && same(end - period) {
        end += 1;
    }
    let shown = bytes.get(start..start + period.min(16))?;
    let hex: Vec<String> = shown.iter().map(|b| format!("{b:02x}")).collect();
    Some((start, end, format!("the bytes {} over and over", hex.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_begin_where_they_were_written() {
        let mut bytes = vec![0u8; 64];
        bytes[10..40].copy_from_slice(b"MAINTENANCE-WINDOW-TONIGHT-123");
        assert_eq!(text(&bytes, 24).map(|r| (r.0, r.1)), Some((10, 40)));
        assert_eq!(text(&bytes, 40), None);
        let mut bytes = vec![0u8; 64];
        bytes[8..48].fill(0xee);
        assert_eq!(pattern(&bytes, 24).map(|r| (r.0, r.1)), Some((8, 48)));
        let words: Vec<u8> = [1u8, 0xfe, 0x80, 4, 0x99, 6].into_iter().cycle().take(60).collect();
        assert_eq!(pattern(&words, 30).map(|r| (r.0, r.1)), Some((0, 60)));
        assert_eq!(pattern(&[0; 64], 24), None);
    }
}

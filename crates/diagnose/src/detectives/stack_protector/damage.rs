//! How far an overflow goes.

use std::ops::Range;

use necropsy_base::VirtAddr;
use necropsy_target::Target;

/// The overwritten bytes.
pub struct Damage {
    /// Where the buffer begins.
    pub begin: u64,
    /// The first byte that is certainly not part of it.
    pub end: u64,
    /// How many bytes fit at most: up to the canary.
    pub room: u64,
    /// The bytes as text, if they are.
    pub text: Option<String>,
    /// The first bytes in hex.
    pub hex: String,
}

/// Repetitions looked for: an overflow with a pattern goes on as long as the pattern does.
const PERIODS: [usize; 8] = [1, 2, 4, 8, 16, 24, 32, 64];

/// Measures the damage around an overwritten canary.
pub fn measure(t: &Target, slot: u64, buffer: Option<u64>, stack: Range<u64>) -> Damage {
    let begin = buffer.filter(|b| *b < slot).unwrap_or(slot);
    let limit = if stack.contains(&slot) { stack.end } else { slot.saturating_add(512) };
    let mut bytes = vec![0; (limit.min(slot.saturating_add(4096)).saturating_sub(begin)) as usize];
    let readable = t.memory().read(VirtAddr(begin), &mut bytes).is_ok();
    let at = (slot - begin) as usize;
    let end = if readable { begin + extent(&bytes, at) as u64 } else { slot.saturating_add(8) };
    let damaged = bytes.get(..(end - begin) as usize).unwrap_or(&bytes);
    let printable = damaged.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    let text = printable.then(|| String::from_utf8_lossy(&damaged[..damaged.len().min(128)]).into_owned());
    let hex = damaged.iter().take(32).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
    Damage { begin, end, room: slot - begin, text, hex }
}

/// Index of the first byte behind the damage: the longest that text or a repetition reaches, at least the canary's end.
fn extent(bytes: &[u8], canary: usize) -> usize {
    let least = canary + 8;
    let is_text = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    let text = if bytes[canary..least.min(bytes.len())].iter().all(is_text) {
        bytes[canary..].iter().position(|b| !is_text(b)).map_or(bytes.len(), |n| canary + n)
    } else {
        least
    };
    let repeats = PERIODS.iter().filter_map(|p| repetition(bytes, canary, *p)).max().unwrap_or(least);
    text.max(repeats).max(least).min(bytes.len())
}

/// Up to where bytes repeat those `period` before them, if they do across the canary and it is no run of zeroes.
fn repetition(bytes: &[u8], canary: usize, period: usize) -> Option<usize> {
    let from = canary.checked_sub(period)?;
    let same = (from..bytes.len() - period).take_while(|i| bytes[*i] == bytes[i + period]).count();
    let end = from + period + same;
    let zeroes = bytes[canary..(canary + 8).min(bytes.len())].iter().all(|b| *b == 0);
    (end >= canary + 8 && !zeroes).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_patterns_are_followed_to_their_end() {
        let mut bytes = b"ABCDEFGHABCDEFGHABCDEFGHABCDEFGH".to_vec();
        bytes.extend([0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(extent(&bytes, 8), 32);
        let mut pattern: Vec<u8> = [0xde, 0xad, 0xbe, 0xef].repeat(6);
        pattern.extend([0; 16]);
        assert_eq!(extent(&pattern, 8), 24);
        let random: Vec<u8> = (0u8..40).map(|i| i.wrapping_mul(73) ^ 0x80).collect();
        assert_eq!(extent(&random, 8), 16);
    }
}

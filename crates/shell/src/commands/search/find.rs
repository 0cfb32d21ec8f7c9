//! What is looked for, and where it is in some bytes.

use std::ops::BitAnd;

use memchr::memmem::Finder;
use necropsy_report::bytes_text;

/// What is looked for.
pub struct Wanted {
    /// Numbers, with the bits of the mask cleared.
    pub values: Vec<u64>,
    /// Texts.
    pub texts: Vec<Finder<'static>>,
    /// Bits of numbers that need not be equal.
    pub mask: u64,
    /// Bytes of a number.
    pub size: usize,
    /// How many words around a hit are shown.
    pub around: u64,
}

/// A place where it is.
pub struct Hit {
    pub at: u64,
    pub value: u64,
    pub text: Option<String>,
}

/// How much text is shown behind a hit.
const SHOWN: usize = 55;
/// Bytes that are compared before it is asked whether there was a hit among them: all but a few such pieces have none.
const BLOCK: usize = 256;

impl Wanted {
    /// All bits of a number.
    pub fn all(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.size)
    }

    /// Where to begin so that numbers are looked for where numbers lie.
    pub fn aligned(&self, at: u64) -> u64 {
        if self.values.is_empty() { at } else { at & !(self.size as u64 - 1) }
    }

    /// The hits in some bytes that begin at `at`.
    pub fn find(&self, at: u64, bytes: &[u8], out: &mut Vec<Hit>) {
        for finder in &self.texts {
            out.extend(finder.find_iter(bytes).map(|i| {
                let text = &bytes[i..bytes.len().min(i + SHOWN)];
                let end = text.iter().position(|b| !(b' '..=b'~').contains(b)).unwrap_or(text.len());
                Hit { at: at + i as u64, value: 0, text: Some(bytes_text(&text[..end])) }
            }));
        }
        if self.values.is_empty() {
            return;
        }
        let found = |i: usize, value: u64| out.push(Hit { at: at + i as u64, value, text: None });
        match self.size {
            2 => self.numbers(bytes, u16::from_le_bytes, |v| v as u16, found),
            4 => self.numbers(bytes, u32::from_le_bytes, |v| v as u32, found),
            _ => self.numbers(bytes, u64::from_le_bytes, |v| v, found),
        }
    }

    /// Numbers of one size: `read` makes one of bytes, `cut` of what was given.
    fn numbers<const N: usize, T>(
        &self,
        bytes: &[u8],
        read: fn([u8; N]) -> T,
        cut: fn(u64) -> T,
        mut found: impl FnMut(usize, u64),
    ) where
        T: Copy + Eq + BitAnd<Output = T> + Into<u64>,
    {
        let keep = cut(!self.mask);
        for (start, block) in bytes.chunks(BLOCK).enumerate() {
            let (words, _) = block.as_chunks::<N>();
            // No way out of the loop over a block: so the compiler compares several words at a time.
            let among = |value: &u64| {
                let value = cut(*value);
                words.iter().fold(false, |any, word| any | (read(*word) & keep == value))
            };
            if !self.values.iter().any(among) {
                continue;
            }
            for (i, word) in words.iter().enumerate() {
                let value = read(*word);
                if self.values.contains(&(value & keep).into()) {
                    found(start * BLOCK + i * N, value.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(values: &[u64], mask: u64, size: usize, bytes: &[u8]) -> Vec<(u64, u64)> {
        let values = values.iter().map(|v| v & !mask).collect();
        let wanted = Wanted { values, texts: Vec::new(), mask, size, around: 0 };
        let mut out = Vec::new();
        wanted.find(0x1000, bytes, &mut out);
        out.into_iter().map(|h| (h.at, h.value)).collect()
    }

    #[test]
    fn numbers_of_every_size_in_their_order() {
        let mut bytes = vec![0u8; 1030];
        bytes[8..16].copy_from_slice(&0x1122_3344_5566_7788u64.to_le_bytes());
        bytes[256..264].copy_from_slice(&0x1122_3344_5566_77ffu64.to_le_bytes());
        bytes[1022..1030].copy_from_slice(&[0xff; 8]);
        let one = 0x1122_3344_5566_7788;
        assert_eq!(hits(&[one], 0, 8, &bytes), [(0x1008, one)]);
        assert_eq!(hits(&[one], 0xff, 8, &bytes), [(0x1008, one), (0x1100, 0x1122_3344_5566_77ff)]);
        assert_eq!(hits(&[5, 0x1122_3344_5566_77ff, one], 0, 8, &bytes).len(), 2);
        assert_eq!(hits(&[0x5566_7788], 0, 4, &bytes), [(0x1008, 0x5566_7788)]);
        assert_eq!(hits(&[0x1122], 0, 2, &bytes), [(0x100e, 0x1122), (0x1106, 0x1122)]);
        // What is left over at the end is no whole word.
        assert_eq!(hits(&[0xffff], 0, 2, &bytes).last(), Some(&(0x1404, 0xffff)));
        assert_eq!(hits(&[u64::MAX], 0, 8, &bytes), []);
    }
}

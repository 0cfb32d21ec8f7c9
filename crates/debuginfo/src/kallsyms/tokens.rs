//! The 256 strings that the bytes of a name stand for.

use necropsy_base::{Memory, MemoryExt, VirtAddr};

use super::KallsymsError;
use crate::name_index::Poly;

/// Longest token: no longer than a name may be (KSYM_NAME_LEN, 512 since 6.1).
const MAX_TOKEN: usize = 512;
/// Longer names are cut: only made-up tables have them.
const MAX_NAME: usize = 2048;

/// The token table, unpacked.
pub(super) struct Tokens {
    texts: Vec<Vec<u8>>,
    hashes: Vec<Poly>,
    /// Hashes without the first character, which is the symbol's kind if the token comes first.
    tails: Vec<Poly>,
}

impl Tokens {
    pub(super) fn read(mem: &dyn Memory, table: VirtAddr, index: VirtAddr) -> Result<Tokens, KallsymsError> {
        let (abi, index) = (mem.abi(), mem.bytes(index, 512)?);
        let offsets: Vec<usize> = index.chunks_exact(2).map(|b| abi.uint(b) as usize).collect();
        if let Some(i) = offsets.windows(2).position(|w| w.first() >= w.last()) {
            return Err(KallsymsError::Tokens(i));
        }
        let last = offsets.last().copied().unwrap_or(0);
        let mut bytes = mem.bytes(table, last)?;
        bytes.extend(mem.cstr(table.offset(last as u64), MAX_TOKEN)?);
        bytes.push(0);
        Tokens::cut(&bytes, &offsets)
    }

    /// Each token is what lies between its offset and the next one, and ends with its only NUL.
    fn cut(bytes: &[u8], offsets: &[usize]) -> Result<Tokens, KallsymsError> {
        let ends = offsets.iter().skip(1).copied().chain([bytes.len()]);
        let mut texts = Vec::with_capacity(256);
        for (i, (start, end)) in offsets.iter().copied().zip(ends).enumerate() {
            match bytes.get(start..end).and_then(|t| t.split_last()) {
                Some((0, text)) if !text.contains(&0) && text.len() <= MAX_TOKEN => texts.push(text.to_vec()),
                _ => return Err(KallsymsError::Tokens(i)),
            }
        }
        let hashes = texts.iter().map(|t| Poly::of(t)).collect();
        let tails = texts.iter().map(|t| Poly::of(t.get(1..).unwrap_or_default())).collect();
        Ok(Tokens { texts, hashes, tails })
    }

    fn text(&self, token: u8) -> &[u8] {
        self.texts.get(usize::from(token)).map(|t| &**t).unwrap_or_default()
    }

    /// First character: the symbol's kind.
    pub(super) fn first(&self, tokens: &[u8]) -> Option<u8> {
        tokens.iter().find_map(|t| self.text(*t).first().copied())
    }

    /// Appends the name to `into`; returns the symbol's kind.
    pub(super) fn decode(&self, tokens: &[u8], into: &mut Vec<u8>) -> Option<u8> {
        let (first, rest) = tokens.split_first()?;
        let (kind, start) = self.text(*first).split_first()?;
        into.extend_from_slice(start);
        for token in rest {
            if into.len() > MAX_NAME {
                break;
            }
            into.extend_from_slice(self.text(*token));
        }
        Some(*kind)
    }

    /// Hash of the name, without decoding it.
    pub(super) fn hash(&self, tokens: &[u8]) -> Poly {
        let of = |table: &[Poly], t: u8| table.get(usize::from(t)).copied().unwrap_or(Poly::EMPTY);
        let mut hash = tokens.first().map_or(Poly::EMPTY, |t| of(&self.tails, *t));
        for token in tokens.iter().skip(1) {
            hash = hash.then(of(&self.hashes, *token));
        }
        hash
    }

    /// Which tokens may begin a name: their first character is a kind (a letter, or `?` and `-` for odd ones).
    pub(super) fn starters(&self) -> [bool; 256] {
        let kind = |c: &u8| c.is_ascii_alphabetic() || matches!(c, b'?' | b'-');
        std::array::from_fn(|t| self.text(t as u8).first().is_some_and(kind))
    }
}

//! The compressed names: where each begins.

use std::sync::Arc;

use necropsy_base::{Memory, MemoryExt, ReadError, VirtAddr};

use super::KallsymsError;
use super::tokens::Tokens;

/// Names are read in pieces of this size: their total length stands nowhere.
const STEP: usize = 64 << 10;
const PAGE: usize = 4096;
/// More bytes per name than any table has on average; a Debian kernel has 11.
const MAX_AVERAGE: usize = 256;

/// The names, still compressed.
pub(super) struct Names {
    bytes: Arc<Vec<u8>>,
    /// Where the length of each begins.
    starts: Vec<u32>,
    /// Whether bit 7 of a length says that a second byte follows.
    pub(super) long: bool,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The tokens of the `i`th name.
    pub(super) fn tokens(&self, i: usize) -> Option<&[u8]> {
        let bytes = self.bytes.get(*self.starts.get(i)? as usize..)?;
        let (head, len) = length(bytes, self.long)?;
        bytes.get(head..head + len)
    }
}

/// Bytes taken by the length at the start of `bytes`, and the length. Since 6.1 (73bbb94466fd3) ULEB128 of at most
/// two bytes; before, one byte of eight bits.
pub(super) fn length(bytes: &[u8], long: bool) -> Option<(usize, usize)> {
    let low = usize::from(*bytes.first()?);
    if long && low & 0x80 != 0 {
        let high = usize::from(*bytes.get(1)?);
        return Some((2, low & 0x7f | high << 7));
    }
    Some((1, low))
}

/// The names read in every way that gives symbols: one, rarely two. The likelier one first.
pub(super) fn read(
    mem: &dyn Memory,
    at: VirtAddr,
    count: usize,
    tokens: &Tokens,
) -> Result<Vec<Names>, KallsymsError> {
    let starters = tokens.starters();
    let mut reader = Reader { mem, at, bytes: Vec::new() };
    let mut ways = Vec::new();
    for long in [true, false] {
        match scan(&mut reader, count, long, &starters) {
            Ok((starts, ambiguous)) => {
                ways.push((starts, long));
                if !ambiguous {
                    break;
                }
            }
            Err(KallsymsError::Names) => {}
            Err(e) if !long && ways.is_empty() => return Err(e),
            Err(_) => {}
        }
    }
    let bytes = Arc::new(reader.bytes);
    let with = |(starts, long)| Names { bytes: bytes.clone(), starts, long };
    Ok(ways.into_iter().map(with).collect())
}

/// Where each name begins, and whether the other rule for lengths would read the same bytes differently.
fn scan(
    reader: &mut Reader,
    count: usize,
    long: bool,
    starters: &[bool; 256],
) -> Result<(Vec<u32>, bool), KallsymsError> {
    let (mut starts, mut at, mut ambiguous) = (Vec::with_capacity(count.min(1 << 18)), 0, false);
    for i in 0..count {
        reader.ensure(at + 3)?;
        let bytes = reader.bytes.get(at..).unwrap_or_default();
        let (head, len) = length(bytes, long).ok_or(KallsymsError::Names)?;
        let first = bytes.get(head).copied().unwrap_or(0);
        if len == 0 || !starters[usize::from(first)] || at > (i + 256) * MAX_AVERAGE {
            return Err(KallsymsError::Names);
        }
        ambiguous |= bytes.first().is_some_and(|b| b & 0x80 != 0);
        starts.push(at as u32);
        at += head + len;
    }
    reader.ensure(at)?;
    Ok((starts, ambiguous))
}

/// Reads on as the names need it.
struct Reader<'a> {
    mem: &'a dyn Memory,
    at: VirtAddr,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// Makes the first `len` bytes available.
    fn ensure(&mut self, len: usize) -> Result<(), ReadError> {
        while self.bytes.len() < len {
            let here = self.at.offset(self.bytes.len() as u64);
            let more = match self.mem.bytes(here, STEP) {
                Ok(more) => more,
                // The last piece may reach beyond what there is: up to the end of the page, then.
                Err(_) => self.mem.bytes(here, PAGE - here.0 as usize % PAGE)?,
            };
            self.bytes.extend(more);
        }
        Ok(())
    }
}

//! How the addresses are written down, and which way it is.

use std::ops::Range;

use necropsy_base::{Abi, Memory, MemoryExt, VirtAddr};

use super::names::Names;
use super::tokens::Tokens;
use super::{Anchor, KallsymsError, Keys, Tried};

/// How the address of a symbol is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A table of addresses (without KALLSYMS_BASE_RELATIVE, until 6.10).
    Absolute {
        /// `kallsyms_addresses`.
        at: VirtAddr,
    },
    /// Unsigned distances from a base (until 6.19).
    BaseRelative {
        /// `kallsyms_offsets`.
        at: VirtAddr,
        /// Value of `kallsyms_relative_base`.
        base: u64,
    },
    /// As above, but numbers from 0 up are per-CPU offsets, negative ones `-1 - distance` (KALLSYMS_ABSOLUTE_PERCPU,
    /// x86 until 6.14).
    AbsolutePercpu {
        /// `kallsyms_offsets`.
        at: VirtAddr,
        /// Value of `kallsyms_relative_base`.
        base: u64,
    },
    /// Signed distances from the number's own place (7.0+, a081b5789255).
    PlaceRelative {
        /// `kallsyms_offsets`.
        at: VirtAddr,
    },
    /// The 32-bit addresses themselves (7.0+, 32-bit kernels that cannot move).
    Plain {
        /// `kallsyms_offsets`.
        at: VirtAddr,
    },
}

impl Encoding {
    /// In words, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Absolute { .. } => "absolute",
            Encoding::BaseRelative { .. } => "base-relative",
            Encoding::AbsolutePercpu { .. } => "base-relative with absolute per-CPU",
            Encoding::PlaceRelative { .. } => "place-relative",
            Encoding::Plain { .. } => "32-bit absolute",
        }
    }

    pub(super) fn table(self) -> VirtAddr {
        match self {
            Encoding::Absolute { at } | Encoding::PlaceRelative { at } | Encoding::Plain { at } => at,
            Encoding::BaseRelative { at, .. } | Encoding::AbsolutePercpu { at, .. } => at,
        }
    }

    /// Bytes per symbol.
    fn width(self, abi: Abi) -> usize {
        if matches!(self, Encoding::Absolute { .. }) { usize::from(abi.word) } else { 4 }
    }

    fn decode(self, raw: &[u8], abi: Abi) -> Vec<u64> {
        let mask = if abi.word == 4 { u64::from(u32::MAX) } else { u64::MAX };
        let address = |n: u64, i: u64| self.address(n, i) & mask;
        match self.width(abi) {
            8 => each::<8>(raw, abi, address),
            _ => each::<4>(raw, abi, address),
        }
    }

    fn address(self, number: u64, i: u64) -> u64 {
        let signed = i64::from(number as u32 as i32);
        match self {
            Encoding::Absolute { .. } | Encoding::Plain { .. } => number,
            Encoding::BaseRelative { base, .. } => base.wrapping_add(number),
            Encoding::AbsolutePercpu { .. } if signed >= 0 => number,
            Encoding::AbsolutePercpu { base, .. } => base.wrapping_add((-1 - signed) as u64),
            Encoding::PlaceRelative { at } => at.offset(4 * i).moved(signed).0,
        }
    }
}

/// What `of` makes of each number of `N` bytes and its place.
fn each<const N: usize>(raw: &[u8], abi: Abi, of: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    raw.as_chunks::<N>().0.iter().zip(0..).map(|(bytes, i)| of(abi.uint(bytes), i)).collect()
}

/// The ways that the tables in VMCOREINFO leave open.
pub(super) fn of_keys(mem: &dyn Memory, keys: &Keys) -> Result<Vec<Encoding>, KallsymsError> {
    let mut ways = Vec::new();
    if let Some(at) = keys.offsets {
        let base = keys.relative_base.map(|base| mem.word(base)).transpose()?;
        ways.extend(of_offsets(at, base, mem.abi()));
    }
    ways.extend(keys.addresses.map(|at| Encoding::Absolute { at }));
    if ways.is_empty() { Err(KallsymsError::NoAddresses) } else { Ok(ways) }
}

/// The ways to read a table of offsets.
pub(super) fn of_offsets(at: VirtAddr, base: Option<u64>, abi: Abi) -> Vec<Encoding> {
    let mut ways = match base {
        Some(base) => vec![Encoding::AbsolutePercpu { at, base }, Encoding::BaseRelative { at, base }],
        None => Vec::new(),
    };
    ways.push(Encoding::PlaceRelative { at });
    if abi.word == 4 {
        ways.push(Encoding::Plain { at });
    }
    ways
}

/// Decides between encodings.
pub(super) struct Judge<'a> {
    pub(super) tokens: &'a Tokens,
    pub(super) names: &'a Names,
    pub(super) anchors: &'a [Anchor<'a>],
    pub(super) image: Option<Range<VirtAddr>>,
}

/// How good a way is: known symbols where they should be, then symbols in the image plus symbols in order. Neither
/// alone would do: per-CPU offsets are in no image, and offsets read from their own place may fall into it in disorder.
type Score = (usize, usize);

impl Judge<'_> {
    /// The way in which most known symbols have their address; without known symbols, the one that puts most
    /// symbols in the image and in order.
    pub(super) fn choose(
        &self,
        mem: &dyn Memory,
        ways: &[Encoding],
    ) -> Result<(Encoding, Vec<u64>), KallsymsError> {
        let (mut best, mut tried, mut failed) = (None, Vec::new(), None);
        for way in ways {
            let raw = match mem.bytes(way.table(), self.names.len() * way.width(mem.abi())) {
                Ok(raw) => raw,
                Err(e) => {
                    failed = Some(KallsymsError::Read(e));
                    continue;
                }
            };
            let addresses = way.decode(&raw, mem.abi());
            let score = self.score(&addresses, mem.abi());
            tried.push(Tried { encoding: way.name(), agreeing: score.0 });
            if best.as_ref().is_none_or(|(least, _, _)| score > *least) {
                best = Some((score, *way, addresses));
            }
            // Not all: `swapper_pg_dir` is only a macro on x86, data may be left out of the table.
            if score.0 * 2 > self.anchors.len() {
                break;
            }
        }
        match best {
            Some((score, way, addresses)) if score.0 > 0 || self.anchors.is_empty() => Ok((way, addresses)),
            None if failed.is_some() => Err(failed.unwrap_or(KallsymsError::NoAddresses)),
            _ => Err(KallsymsError::Anchors { anchors: self.anchors.len(), tried }),
        }
    }

    fn score(&self, addresses: &[u64], abi: Abi) -> Score {
        let agreeing = self.anchors.iter().filter(|a| self.agrees(addresses, a)).count();
        if agreeing > 0 {
            return (agreeing, 0);
        }
        let kernel_half = 1u64 << (8 * u32::from(abi.word).min(8) - 1);
        let inside = |a: &&u64| match &self.image {
            Some(image) => image.contains(&VirtAddr(**a)),
            None => **a >= kernel_half,
        };
        let in_order = addresses.windows(2).filter(|w| w.first() <= w.last()).count();
        (0, addresses.iter().filter(inside).count() + in_order)
    }

    /// Whether a symbol of the anchor's name lies at its address. Looks for the address, which is cheaper.
    fn agrees(&self, addresses: &[u64], (name, address): &Anchor) -> bool {
        let mut text = Vec::new();
        let mut is = |i: usize| {
            text.clear();
            let kind = self.names.tokens(i).and_then(|t| self.tokens.decode(t, &mut text));
            kind.is_some() && text == name.as_bytes()
        };
        addresses.iter().enumerate().any(|(i, a)| a == address && is(i))
    }
}

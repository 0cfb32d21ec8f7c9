//! kallsyms by shape: what kernels before 6.0 need, and dumps without VMCOREINFO.
//!
//! The token table is found first: every character that names use stays a token of its own, at its own number, so
//! the digits stand there one after the other. The token index follows and must match it exactly. The names lie
//! before; the markers behind them say where every 256th name begins, and nothing else looks like that.

use std::ops::Range;

use necropsy_base::{Memory, MemoryExt, VirtAddr};

use super::encoding::of_offsets;
use super::markers;
use super::{Encoding, Keys};

/// Tokens 0x30 to 0x39.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
const CHUNK: u64 = super::kept::PIECE;
const PAGE: u64 = 4096;
/// No kernel image is larger (KERNEL_IMAGE_SIZE); a range that is will be cut.
const MAX_IMAGE: u64 = 1 << 30;
/// Distribution kernels have this much code before their read-only data: looked at last, to save decompressing it.
const CODE: u64 = 12 << 20;
/// Longest token table: 256 tokens; real ones have 900 bytes.
const MAX_TABLE: usize = 16 << 10;
/// How far before the token table names may begin: Debian's 7.2 has 2.2 MB of names and 0.5 MB of permutation.
/// The second is tried if the first does not reach.
const REACH: [u64; 2] = [4 << 20, 32 << 20];
/// How many token tables to look at: an image has one.
const MAX_HITS: usize = 8;

/// Token table and token index.
#[derive(Clone, Copy, Debug)]
struct TokenTables {
    table: VirtAddr,
    index: VirtAddr,
}

/// All sets of tables in the image, with the ways to read the addresses.
pub(super) fn find(mem: &dyn Memory, image: Range<VirtAddr>) -> impl Iterator<Item = (Keys, Vec<Encoding>)> {
    let end = image.end.0.min(image.start.0.saturating_add(MAX_IMAGE));
    let data = image.start.0.saturating_add(CODE).min(end);
    let each = |from: u64, to: u64| (from..to).step_by(CHUNK as usize);
    let chunks = each(data, end).chain(each(image.start.0, data));
    let hits = chunks.flat_map(move |at| digits(mem, at, end));
    let tokens = hits.filter_map(move |at| token_tables(mem, at)).take(MAX_HITS);
    tokens.filter_map(move |t| complete(mem, t, image.start))
}

/// Where the digits' tokens are in the chunk at `at`.
fn digits(mem: &dyn Memory, at: u64, end: u64) -> Vec<VirtAddr> {
    let len = CHUNK.saturating_add(DIGITS.len() as u64 - 1).min(end - at);
    let bytes = lenient(mem, VirtAddr(at), len as usize);
    let found = memchr::memmem::find_iter(&bytes, DIGITS);
    found.map(|i| VirtAddr(at).offset(i as u64)).collect()
}

/// `len` bytes, with zeros for pages that cannot be read.
fn lenient(mem: &dyn Memory, at: VirtAddr, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    if mem.read(at, &mut bytes).is_ok() {
        return bytes;
    }
    bytes.fill(0);
    let mut done = 0;
    while done < len {
        let here = at.offset(done as u64);
        let step = ((PAGE - here.0 % PAGE) as usize).min(len - done);
        let part = bytes.get_mut(done..done + step).unwrap_or_default();
        if mem.read(here, part).is_err() {
            part.fill(0);
        }
        done += step;
    }
    bytes
}

/// The table whose token 0x30 is at `zero`, if a matching index follows.
fn token_tables(mem: &dyn Memory, zero: VirtAddr) -> Option<TokenTables> {
    let bytes = lenient(mem, zero, MAX_TABLE);
    // Offsets of tokens 0x30 to 0xff, and of the end, from token 0x30.
    let ends = memchr::memchr_iter(0, &bytes).map(|nul| nul + 1);
    let offsets: Vec<usize> = [0].into_iter().chain(ends).take(256 - 0x30 + 1).collect();
    let (end, offsets) = offsets.split_last().filter(|(_, o)| o.len() == 256 - 0x30)?;
    // Labels are aligned to 8 bytes, since 7.0 and on 32 bits to 4; 2 costs nothing.
    let places = (0..8).map(|pad| end + pad).filter(|at| zero.offset(*at as u64).0.is_multiple_of(2));
    places.into_iter().find_map(|at| {
        let index: Vec<usize> =
            bytes.get(at..at + 512)?.chunks_exact(2).map(|b| mem.abi().uint(b) as usize).collect();
        let before = *index.get(0x30)?;
        let same = index.iter().skip(0x30).zip(offsets).all(|(i, o)| *i == before + o);
        let starts = same && index.first() == Some(&0) && index.is_sorted();
        let found = TokenTables {
            table: VirtAddr(zero.0.wrapping_sub(before as u64)),
            index: zero.offset(at as u64),
        };
        starts.then_some(found)
    })
}

/// The other tables around the token tables.
fn complete(mem: &dyn Memory, tokens: TokenTables, start: VirtAddr) -> Option<(Keys, Vec<Encoding>)> {
    REACH.iter().find_map(|reach| {
        let room = tokens.table.0.checked_sub(start.0)?;
        let before = (tokens.table.0 - room.min(*reach)) / 8 * 8;
        let bytes = lenient(mem, VirtAddr(before), (tokens.table.0 - before) as usize);
        let found = markers::names(&bytes, before, mem.abi())?;
        let keys = Keys {
            names: VirtAddr(before).offset(found.names as u64),
            num_syms: VirtAddr(before).offset(found.num_syms as u64),
            token_table: tokens.table,
            token_index: tokens.index,
            ..Keys::default()
        };
        Some((keys, encodings(mem, &keys, u64::from(found.count))))
    })
}

/// Where the addresses may be: up to 6.3 before `num_syms`, since 6.4 (404bad70fcf7) behind the token index.
fn encodings(mem: &dyn Memory, keys: &Keys, count: u64) -> Vec<Encoding> {
    let word = u64::from(mem.abi().word);
    let down = |n: u64, to: u64| n / to * to;
    let mut ways = Vec::new();
    let mut offsets = |at: u64, base: Option<u64>| {
        let base = base.and_then(|b| mem.word(VirtAddr(b)).ok());
        ways.extend(of_offsets(VirtAddr(at), base, mem.abi()));
    };
    let behind = keys.token_index.0.saturating_add(512);
    for align in [8, 4] {
        let at = up(behind, align);
        offsets(at, Some(up(at.saturating_add(4 * count), word.max(align))));
    }
    let base = down(keys.num_syms.0.saturating_sub(word), word);
    offsets(down(base.saturating_sub(4 * count), word), Some(base));
    // No kernel has these two together, but one could be built.
    offsets(down(keys.num_syms.0.saturating_sub(4 * count), word), None);
    ways.push(Encoding::Absolute { at: VirtAddr(up(behind, word)) });
    ways.push(Encoding::Absolute { at: VirtAddr(keys.num_syms.0.saturating_sub(word * count)) });
    ways.dedup();
    ways
}

fn up(n: u64, to: u64) -> u64 {
    n.checked_next_multiple_of(to).unwrap_or(n)
}

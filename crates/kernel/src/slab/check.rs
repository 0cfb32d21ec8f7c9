//! Whether the bytes around and in an object are as the allocator left them: red zones, poison, padding (`check_object()` in
//! mm/slub.c).

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use super::layout::{POISON_END, POISON_FREE, POISON_INUSE, RED_ACTIVE, RED_INACTIVE};
use super::{Cache, State};

/// No part of an object that is checked is longer.
const MAX_PART: u64 = 1 << 16;

/// A part of an object that was written to by somebody who must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The object.
    pub object: VirtAddr,
    /// Which part.
    pub part: Part,
    /// The bytes that differ, from the first to the last.
    pub range: Range<VirtAddr>,
    /// What should be there.
    pub expected: u8,
    /// What is there, from the first byte that differs.
    pub found: Vec<u8>,
}

/// A part of an object that only the allocator writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The bytes before it.
    LeftRedZone,
    /// The bytes behind it.
    RightRedZone,
    /// The object itself, while it is free.
    Poison,
    /// The bytes between it and the next.
    Padding,
}

/// What is damaged of an object that is in the given state.
pub fn damage(t: &Target, cache: &Cache, object: VirtAddr, state: State) -> Vec<Damage> {
    let layout = &cache.layout;
    let red = match state {
        State::Free | State::InSheaf => RED_INACTIVE,
        State::Allocated => RED_ACTIVE,
        State::Unknown => return Vec::new(),
    };
    let check = |part, range: Option<Range<u64>>, expected| {
        let range = range?;
        compare(t, object, part, object.offset(range.start), range.end - range.start, expected)
    };
    let left = layout.left_red_zone().and_then(|r| {
        let (at, len) = (object.moved(r.start), r.start.unsigned_abs());
        compare(t, object, Part::LeftRedZone, at, len, red)
    });
    let free = state != State::Allocated;
    let poison = layout.poison().filter(|_| free);
    let last = poison.as_ref().map(|r| r.end..r.end + 1);
    [
        left,
        check(Part::RightRedZone, layout.right_red_zone(), red),
        check(Part::Poison, poison, POISON_FREE),
        check(Part::Poison, last, POISON_END),
        check(Part::Padding, layout.padding(), POISON_INUSE),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Compares `len` bytes at `at` with a byte.
fn compare(t: &Target, object: VirtAddr, part: Part, at: VirtAddr, len: u64, expected: u8) -> Option<Damage> {
    let bytes = t.memory().bytes(at, len.min(MAX_PART) as usize).ok()?;
    let differs = |b: &u8| *b != expected;
    let (first, last) = (bytes.iter().position(differs)?, bytes.iter().rposition(differs)?);
    let range = at.offset(first as u64)..at.offset(last as u64 + 1);
    Some(Damage { object, part, range, expected, found: bytes.get(first..=last)?.to_vec() })
}

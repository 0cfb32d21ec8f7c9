//! Parts of a log as pstore keeps them: the last part first, each under a line that says which it is.

use std::io::{self, Read};

/// No store is larger.
const LARGEST: u64 = 64 << 20;

/// `Panic#2 Part1`, `Oops#1 Part12`: the reason, which crash, which part.
fn heading(line: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let (reason, part) = text.split_once(" Part")?;
    let (word, crash) = reason.split_once('#')?;
    let known = matches!(
        word,
        "Panic" | "Oops" | "Emergency" | "Restart" | "Halt" | "Poweroff" | "Shutdown" | "Unknown"
    );
    known.then_some((crash.parse().ok()?, part.parse().ok()?))
}

/// Whether a text is a part of what a pstore kept: `Panic#1 Part2` is its first line.
pub fn is_part(head: &[u8]) -> bool {
    head.split(|b| *b == b'\n').next().and_then(heading).is_some()
}

/// The text of all parts in the order in which it was printed.
pub(super) fn in_order(input: impl Read) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    input.take(LARGEST).read_to_end(&mut all)?;
    let mut parts: Vec<((u32, u32), Vec<u8>)> = Vec::new();
    for line in all.split_inclusive(|b| *b == b'\n') {
        match (heading(line), parts.last_mut()) {
            (Some(place), _) => parts.push((place, Vec::new())),
            (None, Some((_, text))) => text.extend_from_slice(line),
            (None, None) => {}
        }
    }
    // The oldest crash first; within it the highest part is the oldest text.
    parts.sort_by_key(|((crash, part), _)| (*crash, std::cmp::Reverse(*part)));
    let mut text = Vec::with_capacity(all.len());
    for (_, part) in parts {
        text.extend(part);
        if text.last().is_some_and(|b| *b != b'\n') {
            text.push(b'\n');
        }
    }
    Ok(text)
}

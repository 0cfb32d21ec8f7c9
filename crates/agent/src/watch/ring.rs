//! The last lines of the log: what a report is quoted from, and what came before it.

use std::collections::VecDeque;

/// So many bytes and lines are kept.
const BYTES: usize = 2 << 20;
const LINES: usize = 8192;

/// The last lines, numbered from 1.
#[derive(Default)]
pub struct Ring {
    bytes: VecDeque<u8>,
    lengths: VecDeque<usize>,
    /// How many lines there ever were.
    pushed: u64,
}

impl Ring {
    /// Adds a line, without its end.
    pub fn push(&mut self, line: &[u8]) {
        self.bytes.extend(line);
        self.lengths.push_back(line.len());
        self.pushed += 1;
        while self.bytes.len() > BYTES || self.lengths.len() > LINES {
            let Some(first) = self.lengths.pop_front() else { return };
            self.bytes.drain(..first);
        }
    }

    /// Lines from one number to another, those that are still there.
    pub fn lines(&self, from: u64, to: u64) -> Vec<String> {
        let first = self.pushed - self.lengths.len() as u64 + 1;
        let mut at = 0;
        let mut found = Vec::new();
        for (number, length) in (first..).zip(&self.lengths) {
            if (from..=to).contains(&number) {
                let bytes: Vec<u8> = self.bytes.range(at..at + length).copied().collect();
                found.push(necropsy_klog::text_of(&bytes));
            }
            at += length;
        }
        found
    }

    /// How many bytes of the log, ends of lines included, there are from a line on.
    pub fn bytes_from(&self, line: u64) -> Option<u64> {
        let first = self.pushed - self.lengths.len() as u64 + 1;
        let skip = usize::try_from(line.checked_sub(first)?).ok()?;
        Some(self.lengths.iter().skip(skip).map(|l| *l as u64 + 1).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_and_numbered() {
        let mut ring = Ring::default();
        (1..=20_000).for_each(|i| ring.push(format!("line {i}").as_bytes()));
        assert_eq!(ring.lines(19_999, 30_000), ["line 19999", "line 20000"]);
        assert_eq!(ring.bytes_from(19_999), Some(22));
        assert!(ring.lines(1, 100).is_empty() && ring.lengths.len() == LINES);
        assert_eq!(ring.bytes_from(3), None);
        ring.push(&vec![b'x'; BYTES + 1]);
        assert!(ring.bytes.is_empty());
    }
}

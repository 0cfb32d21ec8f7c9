//! Where in the log something is, up to where everything is dealt with, and when that is saved.

use std::time::Duration;

use jiff::Timestamp;

use super::Follower;
use crate::watch::sequence;
use crate::watch::source::{Kind, Log};
use crate::watch::state::Position;

/// How far the log was read is saved that often, if it was.
const SAVE: Duration = Duration::from_secs(10);
/// That the machine lives is saved that often, at least.
const ALIVE: Duration = Duration::from_secs(60);

impl<L: Log> Follower<L> {
    /// What tells a line from all others of its boot: its record's number, or where it is in the file, or when it came.
    pub(super) fn place(&self, line: u64) -> u64 {
        let numbered = self.ring.lines(line, line).first().and_then(|l| sequence::of(l.as_bytes()));
        numbered.or_else(|| self.offset_of(line)).unwrap_or_else(|| {
            u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0).saturating_add(line)
        })
    }

    fn offset_of(&self, line: u64) -> Option<u64> {
        (self.source.kind() == Kind::File)
            .then(|| self.offset.checked_sub(self.ring.bytes_from(line)?))
            .flatten()
    }

    /// Up to where everything is dealt with: the end, or where what is not over begins.
    pub(super) fn position(&self) -> Position {
        let mut position = self.shared.lock().state.position.clone();
        let open = self.live.first_open();
        let sequence = match open {
            None => self.sequence.last,
            Some(line) => {
                let first = self.ring.lines(line, line.saturating_add(8));
                first.iter().find_map(|l| sequence::of(l.as_bytes())).and_then(|n| n.checked_sub(1))
            }
        };
        position.sequence = sequence.or(position.sequence);
        if self.source.kind() == Kind::File {
            let offset = open.map_or(Some(self.offset), |line| self.offset_of(line));
            position.offset = offset.or(position.offset);
            position.inode = self.source.inode();
        }
        position
    }

    pub(super) fn save_within(&self) -> Duration {
        if self.dirty { SAVE } else { ALIVE }
    }

    pub(super) fn save_if_due(&mut self) {
        if self.saved.elapsed() >= self.save_within() {
            self.save();
        }
    }

    pub(super) fn save(&mut self) {
        let position = self.position();
        let shared = self.shared.clone();
        let mut inner = shared.lock();
        inner.state.position = position;
        let result = shared.save(&mut inner);
        drop(inner);
        self.note_save(result);
    }
}

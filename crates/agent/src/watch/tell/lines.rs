//! A file with one line of JSON per event.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::watch::event::Event;

/// How much of the end is looked at: more than what one run can have begun and not finished.
const TAIL: u64 = 8 << 20;
/// So many events of the end are known.
const KNOWN: usize = 256;

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// The file, open at its end.
pub struct Lines {
    path: PathBuf,
    file: File,
    ids: VecDeque<String>,
}

impl Lines {
    /// Opens it, and cuts off a line that was not finished.
    pub fn open(path: &Path) -> io::Result<Lines> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let whole = memchr::memrchr(b'\n', &tail).map_or(0, |at| at + 1);
        // A tail without any line end is no file of ours: it is left alone.
        if whole > 0 || from == 0 {
            file.set_len(from + whole as u64)?;
        }
        file.seek(SeekFrom::End(0))?;
        let lines = tail.get(..whole).unwrap_or_default().split(|b| *b == b'\n').rev().take(KNOWN);
        let ids = lines.filter_map(|l| serde_json::from_slice::<Id>(l).ok()).map(|i| i.id).collect();
        Ok(Lines { path: path.to_owned(), file, ids })
    }

    /// Adds an event, if it is not there.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        if self.ids.contains(&event.id) {
            return Ok(());
        }
        self.follow_rotation()?;
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.ids.push_front(event.id.clone());
        self.ids.truncate(KNOWN);
        Ok(())
    }

    /// logrotate moves the file away.
    fn follow_rotation(&mut self) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        let named = std::fs::metadata(&self.path).map(|m| m.ino()).ok();
        if named != Some(self.file.metadata()?.ino()) {
            self.file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_once_and_only_whole_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let event = |id: &str| Event { id: id.to_owned(), ..Event::default() };
        let mut lines = Lines::open(&path).unwrap();
        lines.write(&event("a")).unwrap();
        lines.write(&event("b")).unwrap();
        drop(lines);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(b"{\"id\":\"c\",\"ki");
        std::fs::write(&path, &text).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        ["b", "c", "a"].iter().for_each(|id| lines.write(&event(id)).unwrap());
        std::fs::rename(&path, dir.path().join("events.jsonl.1")).unwrap();
        lines.write(&event("d")).unwrap();
        let ids = |p: &Path| -> Vec<String> {
            let text = std::fs::read_to_string(p).unwrap();
            text.lines().map(|l| serde_json::from_str::<Event>(l).unwrap().id).collect()
        };
        assert_eq!(ids(&dir.path().join("events.jsonl.1")), ["a", "b", "c"]);
        assert_eq!(ids(&path), ["d"]);
    }
}

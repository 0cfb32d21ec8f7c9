//! Events that are not told everywhere yet: a directory with one file each, bounded in bytes.
//!
//! An event is written here before anything else is done with it, and removed when everybody has it. Files are written whole or not at
//! all, and named after the event: who is killed at any moment finds each event exactly once. Beside an event whose program has run
//! while the webhook has not taken it yet lies an empty file that says so.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::event::Event;
use crate::files::sync_directory;

/// No event is larger.
const LARGEST: u64 = 1 << 20;
/// No more files are looked at.
const FILES: usize = 65_536;

/// The directory.
pub struct Outbox {
    dir: PathBuf,
    limit: u64,
    /// Names and sizes, oldest first.
    files: Vec<(String, u64)>,
    /// Of which of them the program has run.
    commanded: BTreeSet<String>,
}

/// What follows the name of an event whose program has run.
const COMMANDED: &str = ".commanded";

impl Outbox {
    /// Opens it, and removes what was not finished being written.
    pub fn open(dir: &Path, limit: u64) -> io::Result<Outbox> {
        fs::create_dir_all(dir)?;
        let (mut files, mut commanded) = (Vec::new(), BTreeSet::new());
        for entry in fs::read_dir(dir)?.take(FILES) {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(".new-") {
                fs::remove_file(entry.path())?;
            } else if let Some(of) = name.strip_suffix(COMMANDED) {
                commanded.insert(of.to_owned());
            } else if name.ends_with(".json") {
                files.push((name, entry.metadata()?.len()));
            }
        }
        files.sort_unstable();
        // Who was killed between the removal of an event and of its mark has left the mark.
        for of in commanded.extract_if(.., |of| !files.iter().any(|(n, _)| n == of)) {
            remove(&dir.join(of + COMMANDED))?;
        }
        Ok(Outbox { dir: dir.to_owned(), limit, files, commanded })
    }

    /// The names, oldest first.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|(n, _)| n.clone()).collect()
    }

    /// The oldest that is wanted.
    pub fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.files.iter().map(|(n, _)| n).find(|n| wanted(n)).cloned()
    }

    /// Bytes of all.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, size)| size).sum()
    }

    /// Keeps an event; the oldest ones go if there is no room. How many went.
    pub fn put(&mut self, event: &Event) -> io::Result<u64> {
        let name = file_name(&event.id);
        let text = serde_json::to_string(event)?;
        let size = text.len() as u64;
        // One that was begun before is written again in its place.
        self.files.retain(|(n, _)| *n != name);
        let mut dropped = 0;
        while self.bytes() + size > self.limit && !self.files.is_empty() {
            let (oldest, _) = self.files.remove(0);
            remove(&self.dir.join(&oldest))?;
            self.unmark(&oldest)?;
            dropped += 1;
        }
        crate::write_whole(&self.dir.join(&name), text.as_bytes())?;
        self.files.push((name, size));
        Ok(dropped)
    }

    /// Reads one; `None` if it is gone or broken.
    pub fn get(&self, name: &str) -> Option<Event> {
        let mut text = String::new();
        let file = fs::File::open(self.dir.join(name)).ok()?;
        file.take(LARGEST).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Everybody has it.
    pub fn remove(&mut self, name: &str) -> io::Result<()> {
        self.files.retain(|(n, _)| n != name);
        remove(&self.dir.join(name))?;
        self.unmark(name)?;
        sync_directory(&self.dir)
    }

    /// Whether the program has run for an event.
    pub fn is_commanded(&self, name: &str) -> bool {
        self.commanded.contains(name)
    }

    /// It has.
    pub fn mark_commanded(&mut self, name: &str) -> io::Result<()> {
        self.commanded.insert(name.to_owned());
        fs::File::create(self.dir.join(format!("{name}{COMMANDED}")))?;
        sync_directory(&self.dir)
    }

    fn unmark(&mut self, name: &str) -> io::Result<()> {
        match self.commanded.remove(name) {
            true => remove(&self.dir.join(format!("{name}{COMMANDED}"))),
            false => Ok(()),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Identifiers are made here, of harmless characters; a file's name has no others.
fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("{}.json", id.chars().take(120).map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> Event {
        Event { id: id.to_owned(), title: "x".repeat(100), ..Event::default() }
    }

    #[test]
    fn bounded_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let size = serde_json::to_string(&event("b-1")).unwrap().len() as u64;
        let mut outbox = Outbox::open(dir.path(), 3 * size).unwrap();
        let dropped: u64 = (1..=5).map(|i| outbox.put(&event(&format!("b-{i}"))).unwrap()).sum();
        assert_eq!((dropped, outbox.names().len()), (2, 3));
        outbox.put(&event("b-5")).unwrap();
        fs::write(dir.path().join(".new-xyz"), "half").unwrap();
        fs::write(dir.path().join("z.json"), "broken").unwrap();
        let mut again = Outbox::open(dir.path(), 3 * size).unwrap();
        assert_eq!(again.names(), ["b-3.json", "b-4.json", "b-5.json", "z.json"]);
        assert_eq!(again.get("b-4.json").unwrap().id, "b-4");
        assert!(again.get("z.json").is_none());
        again.remove("b-4.json").unwrap();
        again.remove("b-4.json").unwrap();
        assert!(!dir.path().join("b-4.json").exists() && !dir.path().join(".new-xyz").exists());
    }

    #[test]
    fn that_the_program_ran_is_remembered_as_long_as_the_event() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Outbox::open(dir.path(), 1 << 20).unwrap();
        let mut outbox = open();
        outbox.put(&event("a")).unwrap();
        outbox.put(&event("b")).unwrap();
        outbox.mark_commanded("a.json").unwrap();
        assert!(open().is_commanded("a.json") && !open().is_commanded("b.json"));
        // Killed in the middle of the removal.
        fs::remove_file(dir.path().join("a.json")).unwrap();
        assert!(!open().is_commanded("a.json"));
        outbox.mark_commanded("b.json").unwrap();
        outbox.remove("b.json").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // One that is dropped for want of room takes its mark along.
        let mut small = Outbox::open(dir.path(), 1).unwrap();
        small.put(&event("c")).unwrap();
        small.mark_commanded("c.json").unwrap();
        small.put(&event("d")).unwrap();
        assert_eq!((small.names(), small.is_commanded("c.json")), (vec!["d.json".to_owned()], false));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

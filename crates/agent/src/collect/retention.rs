//! Which dumps are removed: the oldest, but never the only one of its class.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Crash, Crashes};

/// What is kept at most; nothing is removed where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Dumps.
    pub count: Option<usize>,
    /// Bytes of all.
    pub bytes: Option<u64>,
    /// Age of each.
    pub age: Option<Duration>,
}

/// Removes what is too much; the files that were removed.
pub fn apply(
    keep: &Retention,
    list: &mut Crashes,
    crash_dir: &Path,
    notes: &mut Vec<String>,
) -> Vec<PathBuf> {
    let (mut removed, mut stuck) = (Vec::new(), Vec::new());
    for _ in 0..list.crashes.len() {
        let Some(index) = next(keep, list, crash_dir, &stuck) else { break };
        let Some(dump) = list.crashes.get_mut(index).and_then(|c| c.dump.take()) else { break };
        match std::fs::remove_file(&dump) {
            Ok(()) => removed.push(dump),
            Err(e) => {
                notes.push(format!("{}: {e}", dump.display()));
                // It is there still, and may go the next time.
                list.crashes.iter_mut().skip(index).take(1).for_each(|c| c.dump = Some(dump.clone()));
                stuck.push(index);
            }
        }
    }
    removed
}

/// The oldest dump that may go, if anything is too much; not one that could not be removed.
fn next(keep: &Retention, list: &Crashes, crash_dir: &Path, stuck: &[usize]) -> Option<usize> {
    let size = |c: &Crash| c.dump.as_ref().and_then(|d| std::fs::symlink_metadata(d).ok()).map(|m| m.len());
    // Only what lies where dumps lie is ours to remove.
    let ours = |c: &Crash| c.dump.as_ref().is_some_and(|d| d.starts_with(crash_dir));
    let mut present: Vec<(usize, &Crash, u64)> = list
        .crashes
        .iter()
        .enumerate()
        .filter(|(_, c)| ours(c))
        .filter_map(|(i, c)| Some((i, c, size(c)?)))
        .collect();
    present.sort_by_key(|(_, c, _)| c.time);
    let bytes: u64 = present.iter().map(|(.., s)| s).sum();
    let too_many = keep.count.is_some_and(|n| present.len() > n) || keep.bytes.is_some_and(|n| bytes > n);
    let old = |c: &Crash| {
        let age = Timestamp::now().as_second().saturating_sub(c.time.as_second());
        keep.age.is_some_and(|most| u64::try_from(age).is_ok_and(|a| a > most.as_secs()))
    };
    let only = |c: &Crash| present.iter().filter(|(_, o, _)| o.class == c.class).count() < 2;
    let may = |i: &usize, c: &Crash| !stuck.contains(i) && (too_many || old(c)) && !only(c);
    present.iter().find(|(i, c, _)| may(i, c)).map(|(i, ..)| *i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_first_and_never_the_only_one() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut list = Crashes::default();
        for (i, class) in ["deadlock", "warning", "deadlock", "deadlock", "deadlock"].iter().enumerate() {
            let dump = if i == 4 { outside.path() } else { dir.path() }.join(format!("vmcore{i}"));
            std::fs::write(&dump, [0; 100]).unwrap();
            let time = Timestamp::from_second(1_000 + i as i64).unwrap();
            list.crashes.push(Crash {
                class: (*class).to_owned(),
                dump: Some(dump),
                time,
                ..Crash::default()
            });
        }
        let run = |keep: Retention, list: &mut Crashes| -> Vec<String> {
            let removed = apply(&keep, list, dir.path(), &mut Vec::new());
            removed.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert!(run(Retention::default(), &mut list).is_empty());
        assert_eq!(run(Retention { bytes: Some(300), ..Retention::default() }, &mut list), ["vmcore0"]);
        assert_eq!(run(Retention { count: Some(0), ..Retention::default() }, &mut list), ["vmcore2"]);
        assert!(
            run(Retention { age: Some(Duration::from_secs(1)), ..Retention::default() }, &mut list)
                .is_empty()
        );
        assert!(outside.path().join("vmcore4").exists() && dir.path().join("vmcore1").exists());
    }

    #[test]
    fn what_cannot_be_removed_stays_known_and_the_next_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut list = Crashes::default();
        for i in 0..3 {
            let dump = dir.path().join(format!("vmcore{i}"));
            // A directory stands in for what cannot be removed.
            if i == 0 { std::fs::create_dir(&dump) } else { std::fs::write(&dump, [0; 100]) }.unwrap();
            let time = Timestamp::from_second(1_000 + i).unwrap();
            list.crashes.push(Crash { dump: Some(dump), time, ..Crash::default() });
        }
        let mut notes = Vec::new();
        let keep = Retention { count: Some(2), ..Retention::default() };
        assert_eq!(apply(&keep, &mut list, dir.path(), &mut notes), [dir.path().join("vmcore1")]);
        assert_eq!((notes.len(), list.crashes[0].dump.is_some()), (1, true));
    }
}

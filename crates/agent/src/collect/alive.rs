//! When was the last boot last known to run? `collect` itself knows only when it began; `watch`, if it ran, until shortly before the end.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Marker, Options};
use crate::watch::{Alive, STATE_FILE};

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// The watcher, when it last saved what it remembers.
    Watch,
    /// `collect`, when it ran at the start of that boot.
    Collect,
}

impl Witness {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Witness::Watch => "the watcher saved what it remembers",
            Witness::Collect => "its start: no watcher was seen in it",
        }
    }
}

/// A time, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LastAlive {
    /// When.
    pub time: Timestamp,
    /// Who says so.
    pub witness: Witness,
}

/// What is of interest in the watcher's state.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Watched {
    alive: Option<Alive>,
    alive_before: Option<Alive>,
}

/// The last sign of life of the boot that a marker is of.
pub fn last(options: &Options, marker: &Marker) -> LastAlive {
    let own = LastAlive { time: marker.time, witness: Witness::Collect };
    let file = options.watch_dir.join(STATE_FILE);
    let shared = options.state_dir.join(STATE_FILE);
    let texts = [file.to_str().and_then(|f| options.root.text(f)), text(&shared)];
    let times = texts.iter().flatten().filter_map(|t| time(t, &marker.boot_id));
    // Another user writes that file: what it says of before the boot or of the future is not so.
    let now = Timestamp::now();
    let latest = times.filter(|t| (marker.time..=now).contains(t)).max();
    latest.map_or(own, |time| LastAlive { time, witness: Witness::Watch })
}

/// The watcher may share the directory.
fn text(path: &Path) -> Option<String> {
    crate::Root::new("/").text(path.to_str()?)
}

fn time(text: &str, boot: &str) -> Option<Timestamp> {
    let watched: Watched = serde_json::from_str(text).ok()?;
    let known = [watched.alive, watched.alive_before].into_iter().flatten();
    known.filter(|a| a.boot_id == boot).map(|a| a.time).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_that_boot_only() {
        let said = |id: &str, t: i64| {
            let time = Timestamp::from_second(t).unwrap();
            serde_json::to_value(Alive { boot_id: id.to_owned(), time }).unwrap()
        };
        let text = serde_json::json!({"alive": said("b", 900), "alive_before": said("a", 500), "x": 1});
        let of = |boot: &str| time(&text.to_string(), boot).map(|t| t.as_second());
        assert_eq!((of("a"), of("b"), of("c")), (Some(500), Some(900), None));
        assert_eq!(time("{\"alive\": 7}", "a"), None);
    }
}

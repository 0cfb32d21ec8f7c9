//! What is remembered over restarts: how far the log was read, what was counted, what was told.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::limiter::Limiter;
use crate::classes::{CLASSES, HARDWARE, ROLES, bounded};
use crate::metrics::Values;

/// The name of the file in the state directory.
pub const FILE: &str = "watch.json";
/// So many events are known to have been told.
const IDS: usize = 1024;
/// No state is larger.
const LARGEST: u64 = 8 << 20;

/// How far the log was dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last record, where records have numbers.
    pub sequence: Option<u64>,
    /// Bytes of a file, where they have none.
    pub offset: Option<u64>,
    /// Which file that is.
    pub inode: Option<u64>,
}

/// That a boot was running at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// The boot.
    pub boot_id: String,
    /// When.
    pub time: Timestamp,
}

/// All that is remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The boot that this is of.
    pub boot_id: Option<String>,
    /// When this was saved, and of which boot: it was alive then. `collect` reads it.
    pub alive: Option<Alive>,
    /// The same of the boot before.
    pub alive_before: Option<Alive>,
    /// How far its log was dealt with.
    pub position: Position,
    /// Events that were told.
    pub ids: VecDeque<String>,
    /// What is known of fingerprints.
    pub limiter: Limiter,
    /// Events by class and role.
    pub events: BTreeMap<String, u64>,
    /// Hardware errors by kind.
    pub hardware: BTreeMap<String, u64>,
    /// Records that were lost.
    pub lost: u64,
}

impl State {
    /// Reads it; one that cannot be read is as good as none, and says why.
    pub fn load(path: &Path) -> (State, Option<String>) {
        use std::io::Read;
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|f| f.take(LARGEST).read_to_string(&mut text));
        match read {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => (State::default(), None),
            Err(e) => (State::default(), Some(format!("{}: {e}", path.display()))),
            Ok(_) => match serde_json::from_str(&text) {
                Ok(state) => (state, None),
                Err(e) => (State::default(), Some(format!("{}: {e}", path.display()))),
            },
        }
    }

    /// Writes it, as of now.
    pub fn save(&mut self, path: &Path) -> std::io::Result<()> {
        self.alive = self.boot_id.clone().map(|boot_id| Alive { boot_id, time: Timestamp::now() });
        crate::write_whole(path, serde_json::to_string(self)?.as_bytes())
    }

    /// Another boot: its log begins anew.
    pub fn reboot(&mut self, boot_id: Option<String>) {
        self.boot_id = boot_id;
        self.alive_before = self.alive.take().or(self.alive_before.take());
        self.position = Position::default();
        self.limiter.reboot();
    }

    /// Remembers that an event was told.
    pub fn told(&mut self, id: &str) {
        self.ids.push_back(id.to_owned());
        while self.ids.len() > IDS {
            self.ids.pop_front();
        }
    }

    /// The counters as they were.
    pub fn values(&self) -> Values {
        let mut values = Values::default();
        for (name, count) in &self.events {
            let Some((class, role)) = name.split_once(' ') else { continue };
            let labels = [bounded(CLASSES, class, "unknown"), bounded(ROLES, role, "context")];
            values.add("necropsy_kernel_events_total", &labels, *count);
        }
        for (kind, count) in &self.hardware {
            if let Some(kind) = HARDWARE.iter().find(|k| *k == kind) {
                values.add("necropsy_hardware_errors_total", &[kind], *count);
            }
        }
        values.add("necropsy_kmsg_lost_records_total", &[], self.lost);
        values
    }
}

/// Where things are in the state directory.
#[derive(Clone, Debug)]
pub struct Places {
    /// What is remembered.
    pub state: PathBuf,
    /// Events that are not told everywhere yet.
    pub outbox: PathBuf,
}

impl Places {
    /// In a directory.
    pub fn of(dir: &Path) -> Places {
        Places { state: dir.join(FILE), outbox: dir.join("outbox") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_before_is_known_to_have_lived() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let mut state = State::default();
        state.reboot(Some("a".to_owned()));
        state.save(&path).unwrap();
        let (mut again, _) = State::load(&path);
        again.reboot(Some("b".to_owned()));
        again.save(&path).unwrap();
        let boot = |a: &Option<Alive>| a.as_ref().map(|a| a.boot_id.clone());
        let (last, _) = State::load(&path);
        assert_eq!((boot(&last.alive), boot(&last.alive_before)), (Some("b".into()), Some("a".into())));
        assert_eq!(last.alive_before, state.alive);
    }
}

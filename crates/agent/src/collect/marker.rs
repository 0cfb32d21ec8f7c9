//! A file that says which boot is running, and whether it was shut down in order.

use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Root;

/// It is not larger.
const LARGEST: u64 = 4096;

/// What it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// The boot.
    pub boot_id: String,
    /// When it was last known to run.
    pub time: Timestamp,
    /// Whether it was told that the machine goes down.
    pub orderly: bool,
}

fn file(state: &Path) -> PathBuf {
    state.join("boot.json")
}

/// The running boot.
pub fn boot_id(root: &Root) -> Option<String> {
    root.word("/proc/sys/kernel/random/boot_id").filter(|id| !id.is_empty())
}

impl Marker {
    /// Reads it.
    pub fn load(state: &Path) -> Option<Marker> {
        let mut text = String::new();
        crate::root::open_file(&file(state)).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn save(&self, state: &Path) -> std::io::Result<()> {
        crate::write_whole(&file(state), serde_json::to_string(self)?.as_bytes())
    }

    /// This boot runs.
    pub fn begin(root: &Root, state: &Path) -> std::io::Result<()> {
        match boot_id(root) {
            Some(boot_id) => Marker { boot_id, time: Timestamp::now(), orderly: false }.save(state),
            None => Ok(()),
        }
    }
}

/// The machine goes down in order: what is found at the next boot is no crash. For the service's `ExecStop=`.
pub fn orderly_shutdown(root: &Root, state: &Path) -> std::io::Result<()> {
    match boot_id(root) {
        Some(boot_id) => Marker { boot_id, time: Timestamp::now(), orderly: true }.save(state),
        None => Ok(()),
    }
}

//! The list of crashes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::classes::{SOURCES, bounded, class};

/// So many are kept by name; older ones are only counted.
const KEPT: usize = 1000;
/// No list is larger.
const LARGEST: u64 = 16 << 20;

/// Something that tells of a crash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// `kdump`, `pstore`, `journal`, `bert`, `none`.
    pub source: &'static str,
    /// What tells it from all others: a path and a size, a hash of the text.
    pub key: String,
    /// When the machine died, as far as this tells.
    pub time: Timestamp,
    /// The boot that it ended.
    pub boot_id: Option<String>,
    /// What kind of failure.
    pub class: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// What makes the same bug look the same, by kind and function.
    pub fingerprint: Option<String>,
    /// Whether somebody asked for it.
    pub requested: bool,
    /// How sure that is.
    pub confidence: Option<f64>,
    /// The dump.
    pub dump: Option<PathBuf>,
    /// Whether the dump is whole; `None`: it could not be told.
    pub complete: Option<bool>,
    /// Files that were written about it.
    pub reports: Vec<PathBuf>,
}

impl Trace {
    /// The machine went down, and nothing says why.
    pub fn silent(time: Timestamp, boot: &str) -> Trace {
        Trace {
            source: "none",
            key: format!("none {boot}"),
            time,
            boot_id: Some(boot.to_owned()),
            title: Some("the machine went down without a trace".to_owned()),
            ..Trace::default()
        }
    }
}

/// A crash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Crash {
    /// Its name.
    pub id: String,
    /// When.
    pub time: Timestamp,
    /// What tells most of it.
    pub source: String,
    /// All that tell of it.
    pub sources: Vec<String>,
    /// What tells these from all others.
    pub keys: Vec<String>,
    /// What kind of failure.
    pub class: String,
    /// What it is called.
    pub title: String,
    /// What makes the same bug look the same.
    pub fingerprint: Option<String>,
    /// Whether somebody asked for it.
    pub requested: bool,
    /// How sure the class is.
    pub confidence: Option<f64>,
    /// The dump.
    pub dump: Option<PathBuf>,
    /// Whether it is whole.
    pub complete: Option<bool>,
    /// Files about it.
    pub reports: Vec<PathBuf>,
}

/// All crashes that are known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Crashes {
    /// Version of this form.
    pub schema: u32,
    /// Newest last.
    pub crashes: Vec<Crash>,
    /// Dumps that are there.
    pub dumps_present: u64,
    /// Boots that no orderly shutdown preceded.
    pub unclean_reboots: u64,
    /// The boot whose end was last dealt with.
    pub last_boot: Option<String>,
    /// How many there were of a class and a source.
    pub totals: BTreeMap<String, u64>,
}

impl Crashes {
    /// Reads the list. One that is broken is put aside, not overwritten.
    pub fn load(path: &Path, notes: &mut Vec<String>) -> Crashes {
        use std::io::Read;
        let mut text = String::new();
        let Ok(file) = std::fs::File::open(path) else { return Crashes { schema: 1, ..Crashes::default() } };
        let read = file.take(LARGEST).read_to_string(&mut text).map_err(anyhow::Error::from);
        match read.and_then(|_| Ok(serde_json::from_str(&text)?)) {
            Ok(list) => list,
            Err(e) => {
                let aside = path.with_extension("broken");
                let _ = std::fs::rename(path, &aside);
                notes.push(format!("{}: {e}; kept as {}", path.display(), aside.display()));
                Crashes { schema: 1, ..Crashes::default() }
            }
        }
    }

    /// Whether what this key stands for is known.
    pub fn knows(&self, key: &str) -> bool {
        self.crashes.iter().any(|c| c.keys.iter().any(|k| k == key))
    }

    /// A name for a crash.
    pub fn next_id(&self, crash: &Crash) -> String {
        let base = crash.time.strftime("%Y%m%d-%H%M%S").to_string();
        let taken = |id: &str| self.crashes.iter().any(|c| c.id == id);
        let more = (2..10_000).map(|n| format!("{base}-{n}"));
        std::iter::once(base.clone()).chain(more).find(|id| !taken(id)).unwrap_or(base)
    }

    /// Adds one.
    pub fn add(&mut self, crash: Crash) {
        let name = format!("{} {}", class(&crash.class), bounded(SOURCES, &crash.source, "none"));
        *self.totals.entry(name).or_default() += 1;
        self.crashes.push(crash);
        // A dump that is still there must stay known: it would be found again.
        while self.crashes.len() > KEPT {
            let Some(gone) = self.crashes.iter().position(|c| c.dump.as_ref().is_none_or(|d| !d.exists()))
            else {
                break;
            };
            self.crashes.remove(gone);
        }
    }
}

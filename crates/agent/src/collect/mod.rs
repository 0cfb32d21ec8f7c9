//! After the reboot: what did a crash leave, what does it say, and is it whole?
//!
//! Looks at the crash directory, pstore, the journal of the last boot and what firmware says in this one (BERT); joins what is of
//! one crash; has dumps analysed by this program in a child process with limits; writes the reports beside the dumps; keeps a list of
//! crashes. A boot that no orderly shutdown preceded is a crash even if nothing tells of it.

mod alive;
mod analyse;
mod dumps;
mod firmware;
mod join;
mod journal;
mod list;
mod marker;
mod pstore;
mod retention;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;

pub(crate) use dumps::find as find_dumps;

pub use alive::{LastAlive, Witness};
pub use analyse::{Analysis, Analyst};
pub use list::{Crash, Crashes, Trace};
pub use marker::{Marker, boot_id, orderly_shutdown};
pub use retention::Retention;

use crate::Root;
use crate::kdump::test as crash_test;

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine's files.
    pub root: Root,
    /// Where dumps are put; `None`: where kdump is told to put them.
    pub crash_dir: Option<PathBuf>,
    /// Where the list of crashes and copies of pstore records are kept.
    pub state_dir: PathBuf,
    /// Where `watch` remembers, on that machine: it knows when the last boot was still alive.
    pub watch_dir: PathBuf,
    /// The program that analyses; `None`: none is analysed.
    pub program: Option<PathBuf>,
    /// How long one analysis may take.
    pub patience: Duration,
    /// Bytes that stay free, whatever is to be written.
    pub keep_free: u64,
    /// What is kept.
    pub retention: Retention,
    /// Whether records are removed from pstore when they are safe here.
    pub clear_pstore: bool,
}

/// What was found this time.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Collected {
    /// Crashes that were not known before.
    pub new: Vec<Crash>,
    /// Dumps that were removed.
    pub removed: Vec<PathBuf>,
    /// Whether the last boot ended in order; `None`: not known.
    pub orderly: Option<bool>,
    /// When the last boot was last known to run, if its end is new and was not in order.
    pub last_alive: Option<LastAlive>,
    /// The result of a crash test that was waiting for this boot.
    pub test: Option<crash_test::Outcome>,
    /// What could not be done.
    pub notes: Vec<String>,
}

/// The name of the list of crashes in the state directory.
pub const LIST: &str = "crashes.json";

/// Looks, and remembers.
pub fn run(options: &Options) -> Result<Collected> {
    let state = &options.state_dir;
    std::fs::create_dir_all(state).with_context(|| state.display().to_string())?;
    let mut found = Collected::default();
    let mut list = Crashes::load(&state.join(LIST), &mut found.notes);
    let boot = boot_id(&options.root);
    // `None`: it is the same boot still, or the first that this runs in.
    let last = Marker::load(state).filter(|m| Some(&m.boot_id) != boot.as_ref());
    found.orderly = last.as_ref().map(|m| m.orderly);
    let mut traces = dumps::new(options, &list, &mut found.notes);
    traces.extend(pstore::new(options, &list, &mut found.notes));
    // Who was interrupted after the list was written has dealt with that boot.
    let last = last.filter(|m| list.last_boot.as_ref() != Some(&m.boot_id));
    if let Some(last) = &last {
        let alive = alive::last(options, last);
        let more = last_boot(options, last, alive.time, &traces, &mut found.notes);
        traces.extend(more);
        found.last_alive = (!last.orderly).then_some(alive);
        list.unclean_reboots += u64::from(!last.orderly);
        list.last_boot = Some(last.boot_id.clone());
    }
    let traces = join::known(&mut list.crashes, traces);
    found.new = join::crashes(traces);
    for crash in &mut found.new {
        crash.id = list.next_id(crash);
        list.add(crash.clone());
    }
    found.test = crash_test::verify(state, &found.new, Timestamp::now())?;
    found.removed = retention::apply(&options.retention, &mut list, &crash_dir(options), &mut found.notes);
    list.dumps_present =
        list.crashes.iter().filter(|c| c.dump.as_ref().is_some_and(|d| d.exists())).count() as u64;
    crate::write_public(&state.join(LIST), serde_json::to_string(&list)?.as_bytes())
        .with_context(|| state.join(LIST).display().to_string())?;
    // Last: who is interrupted before finds the same again.
    Marker::begin(&options.root, state)?;
    Ok(found)
}

/// What the last boot left elsewhere than in a dump: its journal, the firmware's words, or nothing at all.
fn last_boot(
    options: &Options,
    marker: &Marker,
    alive: Timestamp,
    known: &[Trace],
    notes: &mut Vec<String>,
) -> Vec<Trace> {
    let boot = marker.boot_id.as_str();
    if marker.orderly {
        let recorded = firmware::trace(options, boot, alive).and_then(|t| t.title);
        notes.extend(recorded.map(|t| format!("{t}; but the last boot was shut down in order")));
        return Vec::new();
    }
    let mut traces: Vec<Trace> = journal::trace(options, boot, alive, notes).into_iter().collect();
    // Whatever died since that boot was last seen to run is what ended it.
    let end = known.iter().chain(&traces).map(|t| t.time).filter(|t| *t >= alive).max();
    if end.is_none() {
        traces.push(Trace::silent(alive, boot));
    }
    traces.extend(firmware::trace(options, boot, end.unwrap_or(alive)));
    traces
}

/// Where dumps are.
pub fn crash_dir(options: &Options) -> PathBuf {
    match &options.crash_dir {
        Some(dir) => dir.clone(),
        None => {
            let directory = crate::kdump::System::of(options.root.clone()).local_directory();
            options.root.path(directory.as_deref().unwrap_or("/var/crash"))
        }
    }
}

/// Whether so many bytes can be written without filling the disk.
fn has_room(dir: &Path, bytes: u64, keep_free: u64) -> bool {
    let Ok(stat) = rustix::fs::statvfs(dir) else { return false };
    stat.f_bavail.saturating_mul(stat.f_frsize) >= bytes.saturating_add(keep_free)
}

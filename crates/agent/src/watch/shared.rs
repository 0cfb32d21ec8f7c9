//! What the threads share.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Config;
use super::event::Event;
use super::outbox::Outbox;
use super::state::{Places, State};
use super::tell::Lines;
use crate::Root;
use crate::collect;
use crate::metrics::{Sample, Values};

/// Shared by all threads.
pub struct Shared {
    /// What to do.
    pub config: Config,
    state_file: PathBuf,
    inner: Mutex<Inner>,
    changed: Condvar,
    journal: Mutex<Box<dyn Write + Send>>,
}

/// What changes.
pub struct Inner {
    /// What is remembered.
    pub state: State,
    /// Counters.
    pub values: Values,
    /// Events that are not told everywhere.
    pub outbox: Outbox,
    /// What was found out about kdump and the kernel.
    pub gauges: Vec<Sample>,
    lines: Option<Lines>,
    /// Grows with each change that somebody may wait for.
    changes: u64,
}

impl Shared {
    /// Reads what is remembered, and finishes what was begun.
    pub fn open(config: Config, journal: Box<dyn Write + Send>) -> Result<Shared> {
        let places = Places::of(&config.state_dir);
        let (mut state, broken) = State::load(&places.state);
        // Before the first save: it says of which boot it is.
        let boot_id = collect::boot_id(&Root::new("/"));
        if state.boot_id != boot_id {
            state.reboot(boot_id);
        }
        let interval = config.interval_seconds as f64;
        state.limiter = std::mem::take(&mut state.limiter).resumed(interval);
        let outbox = Outbox::open(&places.outbox, config.spool_bytes)
            .with_context(|| places.outbox.display().to_string())?;
        let lines = match &config.lines {
            Some(path) => Some(Lines::open(path).with_context(|| path.display().to_string())?),
            None => None,
        };
        let values = state.values();
        let inner = Inner { state, values, outbox, gauges: Vec::new(), lines, changes: 0 };
        let shared = Shared {
            config,
            state_file: places.state,
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            journal: Mutex::new(journal),
        };
        if let Some(why) = broken {
            shared.say(4, &format!("what was remembered is lost: {why}"));
        }
        shared.finish()?;
        Ok(shared)
    }

    /// Events that were in the outbox before the state knew of them: whoever wrote them was killed in between.
    fn finish(&self) -> Result<()> {
        let mut inner = self.lock();
        for name in inner.outbox.names() {
            let Some(event) = inner.outbox.get(&name) else {
                inner.outbox.remove(&name)?;
                continue;
            };
            if !inner.state.ids.contains(&event.id) {
                inner.write_line(&event)?;
                inner.state.told(&event.id);
            }
        }
        inner.state.save(&self.state_file)?;
        Ok(())
    }

    /// All of it; a thread that panicked left nothing half done that matters.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much has changed so far.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Waits until more has changed than that, or so long.
    pub fn wait(&self, seen: u64, most: Duration) {
        let _ = self.changed.wait_timeout_while(self.lock(), most, |inner| inner.changes == seen);
    }

    /// Tells the waiting threads to look.
    pub fn wake(&self) {
        self.lock().changes += 1;
        self.changed.notify_all();
    }

    /// Saves what is remembered. The lock is held meanwhile, so that no older state overwrites a newer one.
    pub fn save(&self, inner: &mut Inner) -> io::Result<()> {
        inner.state.save(&self.state_file)
    }

    /// Keeps an event for good, if it is new: when the state is saved it will be told, whatever happens.
    pub fn keep(&self, inner: &mut Inner, event: &Event) -> io::Result<bool> {
        if inner.state.ids.contains(&event.id) {
            return Ok(false);
        }
        let dropped = inner.outbox.put(event)?;
        inner.values.add("necropsy_uploads_total", &["dropped"], dropped);
        inner.write_line(event)?;
        inner.state.told(&event.id);
        inner.values.add("necropsy_events_told_total", &[], 1);
        Ok(true)
    }

    /// A line for the journal, with the level that systemd takes off its front.
    pub fn say(&self, level: u8, text: &str) {
        let plain: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(journal, "<{level}>{plain}");
        let _ = journal.flush();
    }
}

impl Inner {
    fn write_line(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.lines {
            Some(lines) => lines.write(event),
            None => Ok(()),
        }
    }
}

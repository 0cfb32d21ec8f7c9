//! Reads the log, recognises what it reports, and decides what is told.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use necropsy_klog::{Limits, Live, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::Root;

use super::event::{Event, quoted, quoted_end};
use super::limiter::Decision;
use super::notice::{count, running_kernel, warm_up};
use super::notify::Watchdog;
use super::ring::Ring;
use super::scrub::scrubbed;
use super::sequence::{self, Seen, Sequence};
use super::shared::Shared;
use super::source::{CHUNK, Got, Kind, Log};

mod place;

/// A report is over when it said nothing for so long, by the log's own time …
const SILENCE: f64 = 0.3;
/// … or the log said nothing at all for so long.
const QUIET: Duration = Duration::from_millis(150);
/// A file is looked at that often.
const LOOK: Duration = Duration::from_millis(250);
/// No line is longer.
const LONGEST: usize = 64 << 10;
/// Lines that are quoted from before a report.
const BEFORE: u64 = 200;
/// No report holds the log open for more lines: it is told as far as it goes.
const OPEN: u64 = 6000;

/// Follows one source.
pub struct Follower<L> {
    source: L,
    shared: Arc<Shared>,
    live: Live,
    ring: Ring,
    sequence: Sequence,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// Bytes of the file that were taken, in whole lines.
    offset: u64,
    boot_id: Option<String>,
    node: Option<String>,
    dirty: bool,
    saved: Instant,
    heard: Instant,
    watchdog: Watchdog,
}

impl<L: Log> Follower<L> {
    /// Goes on where the last run stopped, if it is still the same boot or file.
    pub fn new(source: L, shared: Arc<Shared>) -> Follower<L> {
        let boot_id = shared.lock().state.boot_id.clone();
        let node = shared.config.node.clone().filter(|n| !n.is_empty());
        let limits = Limits { boot: 16, open: 8, ..Limits::default() };
        Follower {
            source,
            shared,
            live: Live::new(limits),
            ring: Ring::default(),
            sequence: Sequence::default(),
            rest: Vec::new(),
            offset: 0,
            boot_id,
            node: node.or_else(|| Root::new("/").word("/proc/sys/kernel/hostname")),
            dirty: false,
            saved: Instant::now(),
            heard: Instant::now(),
            watchdog: Watchdog::from_env(),
        }
    }

    /// Runs until the end, or until the socket can be read.
    pub fn run(mut self, stop: &UnixStream) -> Result<()> {
        warm_up();
        self.resume()?;
        let mut buffer = vec![0; CHUNK];
        loop {
            self.watchdog.feed();
            match self.source.read(&mut buffer) {
                Ok(Got::Bytes(n)) => {
                    self.take(buffer.get(..n).unwrap_or_default())?;
                    self.save_if_due();
                }
                Ok(Got::Nothing) => {
                    if self.wait(stop)? {
                        break;
                    }
                }
                Ok(Got::Overrun) => self.count("necropsy_kmsg_read_errors_total", 1),
                Ok(Got::Replaced) => self.begin_again(),
                Ok(Got::End) => break,
                Err(e) => {
                    self.count("necropsy_kmsg_read_errors_total", 1);
                    return Err(e).context("reading the log");
                }
            }
            if self.heard.elapsed() > Duration::from_secs(1) && stopped(stop) {
                break;
            }
        }
        self.settle(None)?;
        self.save();
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        let position = self.shared.lock().state.position.clone();
        self.sequence.done = position.sequence;
        if self.source.kind() == Kind::File && position.inode == self.source.inode() {
            self.offset = position.offset.unwrap_or(0);
            self.source.seek(self.offset)?;
        }
        Ok(())
    }

    /// Another file, or the same from its beginning.
    fn begin_again(&mut self) {
        self.rest.clear();
        self.offset = 0;
        self.sequence = Sequence::default();
        self.dirty = true;
    }

    /// Waits for more; `true`: it is to stop.
    fn wait(&mut self, stop: &UnixStream) -> Result<bool> {
        let busy = self.live.first_open().is_some();
        if busy && self.heard.elapsed() >= QUIET {
            self.settle(None)?;
        }
        self.save_if_due();
        let mut most = self.watchdog.pause();
        let mut at_most = |d: Duration| most = Some(most.map_or(d, |m: Duration| m.min(d)));
        if self.live.first_open().is_some() {
            at_most(QUIET);
        }
        at_most(self.save_within().saturating_sub(self.saved.elapsed()) + Duration::from_millis(10));
        if self.source.kind() == Kind::File {
            at_most(LOOK);
        }
        let timeout = most.and_then(|d| Timespec::try_from(d).ok());
        let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
        fds.extend(self.source.fd().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).context("waiting for the log"),
        }
        Ok(fds.first().is_some_and(|f| f.revents().contains(PollFlags::IN)))
    }

    /// Takes what was read.
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.heard = Instant::now();
        let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let (whole, rest) = bytes.split_at(end);
        if !whole.is_empty() {
            if self.rest.is_empty() {
                self.lines(whole)?;
            } else {
                let mut joined = std::mem::take(&mut self.rest);
                joined.extend_from_slice(whole);
                self.lines(&joined)?;
            }
        }
        self.rest.extend_from_slice(rest);
        if self.rest.len() > LONGEST {
            self.rest.push(b'\n');
            let cut = std::mem::take(&mut self.rest);
            self.count("necropsy_lines_cut_total", 1);
            self.lines(&cut)?;
        }
        Ok(())
    }

    /// Takes whole lines: counts them, keeps them, and has them looked at.
    fn lines(&mut self, whole: &[u8]) -> Result<()> {
        self.dirty = true;
        let (mut records, mut lost) = (0, 0);
        let (mut from, mut start) = (0, 0);
        let mut skipping = false;
        for end in memchr::memchr_iter(b'\n', whole) {
            let line = whole.get(start..end).unwrap_or_default();
            let before = self.sequence;
            let seen = sequence::of(line).map(|n| self.sequence.take(n));
            skipping = seen.map_or(skipping, |s| s == Seen::Old);
            if let Some(Seen::New(1..) | Seen::Again) = seen {
                self.interrupted(before, whole.get(from..start).unwrap_or_default())?;
                from = start;
            }
            // A dictionary is its record's; a line without a number is one of its own.
            let counts = seen.map_or(!line.starts_with(b" "), |s| s != Seen::Old);
            records += u64::from(counts);
            lost += if let Some(Seen::New(n)) = seen { n } else { 0 };
            if skipping {
                self.give(whole.get(from..start).unwrap_or_default())?;
                from = end + 1;
            } else {
                self.ring.push(line);
            }
            self.offset += line.len() as u64 + 1;
            start = end + 1;
        }
        self.give(whole.get(from..).unwrap_or_default())?;
        self.counted(records, lost);
        self.settle(Some(SILENCE))
    }

    /// Records are missing: what these lines and those before them began does not go on after the gap, where others may be speaking.
    fn interrupted(&mut self, before: Sequence, lines: &[u8]) -> Result<()> {
        // What is saved meanwhile must not know of the record after the gap.
        let after = std::mem::replace(&mut self.sequence, before);
        self.give(lines)?;
        self.settle(None)?;
        self.sequence = after;
        Ok(())
    }

    fn counted(&self, records: u64, lost: u64) {
        let mut inner = self.shared.lock();
        inner.values.add("necropsy_kmsg_records_total", &[], records);
        if lost > 0 {
            inner.values.add("necropsy_kmsg_lost_records_total", &[], lost);
            inner.state.lost = inner.state.lost.saturating_add(lost);
            drop(inner);
            self.shared.say(4, &format!("{lost} records of the kernel's log were lost"));
        }
    }

    fn give(&mut self, lines: &[u8]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let reports = self.live.take(lines);
        self.tell(reports)
    }

    fn settle(&mut self, silence: Option<f64>) -> Result<()> {
        // One that goes on for ever must not keep the others from being saved.
        let stuck =
            self.live.first_open().is_some_and(|first| self.live.taken().saturating_sub(first) > OPEN);
        let reports = self.live.settle(if stuck { None } else { silence });
        self.tell(reports)
    }

    /// Counts reports, and tells those that are to be told. Counters, events and the position change together.
    fn tell(&mut self, reports: Vec<Report>) -> Result<()> {
        if reports.is_empty() {
            return Ok(());
        }
        let now = Timestamp::now().as_millisecond() as f64 / 1000.0;
        let position = self.position();
        let shared = self.shared.clone();
        let mut inner = shared.lock();
        let mut told = Vec::new();
        for report in &reports {
            let (count, untold) = match count(&mut inner, report, now) {
                Decision::First => (1, 0),
                Decision::Again(count, untold) => (count, untold),
                Decision::Count => continue,
            };
            let event = self.event(report, count, untold);
            match shared.keep(&mut inner, &event) {
                Ok(true) => told.push(event),
                Ok(false) => {}
                Err(e) => {
                    inner.values.add("necropsy_uploads_total", &["dropped"], 1);
                    shared.say(3, &format!("an event is lost: {e}: {}", event.line()));
                }
            }
        }
        inner.state.position = position;
        if told.is_empty() {
            return Ok(());
        }
        let result = shared.save(&mut inner);
        self.note_save(result);
        drop(inner);
        told.iter().for_each(|e| shared.say(if e.role == "precursor" { 5 } else { 4 }, &e.line()));
        shared.wake();
        Ok(())
    }

    /// A full disk is no reason to stop looking.
    fn note_save(&mut self, result: std::io::Result<()>) {
        (self.dirty, self.saved) = (result.is_err(), Instant::now());
        if let Err(e) = result {
            self.shared.say(3, &format!("what is to be remembered cannot be saved: {e}"));
        }
    }

    fn event(&self, report: &Report, count: u64, suppressed: u64) -> Event {
        let mut event = Event::of(report);
        let place = self.place(report.first_line);
        let boot = self.boot_id.as_deref().unwrap_or("unknown");
        let short = report.fingerprint.strict.get(..8).unwrap_or_default();
        event.id = format!("{}-{place:020}-{short}", boot.get(..8).unwrap_or(boot));
        event.boot_id.clone_from(&self.boot_id);
        event.node.clone_from(&self.node);
        event.kernel = event.kernel.or_else(running_kernel);
        (event.count, event.suppressed) = (count, suppressed);
        if suppressed > 0 || count > 1 {
            event.kind = "again".to_owned();
        }
        if self.shared.config.quote {
            event.log = self.scrubbed(quoted(self.ring.lines(report.first_line, report.last_line)));
            if count == 1 {
                let from = report.first_line.saturating_sub(BEFORE);
                let before = self.ring.lines(from, report.first_line.saturating_sub(1));
                event.before = self.scrubbed(quoted_end(before));
            }
        }
        event
    }

    fn scrubbed(&self, lines: Vec<String>) -> Vec<String> {
        if self.shared.config.scrub { lines.iter().map(|l| scrubbed(l)).collect() } else { lines }
    }

    fn count(&self, name: &'static str, n: u64) {
        self.shared.lock().values.add(name, &[], n);
    }
}

fn stopped(stop: &UnixStream) -> bool {
    let mut fds = [PollFd::new(stop, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|n| n > 0)
}

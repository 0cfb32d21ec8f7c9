//! Logs as they come: compressed or not, text, JSON, journal export, parts of a pstore.
//!
//! Everything is streamed: what is kept is bounded by [`Limits`] and by the longest line, 64 KiB.

mod clean;
mod decompress;
mod export;
mod json;
mod lines;
mod live;
mod pstore;

use std::io::{self, BufReader, Read};

use crate::{Detector, Limits, Record, Report};

pub use clean::text_of;
pub use decompress::decompressed;
pub use live::Live;
pub use pstore::is_part as is_pstore_part;

/// The longest line that is kept; what is longer is cut.
const LONGEST: usize = 64 << 10;
/// How much is looked at to tell the form.
const HEAD: u64 = 4096;
/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines, or records of a journal.
    pub lines: u64,
    /// Whether any of it was of the kernel: a prefix of its own, or a report.
    pub kernel: bool,
}

/// Finds the reports in a log of any form, and hands each over as soon as it is known.
///
/// ```
/// let log = b"[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000008\n\
///             [    1.0] RIP: 0010:poke+0x12/0x34 [mine]\n";
/// let mut titles = Vec::new();
/// let read = necropsy_klog::read_reports(&log[..], |report| titles.push(report.title))?;
/// assert_eq!(titles, ["BUG: unable to handle kernel NULL pointer dereference in poke"]);
/// assert!(read.kernel);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_reports(input: impl Read, mut on: impl FnMut(Report)) -> io::Result<Summary> {
    let mut sink = Detecting { detector: Detector::new(Limits::default()), on: &mut on, found: false };
    let mut summary = stream(input, &mut sink)?;
    let Detecting { detector, found, .. } = sink;
    let rest = detector.finish();
    summary.kernel |= found || !rest.is_empty();
    rest.into_iter().for_each(on);
    Ok(summary)
}

/// All records of a log of any form, in order.
pub fn read_records(input: impl Read, mut on: impl FnMut(Record)) -> io::Result<Summary> {
    struct All<'a>(&'a mut dyn FnMut(Record));
    impl Sink for All<'_> {
        fn record(&mut self, record: Record) {
            (self.0)(record);
        }
        fn skips(&self) -> bool {
            false
        }
        fn boot(&mut self) {}
    }
    stream(input, &mut All(&mut on))
}

/// The reports of a log in memory.
pub fn reports(log: &[u8]) -> Vec<Report> {
    let mut found = Vec::new();
    // Reading from memory does not fail; a compressed log that is cut gives what is whole.
    let _ = read_reports(log, |r| found.push(r));
    found
}

/// Takes records.
trait Sink {
    fn record(&mut self, record: Record);
    /// Whether lines that no pattern can match may be left out just now.
    fn skips(&self) -> bool;
    /// Another boot begins.
    fn boot(&mut self);
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn record(&mut self, record: Record) {
        (**self).record(record);
    }
    fn skips(&self) -> bool {
        (**self).skips()
    }
    fn boot(&mut self) {
        (**self).boot();
    }
}

struct Detecting<'a> {
    detector: Detector,
    on: &'a mut dyn FnMut(Report),
    found: bool,
}

impl Sink for Detecting<'_> {
    fn record(&mut self, record: Record) {
        self.detector.push(record);
        let ready = self.detector.ready();
        self.found |= !ready.is_empty();
        ready.into_iter().for_each(&mut *self.on);
    }
    fn skips(&self) -> bool {
        self.detector.is_idle()
    }
    fn boot(&mut self) {
        self.detector.boot();
    }
}

fn stream(input: impl Read, sink: &mut dyn Sink) -> io::Result<Summary> {
    let mut input = decompressed(input)?;
    let mut head = Vec::new();
    input.by_ref().take(HEAD).read_to_end(&mut head)?;
    let form = form(&head);
    let reader = BufReader::with_capacity(CHUNK, io::Cursor::new(head).chain(input));
    match form {
        Form::Journal => json::read(reader, 1, sink),
        Form::Dmesg => json::read(reader, 2, sink),
        Form::Export => export::read(reader, sink),
        Form::Pstore => lines::read(&pstore::in_order(reader)?[..], sink),
        Form::Text => lines::read(reader, sink),
    }
}

enum Form {
    Journal,
    Dmesg,
    Export,
    Pstore,
    Text,
}

fn form(head: &[u8]) -> Form {
    let text = head.trim_ascii_start();
    let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    if text.starts_with(b"{") && has(b"\"dmesg\"") {
        Form::Dmesg
    } else if text.starts_with(b"{\"")
        && (has(b"\"MESSAGE\"") || has(b"\"__CURSOR\"") || has(b"_TIMESTAMP\""))
    {
        Form::Journal
    } else if text.starts_with(b"__CURSOR=") || text.starts_with(b"__REALTIME_TIMESTAMP=") {
        Form::Export
    } else if pstore::is_part(head) {
        Form::Pstore
    } else {
        Form::Text
    }
}

#[cfg(test)]
mod tests;

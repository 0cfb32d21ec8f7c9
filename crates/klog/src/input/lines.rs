//! Text, line by line; while nothing is being collected, lines that no pattern can match are not even looked at.

use std::borrow::Cow;
use std::io::{self, BufRead};

use memchr::{memchr, memchr_iter, memrchr};

use super::{CHUNK, LONGEST, Sink, Summary, text_of};
use crate::patterns::MATCHER;
use crate::{Prefix, Record};

/// How many lines of a chunk are looked at to tell whether it is the kernel's.
const SAMPLE: usize = 200;

/// Reads text to its end.
pub(super) fn read(mut input: impl BufRead, sink: &mut dyn Sink) -> io::Result<Summary> {
    let mut lines = Lines::new(sink);
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * CHUNK);
    loop {
        let before = buffer.len();
        let read = fill(&mut input, &mut buffer)?;
        let end = match memrchr(b'\n', &buffer[before..]) {
            Some(at) => before + at + 1,
            None if read == 0 || buffer.len() >= CHUNK => buffer.len(),
            None => continue,
        };
        lines.take(&buffer[..end]);
        buffer.drain(..end);
        if read == 0 {
            lines.release();
            return Ok(Summary { lines: lines.number, kernel: lines.tagged });
        }
    }
}

/// Takes what is there: who watches a log as it grows does not wait for more.
fn fill(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let chunk = input.fill_buf()?;
    let read = chunk.len();
    buffer.extend_from_slice(chunk);
    input.consume(read);
    Ok(read)
}

/// Lines to records.
pub(super) struct Lines<S> {
    pub sink: S,
    /// How many lines there were.
    pub number: u64,
    /// The record before, and how long its line was: it may go on in the next.
    held: Option<(Record, usize, bool)>,
    /// Whether times since boot were seen.
    timed: bool,
    tagged: bool,
}

impl<S: Sink> Lines<S> {
    pub fn new(sink: S) -> Lines<S> {
        Lines { sink, number: 0, held: None, timed: false, tagged: false }
    }

    /// Takes whole lines.
    pub fn take(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            if self.held.is_none() && self.sink.skips() {
                let hit = MATCHER.first(text).unwrap_or(text.len());
                let start = memrchr(b'\n', &text[..hit]).map_or(0, |at| at + 1);
                let skipped = if hit == text.len() { text } else { &text[..start] };
                self.number += memchr_iter(b'\n', skipped).count() as u64;
                if !self.tagged && !skipped.is_empty() {
                    let some = skipped.split(|b| *b == b'\n').filter(|l| !l.is_empty()).take(SAMPLE);
                    self.tagged =
                        some.map(|l| text_of(&l[..l.len().min(200)])).any(|l| Prefix::of(&l).kernel);
                }
                text = &text[skipped.len()..];
                if text.is_empty() {
                    // A last line without an end is one too.
                    self.number += u64::from(skipped.last().is_some_and(|b| *b != b'\n'));
                    return;
                }
            }
            let end = memchr(b'\n', text).unwrap_or(text.len());
            self.number += 1;
            self.line(&text[..end.min(LONGEST)]);
            text = text.get(end + 1..).unwrap_or_default();
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let text = text_of(bytes);
        let text = without_piece_headers(&text);
        let prefix = Prefix::of(&text);
        self.timed |= prefix.seconds.is_some();
        self.tagged |= prefix.kernel || text.starts_with("Linux version ");
        let message = prefix.rest(&text);
        if self.continues(&prefix, message, bytes.len()) {
            return;
        }
        self.release();
        // Another CPU may have printed into the middle of the line.
        let cut = if self.timed { time_within(message) } else { None };
        if let Some(at) = cut {
            if !message[..at].trim().is_empty() {
                let first = self.record(&prefix, &message[..at]);
                self.sink.record(first);
            }
            let rest = &message[at..];
            let prefix = Prefix::of(rest);
            let record = self.record(&prefix, prefix.rest(rest));
            self.hold(record, bytes.len(), false);
            return;
        }
        let dictionary = is_kmsg(&prefix, &text);
        for (i, part) in unescaped(message, dictionary).split('\n').enumerate() {
            if i > 0 {
                self.release();
            }
            let record = self.record(&prefix, part);
            self.hold(record, bytes.len(), dictionary);
        }
    }

    fn record(&self, prefix: &Prefix, message: &str) -> Record {
        Record {
            line: self.number,
            seconds: prefix.seconds,
            level: prefix.level,
            facility: prefix.facility,
            caller: prefix.caller,
            cpu: prefix.cpu,
            text: message.to_owned(),
            tagged: prefix.is_some(),
            foreign: prefix.program.is_some() || prefix.facility.is_some_and(|f| f != 0),
        }
    }

    /// Number of the line that may go on.
    pub fn held_line(&self) -> Option<u64> {
        self.held.as_ref().map(|(record, ..)| record.line)
    }

    fn hold(&mut self, record: Record, length: usize, kmsg: bool) {
        self.held = Some((record, length, kmsg));
    }

    /// The last record does not go on.
    pub fn release(&mut self) {
        if let Some((record, ..)) = self.held.take() {
            self.sink.record(record);
        }
    }

    /// Whether a line is the next piece of a record that netconsole cut (drivers/net/netconsole.c, `ncfrag=OFFSET/LENGTH`).
    fn is_next_piece(record: &Record, prefix: &Prefix) -> bool {
        let same = record.seconds == prefix.seconds && record.caller == prefix.caller;
        same && prefix.fragment.is_some_and(|at| at > 0 && at == record.text.len())
    }

    /// Whether a line is the rest of the one before: wrapped at the edge of a terminal, a fragment, or its dictionary.
    fn continues(&mut self, prefix: &Prefix, message: &str, length: usize) -> bool {
        let Some((record, before, kmsg)) = &mut self.held else { return false };
        if *kmsg && !prefix.is_some() && message.starts_with(' ') {
            return message.contains('=');
        }
        let piece = Self::is_next_piece(record, prefix);
        let wrapped = record.tagged && !prefix.is_some() && matches!(*before, 80 | 132) && length > 0;
        if (piece || wrapped || prefix.continues && *kmsg) && record.text.len() < LONGEST {
            record.text.push_str(message);
            *before = length;
            return true;
        }
        false
    }
}

fn is_kmsg(prefix: &Prefix, line: &str) -> bool {
    prefix.seconds.is_some() && line.get(..prefix.end).is_some_and(|p| p.contains(';'))
}

/// Pieces of a netconsole record carry its header each, and only the last has a line end: written one behind the other they are
/// one line.
fn without_piece_headers(text: &str) -> Cow<'_, str> {
    const MARK: &str = ",ncfrag=";
    let Some(mark) = text.find(MARK).filter(|mark| text[mark + 1..].contains(MARK)) else {
        return text.into();
    };
    let head = &text[text[..mark].rfind(' ').map_or(0, |at| at + 1)..mark + MARK.len()];
    let mut pieces = text.split(head);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for (i, piece) in pieces.enumerate() {
        match piece.split_once(';') {
            Some((place, rest)) if i == 0 => out.extend([head, place, ";", rest]),
            Some((_, rest)) => out += rest,
            None => out += piece,
        }
    }
    out.into()
}

/// /dev/kmsg writes control characters as `\x0a`.
fn unescaped(message: &str, kmsg: bool) -> Cow<'_, str> {
    if kmsg && message.contains("\\x0a") { message.replace("\\x0a", "\n").into() } else { message.into() }
}

/// Where a time since boot stands within a message.
fn time_within(message: &str) -> Option<usize> {
    let bytes = message.as_bytes();
    memchr_iter(b'[', bytes).find(|at| {
        let Some(end) = memchr(b']', &bytes[*at..bytes.len().min(at + 24)]) else { return false };
        let inner = bytes[at + 1..at + end].trim_ascii_start();
        let Some(dot) = memchr(b'.', inner) else { return false };
        let digits = |d: &[u8]| !d.is_empty() && d.iter().all(u8::is_ascii_digit);
        digits(&inner[..dot]) && inner.len() == dot + 7 && digits(&inner[dot + 1..])
    })
}

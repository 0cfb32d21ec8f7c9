//! `journalctl -o json` and `dmesg --json`.

use std::io::{self, BufRead};

use serde_json::Value;

use super::{Sink, Summary};
use crate::{Caller, Prefix, Record};

/// The longest object that is read.
const LONGEST: usize = 1 << 20;

/// Reads the objects that lie this deep.
pub(super) fn read(mut input: impl BufRead, depth: usize, sink: &mut dyn Sink) -> io::Result<Summary> {
    let mut objects = Objects { depth, ..Objects::default() };
    let mut summary = Summary::default();
    let mut boot = None;
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(summary);
        }
        let n = chunk.len();
        let mut found = Vec::new();
        chunk.iter().for_each(|b| found.extend(objects.next(*b)));
        input.consume(n);
        for (line, object) in found {
            summary.lines += 1;
            let Ok(object) = serde_json::from_slice::<Value>(&object) else { continue };
            let id = object["_BOOT_ID"].as_str().map(str::to_owned);
            if boot.is_some() && id.is_some() && id != boot {
                sink.boot();
            }
            boot = id.or(boot);
            for record in records(&object, line) {
                summary.kernel |= !record.foreign;
                sink.record(record);
            }
        }
    }
}

/// Cuts a stream into objects.
#[derive(Default)]
struct Objects {
    depth: usize,
    at: usize,
    text: bool,
    escaped: bool,
    line: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Objects {
    /// Takes a byte; an object, if it ends here.
    fn next(&mut self, byte: u8) -> Option<(u64, Vec<u8>)> {
        self.line += u64::from(byte == b'\n');
        match (self.text, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (_, b'"') => self.text = !self.text,
            (false, b'{') => {
                self.at += 1;
                if self.at == self.depth {
                    self.bytes.clear();
                    self.start = self.line + 1;
                }
            }
            _ => {}
        }
        if self.at >= self.depth && self.bytes.len() < LONGEST {
            self.bytes.push(byte);
        }
        if !self.text && byte == b'}' {
            self.at = self.at.saturating_sub(1);
            if self.at + 1 == self.depth {
                return Some((self.start, std::mem::take(&mut self.bytes)));
            }
        }
        None
    }
}

/// The lines of an object's message.
fn records(object: &Value, line: u64) -> Vec<Record> {
    let message = ["MESSAGE", "msg", "message"].iter().map(|k| &object[*k]).find(|v| !v.is_null());
    let text = match message {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(bytes)) => {
            let bytes: Vec<u8> = bytes.iter().filter_map(|b| b.as_u64()?.try_into().ok()).collect();
            bytes.split(|b| *b == b'\n').map(super::text_of).collect::<Vec<_>>().join("\n")
        }
        _ => return Vec::new(),
    };
    let number = |key: &str| {
        let value = &object[key];
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    let micros = number("_SOURCE_MONOTONIC_TIMESTAMP").or_else(|| number("__MONOTONIC_TIMESTAMP"));
    let seconds = number("time").or(micros.map(|us| us / 1e6));
    let level = number("pri").or_else(|| number("PRIORITY")).map(|n| n as u64 & 7);
    let transport = object["_TRANSPORT"].as_str();
    let foreign = transport.is_some_and(|t| t != "kernel");
    let caller = object["caller"].as_str().and_then(Caller::parse);
    from_text(&text, line, seconds, level.and_then(|l| u8::try_from(l).ok()), caller, foreign)
}

/// A message of a journal as records: one a line, without prefixes that a console left in it.
pub(super) fn from_text(
    text: &str,
    line: u64,
    seconds: Option<f64>,
    level: Option<u8>,
    caller: Option<Caller>,
    foreign: bool,
) -> Vec<Record> {
    let one = |part: &str| {
        let prefix = Prefix::of(part);
        Record {
            line,
            seconds: seconds.or(prefix.seconds),
            level: level.or(prefix.level),
            facility: None,
            caller: caller.or(prefix.caller),
            cpu: prefix.cpu,
            text: prefix.rest(part).to_owned(),
            tagged: true,
            foreign,
        }
    };
    text.split('\n').take(4096).map(one).collect()
}

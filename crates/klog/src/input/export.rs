//! `journalctl -o export`: fields `NAME=value`, or `NAME`, a length and as many bytes; an empty line ends an entry.

use std::io::{self, BufRead, Read};

use super::json::from_text;
use super::{LONGEST, Sink, Summary, text_of};

#[derive(Default)]
struct Entry {
    message: String,
    seconds: Option<f64>,
    level: Option<u8>,
    foreign: bool,
    boot: Option<String>,
}

/// Reads entries to the end.
pub(super) fn read(mut input: impl BufRead, sink: &mut dyn Sink) -> io::Result<Summary> {
    let mut summary = Summary::default();
    let mut entry = Entry::default();
    let mut boot: Option<String> = None;
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line)?;
        let field = line.strip_suffix(b"\n").unwrap_or(&line);
        if !field.is_empty() {
            take(&mut entry, field, &mut input)?;
            continue;
        }
        if !entry.message.is_empty() {
            summary.lines += 1;
            summary.kernel |= !entry.foreign;
            if boot.is_some() && entry.boot.is_some() && entry.boot != boot {
                sink.boot();
            }
            boot = entry.boot.take().or(boot);
            let records =
                from_text(&entry.message, summary.lines, entry.seconds, entry.level, None, entry.foreign);
            records.into_iter().for_each(|r| sink.record(r));
        }
        entry = Entry::default();
        if read == 0 {
            return Ok(summary);
        }
    }
}

fn take(entry: &mut Entry, field: &[u8], input: &mut impl BufRead) -> io::Result<()> {
    let (name, value) = match memchr::memchr(b'=', field) {
        Some(at) => (&field[..at], field[at + 1..].to_vec()),
        None => (field, binary(input)?),
    };
    let text = value.split(|b| *b == b'\n').map(text_of).collect::<Vec<_>>().join("\n");
    match name {
        b"MESSAGE" => entry.message = text,
        b"PRIORITY" => entry.level = text.parse().ok(),
        b"_TRANSPORT" => entry.foreign = text != "kernel",
        b"_BOOT_ID" => entry.boot = Some(text),
        b"_SOURCE_MONOTONIC_TIMESTAMP" => entry.seconds = text.parse().ok().map(|us: f64| us / 1e6),
        b"__MONOTONIC_TIMESTAMP" if entry.seconds.is_none() => {
            entry.seconds = text.parse().ok().map(|us: f64| us / 1e6);
        }
        _ => {}
    }
    Ok(())
}

/// A value that is not one line of text; what is too long is read over.
fn binary(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    if input.read_exact(&mut length).is_err() {
        return Ok(Vec::new());
    }
    let length = u64::from_le_bytes(length);
    let mut value = Vec::new();
    input.by_ref().take(length.min(LONGEST as u64)).read_to_end(&mut value)?;
    io::copy(&mut input.by_ref().take(length.saturating_sub(LONGEST as u64)), &mut io::sink())?;
    io::copy(&mut input.by_ref().take(1), &mut io::sink())?;
    Ok(value)
}

//! `dev -V`, `-v`: what drivers saved of their devices when the kernel died. Only kdump's own ELF files have it.

use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::{CommandError, Context, Sink, number};

/// What is there of one device.
#[derive(Serialize, JsonSchema)]
pub struct DumpRow {
    index: usize,
    bytes: usize,
    name: String,
}

/// 16 bytes of it.
#[derive(Serialize, JsonSchema)]
pub struct Words {
    offset: Hex,
    words: Vec<Hex>,
    text: String,
}

/// What was written to a file.
#[derive(Serialize, JsonSchema)]
pub struct Saved {
    file: String,
    bytes: usize,
}

/// Lists them.
pub fn all(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let devices = &cx.target.meta().devices;
    if devices.is_empty() {
        return Ok(out.heading("No device dumps are in this file.")?);
    }
    out.heading("INDEX  SIZE        NAME")?;
    for (index, one) in devices.iter().enumerate() {
        let row = DumpRow { index, bytes: one.data.len(), name: bytes_text(&one.name) };
        out.row(&row, |r| format!(" {:<5} {:<11} {}", r.index, r.bytes, r.name))?;
    }
    Ok(())
}

/// Shows one, or writes it to a file.
pub fn one(cx: &Context, index: &str, file: Option<&str>, out: &mut dyn Sink) -> Result<(), CommandError> {
    let devices = &cx.target.meta().devices;
    let found = number::count(index).and_then(|n| devices.get(usize::try_from(n).ok()?));
    let found = found.ok_or_else(|| {
        CommandError::Failed(format!("no device dump {index}: there are {} (\"dev -V\")", devices.len()))
    })?;
    if let Some(path) = file {
        std::fs::write(path, &found.data).map_err(|e| CommandError::Failed(format!("{path}: {e}")))?;
        let row = Saved { file: path.to_owned(), bytes: found.data.len() };
        return Ok(out.row(&row, |r| format!("{} bytes copied to {}", r.bytes, r.file))?);
    }
    for (i, bytes) in found.data.chunks(16).enumerate() {
        let words: Vec<Hex> = bytes.chunks(8).map(|w| Hex(cx.target.abi().uint(w))).collect();
        let text = bytes.iter().map(|b| super::super::rd::printable(*b)).collect();
        let row = Words { offset: Hex(i as u64 * 16), words, text };
        out.row(&row, |r| {
            let words: Vec<String> = r.words.iter().map(|w| format!("{:016x}", w.0)).collect();
            format!("{:16x}:  {:<33}   {}", r.offset.0, words.join(" "), r.text)
        })?;
    }
    Ok(())
}

//! Source text around a line, shared by `list`, `dis -s` and `frame`.

use necropsy_base::VirtAddr;
use necropsy_debuginfo::dwarf::Line;
use necropsy_report::{Hex, terminal_safe};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{CommandError, Context, Sink, SinkExt};

/// Lines that `list` shows, as gdb.
pub const AROUND: u32 = 10;

/// A line of source text.
#[derive(Serialize, JsonSchema)]
pub struct TextLine {
    file: String,
    line: u32,
    text: String,
    /// Whether it is the line asked for.
    here: bool,
}

/// The line of an instruction with the functions there.
#[derive(Serialize, JsonSchema)]
pub struct Where {
    address: Hex,
    symbol: String,
    file: String,
    line: u32,
}

/// The source line of the innermost function at `at` that is no inlined helper out of a header, or the innermost.
pub fn line_of(cx: &Context, at: VirtAddr) -> Option<Line> {
    cx.target.place(at)?.line.clone()
}

/// The line where the function that has the code at `at` stands, whatever was inlined there.
pub fn own_line(cx: &Context, at: VirtAddr) -> Option<Line> {
    cx.target.place(at)?.frames().pop()?.line
}

/// Says where `at` is, then shows the text around.
pub fn at_address(cx: &Context, at: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    let line = line_of(cx, at).ok_or_else(|| no_lines(cx, at))?;
    where_is(cx, at, out)?;
    around(cx, &line, AROUND, out)
}

/// Says in which line `at` is.
pub fn where_is(cx: &Context, at: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    let line = line_of(cx, at).ok_or_else(|| no_lines(cx, at))?;
    let row = Where {
        address: Hex(at.0),
        symbol: cx.target.describe(at),
        file: line.file.clone(),
        line: line.line,
    };
    out.row(&row, |r| {
        format!(
            "0x{:x} is in {} ({}:{}).",
            r.address.0,
            terminal_safe(&r.symbol),
            terminal_safe(&r.file),
            r.line
        )
    })?;
    Ok(())
}

/// Why there is no line for an address.
pub fn no_lines(cx: &Context, at: VirtAddr) -> CommandError {
    let what = match cx.target.debug_at(at) {
        Some(debug) => format!("{} says nothing about {:x}", debug.file.path().display(), at.0),
        None => format!("no source lines: {}", super::header::debuginfo_hint_for(cx, at)),
    };
    CommandError::Failed(what)
}

/// `count` lines around a line; or a note that its file is not there.
pub fn around(cx: &Context, line: &Line, count: u32, out: &mut dyn Sink) -> Result<(), CommandError> {
    let first = line.line.saturating_sub(count / 2).max(1);
    lines(cx, &line.file, first..first.saturating_add(count), Some(line.line), out)
}

/// Some lines of a file.
pub fn lines(
    cx: &Context,
    file: &str,
    range: std::ops::Range<u32>,
    here: Option<u32>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let Some(source) = cx.sources.file(file) else {
        out.note(&format!("{} was not found: give its tree with --source-dir", terminal_safe(file)));
        return Ok(());
    };
    out.note(&format!("source text from {}", source.found));
    for number in range {
        let Some(text) = source.lines.get(number as usize - 1) else { break };
        let row =
            TextLine { file: file.to_owned(), line: number, text: text.clone(), here: here == Some(number) };
        out.row(&row, |r| {
            let mark = if r.here { "* " } else { "  " };
            format!("{mark}{:<4} {}", r.line, terminal_safe(&r.text))
        })?;
    }
    Ok(())
}

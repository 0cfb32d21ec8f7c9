//! `list *ADDRESS`, `list FILE:LINE`, `list FUNCTION`: source text, as gdb's command of this name.

use necropsy_base::VirtAddr;
use necropsy_debuginfo::dwarf::Line;
use necropsy_report::{Hex, terminal_safe};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::listing;
use crate::{CommandError, Context, Sink, SinkExt};

/// What to show.
pub enum Wanted {
    /// The line of an instruction.
    Address(VirtAddr),
    /// A line by its number.
    Line(String, u32),
    /// An address that does not parse.
    Bad(CommandError),
}

/// Whether the arguments mean source text and not a linked list.
pub fn wanted(cx: &Context, words: &[String]) -> Option<Wanted> {
    let all = words.join(" ");
    if let Some(expression) = all.strip_prefix('*') {
        return Some(match cx.address(expression.trim()) {
            Ok(at) => Wanted::Address(at),
            Err(e) => Wanted::Bad(e),
        });
    }
    let [word] = words else { return None };
    if let Some((file, line)) = word.rsplit_once(':')
        && let Ok(line) = line.parse()
        && !file.is_empty()
    {
        return Some(Wanted::Line(file.to_owned(), line));
    }
    let at = cx.symbol(word)?;
    cx.target.is_text(at).then_some(Wanted::Address(at))
}

/// Shows it.
pub fn show(cx: &Context, wanted: Wanted, out: &mut dyn Sink) -> Result<(), CommandError> {
    match wanted {
        Wanted::Address(at) => listing::at_address(cx, at, out),
        Wanted::Line(file, line) => at_line(cx, &file, line, out),
        Wanted::Bad(e) => Err(e),
    }
}

/// Where the code of a line is, and its text.
fn at_line(cx: &Context, file: &str, line: u32, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let modules = t.modules().list.iter().filter_map(|m| t.module_debug(m));
    let files = modules.chain(t.kernel_debug().cloned());
    let mut found: Vec<(VirtAddr, Line)> = Vec::new();
    let mut any = false;
    for debug in files {
        any = true;
        let here = debug.file.addresses_of(file, line).into_iter();
        found.extend(here.map(|(at, line)| (VirtAddr(at.0.wrapping_add(debug.bias)), line)));
        // A line of a module is in its file; the kernel's 2,000 units need not be searched then.
        if !found.is_empty() {
            break;
        }
    }
    for (at, l) in &found {
        let row = Code { address: Hex(at.0), symbol: t.describe(*at), file: l.file.clone(), line: l.line };
        let text = format!(
            "{}:{} is at 0x{:x} <{}>.",
            terminal_safe(&l.file),
            l.line,
            at.0,
            terminal_safe(&t.describe(*at))
        );
        out.row(&row, |_| text.clone())?;
    }
    if !any {
        out.note(&format!("where its code is cannot be told: {}", super::super::header::debuginfo_hint(cx)));
    } else if found.is_empty() {
        out.note(&format!("no code begins at {}:{line}", terminal_safe(file)));
    }
    let name = found.first().map_or_else(|| file.to_owned(), |(_, l)| l.file.clone());
    if found.is_empty() && cx.sources.file(&name).is_none() {
        return Err(CommandError::Failed(format!(
            "{} is not known: give its tree with --source-dir",
            terminal_safe(file)
        )));
    }
    listing::around(cx, &Line { file: name, line, column: 0 }, listing::AROUND, out)
}

/// Where the code of a line begins.
#[derive(Serialize, JsonSchema)]
pub struct Code {
    address: Hex,
    symbol: String,
    file: String,
    line: u32,
}

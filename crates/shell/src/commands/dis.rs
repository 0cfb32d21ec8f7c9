//! `dis`: machine code.

use std::ops::Range;

use necropsy_arch::Syntax;
use necropsy_base::{Memory, VirtAddr};
use necropsy_report::{Hex, terminal_safe};
use schemars::JsonSchema;
use serde::Serialize;

use super::{listing, patched};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, number};

pub struct Dis;

#[derive(Serialize, JsonSchema)]
pub struct Row {
    address: Hex,
    symbol: Option<String>,
    offset: Option<u64>,
    bytes: String,
    text: String,
    ftrace: bool,
    /// What patched the instruction: see `patched.rs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    /// The instruction as it was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

/// Where instructions are read, and how they are written.
struct Style<'m> {
    memory: &'m dyn Memory,
    hex: bool,
    syntax: Syntax,
    lines: bool,
    /// Bytes after a `ud2` that are no code.
    after_bug: u64,
}

/// No instruction is longer on any CPU.
const LONGEST: usize = 16;
/// Instructions of one answer.
const MAX: usize = 1 << 16;

impl Command for Dis {
    fn name(&self) -> &'static str {
        "dis"
    }
    fn synopsis(&self) -> &'static str {
        "[-r | -f] [-x | -d] [-l | -s] [-i] [-u] [-b bytes] [address | symbol | (expression)] [count]"
    }
    fn about(&self) -> &'static str {
        "machine code, as the dump has it"
    }
    fn help(&self) -> &'static str {
        "A symbol shows its whole function, an address one instruction, unless a count says how many.\n\
         -r   from the function's start to the address\n\
         -f   from the address to the function's end\n\
         -x   offsets in hexadecimal; -d in decimal, the default\n\
         -l   before each instruction of another source line, that line; -s the source text of the function instead of\n\
         \x20    code, the line of the address marked. Both need debug information (`necropsy debuginfo` says which)\n\
         -i   Intel syntax\n\
         -u   the address is one of the selected task's user space\n\
         -b   so many bytes after each ud2 are no code: old kernels keep the place of a BUG() there\n\n\
         The code is read from the dump, so it is what really ran: after alternatives, static keys and ftrace have\n\
         patched it. Marks explain what is rewritten while the kernel runs:\n\
         [FTRACE NOP]       where a call to the tracer would be patched in\n\
         [static key NAME]  a branch that is a jump or a nop by the key's value\n\
         [static call NAME] a call whose target is set at run time\n\
         [PATCHED, was: …]  not as it was built (alternatives, retpolines, live patches), where the kernel's file is open"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "dis -r ffffffff81000042", what: "how execution got to an address" },
            Example { line: "dis do_syscall_64 10", what: "ten instructions of a function" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "rfxdlsiu", values: "b", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, listing::TextLine, listing::Where]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let Some(word) = args.rest.first() else {
            return Err(CommandError::Usage("an address or a symbol is missing".into()));
        };
        let count = match args.rest.get(1) {
            None => None,
            Some(n) => {
                Some(number::count(n).ok_or_else(|| CommandError::Usage(format!("{n} is no count")))? as usize)
            }
        };
        let at = cx.address(word)?;
        if args.has('s') {
            return source(cx, at, args, out);
        }
        let task = args.has('u').then(|| cx.current()).transpose()?;
        let user = match &task {
            Some(task) => Some(necropsy_kernel::mm::user_memory(&cx.target, task)?.ok_or_else(|| {
                CommandError::Failed(format!(
                    "task {} has no user space; choose one with \"set PID\"",
                    task.pid
                ))
            })?),
            None => None,
        };
        let (range, count) = match &user {
            Some(_) => (at.0..u64::MAX, count.unwrap_or(1)),
            None => extent(cx, word, at, count, args)?,
        };
        let memory = user.as_ref().map_or(cx.target.memory(), |u| u as &dyn Memory);
        let skipped = args
            .value('b')
            .map(|n| number::count(n).ok_or_else(|| CommandError::Usage(format!("{n} is no count"))));
        let lines = args.has('l') && user.is_none();
        if lines && cx.target.debug_at(at).is_none() {
            out.note(&listing::no_lines(cx, at).to_string());
        }
        let syntax = if args.has('i') { Syntax::Intel } else { Syntax::Gnu };
        list(
            cx,
            range,
            count,
            &Style { memory, hex: cx.hex(args), syntax, lines, after_bug: skipped.transpose()?.unwrap_or(0) },
            out,
        )
    }
}

/// Which addresses to show, and how many instructions of them.
fn extent(
    cx: &Context,
    word: &str,
    at: VirtAddr,
    count: Option<usize>,
    args: &Args,
) -> Result<(Range<u64>, usize), CommandError> {
    let function = cx.target.near(at).map(|n| {
        let end = n.start.0.saturating_add(n.size.unwrap_or(LONGEST as u64));
        n.start.0..end
    });
    let need = || {
        let text = format!("{:x} is in no known function: give a count instead", at.0);
        function.clone().ok_or(CommandError::Failed(text))
    };
    if args.has('r') {
        return Ok((need()?.start..at.0.saturating_add(1), count.unwrap_or(MAX)));
    }
    if args.has('f') {
        return Ok((at.0..need()?.end, count.unwrap_or(MAX)));
    }
    let whole = cx.symbol(word) == Some(at) && function.as_ref().is_some_and(|f| f.start == at.0);
    match count {
        Some(count) => Ok((at.0..u64::MAX, count)),
        None if whole => Ok((at.0..need()?.end, MAX)),
        None => Ok((at.0..u64::MAX, 1)),
    }
}

/// The text of the function at `at`: from where it is declared to its last line, or ten lines around the address with a count.
fn source(cx: &Context, at: VirtAddr, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let line = listing::own_line(cx, at).ok_or_else(|| listing::no_lines(cx, at))?;
    let near = cx.target.near(at);
    let (start, end) =
        near.as_ref().map_or((at.0, at.0 + 1), |n| (n.start.0, n.start.0 + n.size.unwrap_or(1)));
    let first =
        listing::own_line(cx, VirtAddr(start)).filter(|l| l.file == line.file).map_or(line.line, |l| l.line);
    let mut last = line.line;
    let mut here = start;
    for _ in 0..MAX {
        if here >= end {
            break;
        }
        if let Some(l) = listing::own_line(cx, VirtAddr(here)).filter(|l| l.file == line.file) {
            last = last.max(l.line);
        }
        let len = code(cx.target.memory(), here)
            .ok()
            .and_then(|c| cx.target.arch().disassemble(&c, VirtAddr(here)));
        here = here.saturating_add(len.map_or(1, |i| u64::from(i.len)).max(1));
    }
    out.heading(&format!("FILE: {}\nLINE: {}\n", terminal_safe(&line.file), line.line))?;
    let from = first.min(line.line).saturating_sub(2).max(1);
    let to = match args.rest.get(1).and_then(|n| number::count(n)) {
        Some(n) => from.saturating_add(n.min(10_000) as u32),
        None => last.saturating_add(2),
    };
    if cx.sources.file(&line.file).is_none() {
        let name = near.map_or_else(String::new, |n| terminal_safe(&n.name));
        let hint = "give the kernel's or module's source tree with --source-dir";
        return Err(CommandError::Failed(format!("{name}: source code is not available: {hint}")));
    }
    listing::lines(cx, &line.file, from..to, Some(line.line), out)
}

/// The instructions in a range of kernel memory, as `dis` shows them.
pub fn code_in(cx: &Context, range: Range<u64>, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let (memory, hex) = (cx.target.memory(), cx.hex(args));
    list(cx, range, MAX, &Style { memory, hex, syntax: Syntax::Gnu, lines: false, after_bug: 0 }, out)
}

fn list(
    cx: &Context,
    range: Range<u64>,
    count: usize,
    style: &Style<'_>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let mut at = range.start;
    let mut last: Option<String> = None;
    for _ in 0..count.min(MAX) {
        if at >= range.end {
            break;
        }
        let code = code(style.memory, at)?;
        let len = cx.target.arch().disassemble(&code, VirtAddr(at)).map_or(1, |i| usize::from(i.len).max(1));
        let row = row(cx, at, &code, len, style);
        if let (Some(file), Some(line)) = (&row.file, row.line) {
            let here = format!("{}: {line}", terminal_safe(file));
            if last.as_ref() != Some(&here) {
                out.heading(&here)?;
                last = Some(here);
            }
        }
        out.row(&row, |r| {
            let mark = match (r.ftrace, &r.mark, &r.was) {
                (true, _, _) => " [FTRACE NOP]".to_owned(),
                (_, Some(mark), Some(was)) => format!(" [{mark}, was: {was}]"),
                (_, Some(mark), None) => format!(" [{mark}]"),
                (_, None, Some(was)) => format!(" [PATCHED, was: {was}]"),
                _ => String::new(),
            };
            let name = r.symbol.as_ref().map(|s| format!(" <{}>", with_offset(s, r.offset, style.hex)));
            format!("0x{:x}{}:\t{}{mark}", r.address.0, name.unwrap_or_default(), r.text)
        })?;
        let skipped = if code.starts_with(&[0x0f, 0x0b]) { style.after_bug } else { 0 };
        at = match at.checked_add(len as u64 + skipped) {
            Some(next) => next,
            None => break,
        };
    }
    Ok(())
}

/// The bytes at `at`, fewer where the memory after them is missing.
fn code(memory: &dyn Memory, at: u64) -> Result<Vec<u8>, CommandError> {
    let mut code = vec![0; LONGEST];
    let read = memory.read(VirtAddr(at), &mut code);
    let Err(e) = read else {
        return Ok(code);
    };
    let there = e.at.saturating_sub(at) as usize;
    code.truncate(there);
    if code.is_empty() || memory.read(VirtAddr(at), &mut code).is_err() {
        return Err(CommandError::Partial(e.to_string()));
    }
    Ok(code)
}

fn row(cx: &Context, at: u64, code: &[u8], len: usize, style: &Style<'_>) -> Row {
    let near = cx.target.near(VirtAddr(at));
    let resolve = |to: u64| {
        let near = cx.target.near(VirtAddr(to))?;
        Some(with_offset(&terminal_safe(&near.name), Some(to - near.start.0), style.hex))
    };
    let text = cx.target.arch().text(code, VirtAddr(at), style.syntax, &resolve);
    let line = style.lines.then(|| listing::line_of(cx, VirtAddr(at))).flatten();
    let offset = near.as_ref().map(|n| at - n.start.0);
    let bytes: String = code.iter().take(len).map(|b| format!("{b:02x}")).collect();
    Row {
        address: Hex(at),
        symbol: near.map(|n| terminal_safe(&n.name)),
        offset,
        ftrace: offset == Some(0) && bytes == "0f1f440000",
        mark: patched::mark(cx, VirtAddr(at)),
        was: patched::was(cx, VirtAddr(at), code.get(..len).unwrap_or(code), style.syntax),
        file: line.as_ref().map(|l| l.file.clone()),
        line: line.map(|l| l.line),
        bytes,
        text: text.unwrap_or_else(|| "(bad)".into()),
    }
}

fn with_offset(name: &str, offset: Option<u64>, hex: bool) -> String {
    match offset {
        None | Some(0) => name.to_owned(),
        Some(n) if hex => format!("{name}+{n:#x}"),
        Some(n) => format!("{name}+{n}"),
    }
}

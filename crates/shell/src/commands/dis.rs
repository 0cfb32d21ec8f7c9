//! `dis`: machine code.

use std::ops::Range;

use necropsy_arch::Syntax;
use necropsy_base::VirtAddr;
use necropsy_report::{Hex, terminal_safe};
use serde::Serialize;

use super::header::debuginfo_hint;
use crate::{Args, Command, CommandError, Context, Example, Sink, SinkExt, Spec, number};

pub struct Dis;

#[derive(Serialize)]
struct Row {
    address: Hex,
    symbol: Option<String>,
    offset: Option<u64>,
    bytes: String,
    text: String,
    ftrace: bool,
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
        "[-r | -f] [-x | -d] [-l | -s] [address | symbol | (expression)] [count]"
    }
    fn about(&self) -> &'static str {
        "machine code, as the dump has it"
    }
    fn help(&self) -> &'static str {
        "A symbol shows its whole function, an address one instruction, unless a count says how many.\n\
         -r   from the function's start to the address\n\
         -f   from the address to the function's end\n\
         -x   offsets in hexadecimal; -d in decimal, the default\n\
         -l   source lines and -s source text need debug information: the answer says which package has it\n\n\
         The code is read from the dump, so it is what really ran: after alternatives, static keys and ftrace have\n\
         patched it. [FTRACE NOP] marks the place where tracing would be patched in."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "dis -r ffffffff81000042", what: "how execution got to an address" },
            Example { line: "dis do_syscall_64 10", what: "ten instructions of a function" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "rfxdls", ..Spec::default() }
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
        if args.has('l') || args.has('s') {
            out.note(&format!("no source lines: {}", debuginfo_hint(cx)));
        }
        let (range, count) = extent(cx, word, at, count, args)?;
        list(cx, range, count, cx.hex(args), out)
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

fn list(
    cx: &Context,
    range: Range<u64>,
    count: usize,
    hex: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let mut at = range.start;
    for _ in 0..count.min(MAX) {
        if at >= range.end {
            break;
        }
        let code = code(cx, at)?;
        let len = cx.target.arch().disassemble(&code, VirtAddr(at)).map_or(1, |i| usize::from(i.len).max(1));
        out.row(&row(cx, at, &code, len, hex), |r| {
            let mark = if r.ftrace { " [FTRACE NOP]" } else { "" };
            let name = r.symbol.as_ref().map(|s| format!(" <{}>", with_offset(s, r.offset, hex)));
            format!("0x{:x}{}:\t{}{mark}", r.address.0, name.unwrap_or_default(), r.text)
        })?;
        at = match at.checked_add(len as u64) {
            Some(next) => next,
            None => break,
        };
    }
    Ok(())
}

/// The bytes at `at`, fewer where the memory after them is missing.
fn code(cx: &Context, at: u64) -> Result<Vec<u8>, CommandError> {
    let mut code = vec![0; LONGEST];
    let read = cx.target.memory().read(VirtAddr(at), &mut code);
    let Err(e) = read else {
        return Ok(code);
    };
    let there = e.at.saturating_sub(at) as usize;
    code.truncate(there);
    if code.is_empty() || cx.target.memory().read(VirtAddr(at), &mut code).is_err() {
        return Err(CommandError::Partial(e.to_string()));
    }
    Ok(code)
}

fn row(cx: &Context, at: u64, code: &[u8], len: usize, hex: bool) -> Row {
    let near = cx.target.near(VirtAddr(at));
    let resolve = |to: u64| {
        let near = cx.target.near(VirtAddr(to))?;
        Some(with_offset(&terminal_safe(&near.name), Some(to - near.start.0), hex))
    };
    let text = cx.target.arch().text(code, VirtAddr(at), Syntax::Gnu, &resolve);
    let offset = near.as_ref().map(|n| at - n.start.0);
    let bytes: String = code.iter().take(len).map(|b| format!("{b:02x}")).collect();
    Row {
        address: Hex(at),
        symbol: near.map(|n| terminal_safe(&n.name)),
        offset,
        ftrace: offset == Some(0) && bytes == "0f1f440000",
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

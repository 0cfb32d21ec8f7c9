//! `x`: memory as gdb examines it.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::rd::symbolic;
use crate::ctype::View;
use crate::expr::{Mode, Operand, evaluate, number_of};
use crate::schema::rows;
use crate::values::{self, Radix};
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Examine;

impl Command for Examine {
    fn name(&self) -> &'static str {
        "x"
    }
    fn synopsis(&self) -> &'static str {
        "[/count format size] expression"
    }
    fn about(&self) -> &'static str {
        "memory in gdb's form"
    }
    fn help(&self) -> &'static str {
        "The expression is an address: a number, a pointer's value, a function, an array or struct, or &variable. Behind the slash:\n\
         count   how many units, 1 by default\n\
         format  x hexadecimal (the default), d decimal, u unsigned, o octal, t binary, c character, a address, s string\n\
         size    b, h, w, g: 1, 2, 4 (the default), 8 bytes; format a always has the width of an address\n\n\
         For instructions use dis; with -32 and the like rd shows the same memory in crash's form."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "x /4xg init_task", what: "four words (also x/4xg)" },
            Example { line: "x /s saved_command_line", what: "a string" },
            Example { line: "x /8a init_task", what: "with symbols" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let (format, rest) = match args.rest.split_first() {
            Some((first, rest)) if first.starts_with('/') => (Format::parse(cx, &first[1..])?, rest),
            _ => (Format::parse(cx, "")?, &args.rest[..]),
        };
        if rest.is_empty() {
            return Err(CommandError::Usage("an address is missing".into()));
        }
        let at = address(cx, &rest.join(" "))?;
        if format.letter == 's' { strings(cx, at, format, out) } else { words(cx, at, format, out) }
    }
}

#[derive(Clone, Copy)]
struct Format {
    count: u64,
    letter: char,
    /// Bytes of a unit.
    size: u64,
}

/// Units of one answer.
const MAX: u64 = 1 << 20;

impl Format {
    fn parse(cx: &Context, text: &str) -> Result<Format, CommandError> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count = if digits == 0 { 1 } else { text[..digits].parse().unwrap_or(MAX) };
        let mut format = Format { count: count.min(MAX), letter: 'x', size: 0 };
        for c in text[digits..].chars() {
            match c {
                'x' | 'd' | 'u' | 'o' | 't' | 'c' | 'a' | 's' => format.letter = c,
                'b' => format.size = 1,
                'h' => format.size = 2,
                'w' => format.size = 4,
                'g' => format.size = 8,
                'i' => return Err(CommandError::Failed("instructions: use dis".into())),
                c => return Err(CommandError::Usage(format!("no format or size: {c}"))),
            }
        }
        format.size = match (format.size, format.letter) {
            (_, 'a') => u64::from(cx.target.abi().word),
            (0, 'c') => 1,
            (0, _) => 4,
            (size, _) => size,
        };
        Ok(format)
    }

    /// Units of a line, as many as gdb puts there.
    fn per_line(self) -> u64 {
        match (self.letter, self.size) {
            ('a', _) | (_, 8) => 2,
            ('t', size) => (8 / size).clamp(2, 8),
            (_, 4) => 4,
            _ => 8,
        }
    }
}

/// Where the expression points to: a struct, an array and a function stand for their own address.
fn address(cx: &Context, text: &str) -> Result<u64, CommandError> {
    match evaluate(cx, text, Mode::C) {
        Ok(Operand::Number(n, _)) => Ok(n),
        Ok(Operand::Place(place)) => match place.ty.view() {
            Ok(View::Pointer(_)) | Ok(View::Plain(necropsy_debuginfo::Type::Int { .. })) => {
                number_of(cx, text, Mode::C)
            }
            _ => Ok(place.at.0),
        },
        // A symbol without a known type.
        Err(e) => cx.symbol(text).map(|at| at.0).ok_or(e),
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    address: Hex,
    symbol: Option<String>,
    values: Vec<String>,
}

fn row(cx: &Context, at: u64, values: Vec<String>, out: &mut dyn Sink) -> Result<(), CommandError> {
    let row = Row { address: Hex(at), symbol: symbolic(cx, at), values };
    Ok(out.row(&row, |r| {
        let symbol = r.symbol.as_ref().map(|s| format!(" <{s}>")).unwrap_or_default();
        format!("{:#x}{symbol}:\t{}", r.address.0, r.values.join("\t"))
    })?)
}

fn words(cx: &Context, at: u64, format: Format, out: &mut dyn Sink) -> Result<(), CommandError> {
    let mut done = 0;
    while done < format.count {
        let here = at.wrapping_add(done * format.size);
        let units = format.per_line().min(format.count - done);
        let bytes = cx.target.memory().bytes(VirtAddr(here), (units * format.size) as usize);
        let bytes = bytes.map_err(|e| CommandError::Partial(e.to_string()))?;
        let values = bytes.chunks(format.size as usize).map(|b| shown(cx, b, format)).collect();
        row(cx, here, values, out)?;
        done += units;
    }
    Ok(())
}

fn shown(cx: &Context, bytes: &[u8], format: Format) -> String {
    let n = cx.target.abi().uint(bytes);
    let unused = 64 - bytes.len().clamp(1, 8) as u32 * 8;
    let signed = i128::from((n << unused) as i64 >> unused);
    let in_radix = |radix| values::number(signed, format.size, radix);
    match format.letter {
        'd' => in_radix(Radix::Decimal),
        'u' => in_radix(Radix::Unsigned),
        'o' => in_radix(Radix::Octal),
        // gdb writes all digits of hexadecimal and binary numbers here.
        't' => format!("{n:0width$b}", width = bytes.len() * 8),
        'c' => values::text(&values::Node::Char(signed), Radix::Decimal, 0),
        'a' => match symbolic(cx, n) {
            Some(symbol) => format!("{n:#x} <{symbol}>"),
            None => format!("{n:#x}"),
        },
        _ => format!("0x{n:0width$x}", width = bytes.len() * 2),
    }
}

/// Bytes of a string that are shown.
const STRING: usize = 1 << 12;

fn strings(cx: &Context, mut at: u64, format: Format, out: &mut dyn Sink) -> Result<(), CommandError> {
    for _ in 0..format.count {
        let bytes = until_nul(cx, at)?;
        let whole = bytes.len() < STRING;
        row(cx, at, vec![values::string(&bytes, !whole)], out)?;
        at = at.wrapping_add(bytes.len() as u64 + u64::from(whole));
    }
    Ok(())
}

fn until_nul(cx: &Context, at: u64) -> Result<Vec<u8>, CommandError> {
    let mut out = Vec::new();
    while out.len() < STRING {
        let mut byte = [0];
        let here = VirtAddr(at.wrapping_add(out.len() as u64));
        match cx.target.memory().read(here, &mut byte) {
            Ok(()) if byte[0] == 0 => break,
            Ok(()) => out.push(byte[0]),
            Err(e) if out.is_empty() => return Err(CommandError::Partial(e.to_string())),
            Err(_) => break,
        }
    }
    Ok(out)
}

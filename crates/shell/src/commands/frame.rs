//! `frame`, `up`, `down` and `info`: one frame of the selected task's stack, as in gdb.

use std::collections::BTreeMap;

use necropsy_arch::Regs;
use necropsy_diagnose::present::stack_info;
use necropsy_kernel::tasks::{Task, stack};
use necropsy_report::{FrameInfo, Hex, terminal_safe};
use necropsy_target::unwind::{Frame, Stack, registers};
use schemars::JsonSchema;
use serde::Serialize;

use super::listing;
use crate::locals::{self, Scope};
use crate::schema::rows;
use crate::values::Radix;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, SinkExt, Spec, number};

pub struct ShowFrame;
pub struct Up;
pub struct Down;
pub struct Info;

/// A frame, with the functions that were inlined at its place.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// As in `bt`; what was interrupted has none.
    number: Option<usize>,
    frames: Vec<FrameInfo>,
}

impl Command for ShowFrame {
    fn name(&self) -> &'static str {
        "frame"
    }
    fn synopsis(&self) -> &'static str {
        "[number | function]"
    }
    fn about(&self) -> &'static str {
        "a frame of the selected task's stack: shows it, or selects another"
    }
    fn help(&self) -> &'static str {
        "Without a number the selected frame, which is the first unless it was changed; with one, that frame is selected. Numbers\n\
         are those of `bt`; what was interrupted (`[exception RIP: ...]`) has none there and is selected by its function's\n\
         name, or with `up` from the frame before it. Functions that were inlined at the frame's place are shown with it. `up` and `down` go to the\n\
         caller and back, `info locals`, `info args` and `info registers` show what is in the frame.\n\n\
         Source lines and variables need debug information (`necropsy debuginfo` says which)."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "frame 2", what: "the caller of the caller" },
            Example { line: "frame vfs_write", what: "the innermost frame of a function" },
        ]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn shape(&self, _args: &Args) -> Shape {
        Shape::One
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, listing::TextLine, listing::Where]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        match args.rest.first() {
            None => show(cx, cx.frame(), out),
            Some(word) => {
                let (_, stack) = selected(cx)?;
                go(cx, index_of(&stack, word)?, out)
            }
        }
    }
}

impl Command for Up {
    fn name(&self) -> &'static str {
        "up"
    }
    fn synopsis(&self) -> &'static str {
        "[count]"
    }
    fn about(&self) -> &'static str {
        "selects the caller's frame"
    }
    fn help(&self) -> &'static str {
        "Selects the frame that called the selected one, or the one so many calls above."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "up", what: "who called this?" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn shape(&self, _args: &Args) -> Shape {
        Shape::One
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, listing::TextLine, listing::Where]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        go(cx, cx.frame().saturating_add(count(args)?), out)
    }
}

impl Command for Down {
    fn name(&self) -> &'static str {
        "down"
    }
    fn synopsis(&self) -> &'static str {
        "[count]"
    }
    fn about(&self) -> &'static str {
        "selects the frame that the selected one called"
    }
    fn help(&self) -> &'static str {
        "Selects the frame below the selected one, or the one so many calls below."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "down", what: "back to what it called" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn shape(&self, _args: &Args) -> Shape {
        Shape::One
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, listing::TextLine, listing::Where]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        match cx.frame().checked_sub(count(args)?) {
            Some(number) => go(cx, number, out),
            None => Err(CommandError::Failed("this is the innermost frame".into())),
        }
    }
}

impl Command for Info {
    fn name(&self) -> &'static str {
        "info"
    }
    fn synopsis(&self) -> &'static str {
        "locals | args | frame | registers | symbol address | line address"
    }
    fn about(&self) -> &'static str {
        "variables and registers of the selected frame; what an address is"
    }
    fn help(&self) -> &'static str {
        "locals     variables of the selected frame's function and of those inlined there, with their values; where the\n\
         \x20          compiler kept none, the reason\n\
         args       its arguments\n\
         frame      the frame itself\n\
         registers  the registers known in the frame: all of them where it was interrupted, in its callers those that a\n\
         \x20          function must preserve\n\
         symbol     the symbol at an address\n\
         line       the source line of an address\n\
         -x         numbers in hexadecimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "info locals", what: "the variables of the selected frame" },
            Example { line: "info registers", what: "its registers" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "x", ..Spec::default() }
    }
    fn shape(&self, args: &Args) -> Shape {
        match args.rest.first().map(String::as_str) {
            Some("locals" | "args") => Shape::List,
            _ => Shape::One,
        }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Scope, SymbolRow, listing::TextLine, listing::Where, BTreeMap<&str, Hex>]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::List, Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let radix = if cx.hex(args) { Radix::Hex } else { Radix::Decimal };
        let address = || {
            let words = args.rest.get(1..).unwrap_or_default().join(" ");
            if words.is_empty() {
                Err(CommandError::Usage("an address is missing".into()))
            } else {
                cx.address(&words)
            }
        };
        match args.rest.first().map(String::as_str) {
            Some("locals") => variables(cx, false, radix, out),
            Some("args") => variables(cx, true, radix, out),
            Some("frame") => show(cx, cx.frame(), out),
            Some("registers") => frame_registers(cx, out),
            Some("symbol") => {
                let at = address()?;
                let near = cx.target.near(at);
                let near =
                    near.ok_or_else(|| CommandError::Failed(format!("no symbol matches {:x}", at.0)))?;
                let row = SymbolRow {
                    address: Hex(at.0),
                    symbol: near.name,
                    offset: at.0 - near.start.0,
                    module: near.module,
                };
                Ok(out.row(&row, |_| format!("{} at 0x{:x}", terminal_safe(&cx.target.describe(at)), at.0))?)
            }
            Some("line") => listing::where_is(cx, address()?, out),
            Some(other) => Err(CommandError::Usage(format!("there is no \"info {other}\""))),
            None => Err(CommandError::Usage("what about?".into())),
        }
    }
}

/// The symbol that an address lies in.
#[derive(Serialize, JsonSchema)]
struct SymbolRow {
    address: Hex,
    symbol: String,
    offset: u64,
    module: Option<String>,
}

fn numbered(word: &str) -> Result<usize, CommandError> {
    let n = number::count(word).and_then(|n| usize::try_from(n).ok());
    n.ok_or_else(|| CommandError::Usage(format!("{word} is no number of a frame")))
}

fn count(args: &Args) -> Result<usize, CommandError> {
    args.rest.first().map_or(Ok(1), |n| numbered(n))
}

/// The selected task and its stack.
fn selected(cx: &Context) -> Result<(Task, Stack), CommandError> {
    let task = cx.current()?;
    let found = stack(&cx.target, &task, cx.running_on(&task));
    Ok((task, found))
}

/// Places in the stack of the frames that `bt` numbers: what was interrupted has no number there.
fn numbers(stack: &Stack) -> Vec<usize> {
    let interrupted = |i: usize| i > 0 && stack.frames[i - 1].trap.is_some();
    (0..stack.frames.len()).filter(|i| !interrupted(*i)).collect()
}

/// The frame that a word means: a number of `bt`, or a function's name.
fn index_of(stack: &Stack, word: &str) -> Result<usize, CommandError> {
    if let Some(n) = number::count(word).and_then(|n| usize::try_from(n).ok()) {
        return numbers(stack).get(n).copied().ok_or_else(|| no_frame(n));
    }
    let found = stack.frames.iter().position(|f| f.name() == Some(word));
    found.ok_or_else(|| CommandError::Failed(format!("no frame of {word} in this stack (see bt)")))
}

fn no_frame(number: usize) -> CommandError {
    CommandError::Failed(format!("there is no frame {number} (see bt)"))
}

fn go(cx: &Context, number: usize, out: &mut dyn Sink) -> Result<(), CommandError> {
    let (_, stack) = selected(cx)?;
    if number >= stack.frames.len() {
        return Err(no_frame(number));
    }
    cx.select_frame(number);
    show(cx, number, out)
}

/// Shows a frame, what was inlined there, and its source line.
fn show(cx: &Context, number: usize, out: &mut dyn Sink) -> Result<(), CommandError> {
    let (task, stack) = selected(cx)?;
    let frame = stack.frames.get(number).ok_or_else(|| no_frame(number))?;
    let one = Stack { frames: vec![frame.clone()], ..stack.clone() };
    let frames = stack_info(&cx.target, &task, 0, &one, true).frames;
    let numbered = numbers(&stack).iter().position(|i| *i == number);
    let row = Row { number: numbered, frames };
    let label = numbered.map_or_else(|| "[interrupted]".into(), |n| format!("#{n}"));
    out.row(&row, |r| r.frames.iter().map(|f| line(&label, f)).collect())?;
    let place = frame.place();
    if let Some(line) = place.and_then(|at| listing::line_of(cx, at))
        && cx.sources.file(&line.file).is_some()
    {
        listing::lines(cx, &line.file, line.line..line.line.saturating_add(1), None, out)?;
    }
    Ok(())
}

/// `#2  panic+0x10 at kernel/panic.c:459`, as gdb writes a frame.
pub fn line(label: &str, f: &FrameInfo) -> String {
    let name = f.function.as_deref().map_or_else(|| "??".into(), terminal_safe);
    let at = f.pc.filter(|_| !f.inlined).map(|pc| format!("0x{:016x} in ", pc.0)).unwrap_or_default();
    let offset = f.offset.as_deref().map(|o| format!("+{o}")).unwrap_or_default();
    let module = f.module.as_ref().map(|m| format!(" [{}]", terminal_safe(m))).unwrap_or_default();
    let source = match (&f.file, f.line) {
        (Some(file), Some(line)) => format!(" at {}:{line}", terminal_safe(file)),
        _ => String::new(),
    };
    let inlined = if f.inlined { " (inlined)" } else { "" };
    format!("{label:<3} {at}{name}{offset}{module}{source}{inlined}\n")
}

fn variables(cx: &Context, arguments: bool, radix: Radix, out: &mut dyn Sink) -> Result<(), CommandError> {
    let (_, stack) = selected(cx)?;
    let number = cx.frame();
    let frame = stack.frames.get(number).ok_or_else(|| no_frame(number))?;
    let scopes = of_frame(cx, &stack, number, radix)?;
    for (i, scope) in scopes.iter().enumerate() {
        let own = Scope {
            function: scope.function.clone(),
            variables: scope.variables.iter().filter(|v| v.argument == arguments).map(Clone::clone).collect(),
        };
        let name =
            own.function.as_deref().map_or_else(|| frame.name().unwrap_or("?").to_owned(), str::to_owned);
        let inlined = if i + 1 < scopes.len() { ", inlined" } else { "" };
        out.row(&own, |own| {
            let what = if arguments { "No arguments." } else { "No locals." };
            let mut text = format!("{}{inlined}:\n", terminal_safe(&name));
            match own.variables.is_empty() {
                true => text += &format!("  {what}\n"),
                false => own.variables.iter().for_each(|v| text += &format!("  {}\n", v.text_indented(2))),
            }
            text
        })?;
    }
    Ok(())
}

/// The variables of a frame, or why there are none.
pub fn of_frame(cx: &Context, stack: &Stack, index: usize, radix: Radix) -> Result<Vec<Scope>, CommandError> {
    let frame: &Frame = stack.frames.get(index).ok_or_else(|| no_frame(index))?;
    let place = frame
        .place()
        .ok_or_else(|| CommandError::Failed("nothing is known about this frame but its name".into()))?;
    locals::of_frame(cx, stack, index, radix).ok_or_else(|| listing::no_lines(cx, place))
}

fn frame_registers(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let (_, stack) = selected(cx)?;
    let all = registers(&cx.target, &stack);
    let regs: &Regs = all.get(cx.frame()).ok_or_else(|| no_frame(cx.frame()))?;
    let names = cx.target.arch().registers().iter().enumerate();
    let known: Vec<(&str, u64)> = names.filter_map(|(i, name)| Some((*name, regs.get(i)?))).collect();
    let row: BTreeMap<&str, Hex> = known.iter().map(|(name, v)| (*name, Hex(*v))).collect();
    Ok(out.row(&row, |_| {
        let line = |(name, v): &(&str, u64)| {
            let what = cx.target.near(necropsy_base::VirtAddr(*v));
            let what = what
                .map(|_| format!("  <{}>", terminal_safe(&cx.target.describe(necropsy_base::VirtAddr(*v)))));
            format!("{name:<10} 0x{v:x}{}\n", what.unwrap_or_default())
        };
        known.iter().map(line).collect()
    })?)
}

//! `rd`: memory.

use necropsy_base::{Memory, PhysAddr, ReadError, VirtAddr};
use necropsy_kernel::slab;
use necropsy_report::{Hex, terminal_safe};
use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, number};

pub struct Rd;

/// One line of memory.
#[derive(Serialize, JsonSchema)]
struct Row {
    address: Hex,
    /// As numbers of the size asked for, in hexadecimal.
    values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    symbols: Vec<Option<String>>,
    text: String,
    #[serde(skip)]
    shown: String,
}

impl Command for Rd {
    fn name(&self) -> &'static str {
        "rd"
    }
    fn synopsis(&self) -> &'static str {
        "[-p | -u] [-8 | -16 | -32 | -64] [-d | -D | -s | -a] [-xNR] [-o offset] [-e end] [-r file] address|symbol [count]"
    }
    fn about(&self) -> &'static str {
        "memory, word by word"
    }
    fn help(&self) -> &'static str {
        "Shows `count` units of memory (1 by default) from a virtual address of the kernel, or from a symbol.\n\
         -p   the address is physical\n\
         -u   the address is one of the selected task's user space\n\
         -8 -16 -32 -64   bits of a unit\n\
         -d   signed decimal; -D unsigned decimal\n\
         -s   numbers that are addresses of the kernel or a module as symbol+offset\n\
         -S   the same, and addresses of slab objects as [cache]; -SS as [address:cache]\n\
         -a   as text\n\
         -x   without the text column\n\
         -N   in network byte order\n\
         -R   backwards: up to and including the address\n\
         -o   added to the address\n\
         -e   read until there\n\
         -r   write the raw bytes to a file; count is in bytes\n\n\
         Memory that is not in the dump ends the output; the last line says why it is not there."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "rd jiffies", what: "the value of a variable" },
            Example { line: "rd -s ffffc90000013f00 32", what: "a piece of stack with symbols" },
            Example { line: "rd -a linux_banner", what: "a string" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "pudDxsSaNR", values: "oer", words: &["8", "16", "32", "64"], ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, TextRow, Saved]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let mut job = Job::new(cx, args)?;
        if let Some(path) = args.value('r') {
            return job.save(path, out);
        }
        if args.has('a') {
            return job.ascii(out);
        }
        if args.has('R') {
            job.at = job.at.wrapping_sub(job.count.saturating_sub(1).wrapping_mul(job.size));
        }
        job.words(out)
    }
}

/// What is to be read, and how it is to be shown.
struct Job<'c> {
    cx: &'c Context,
    args: &'c Args,
    memory: Source<'c>,
    at: u64,
    /// Bytes of a unit.
    size: u64,
    count: u64,
    /// Neither a count nor an end was given.
    open: bool,
}

enum Source<'c> {
    Kernel(&'c dyn Memory),
    User(Box<dyn Memory>),
    Physical(&'c dyn necropsy_base::PhysMem),
}

impl Source<'_> {
    fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        match self {
            Source::Kernel(m) => m.read(VirtAddr(at), buf),
            Source::User(m) => m.read(VirtAddr(at), buf),
            Source::Physical(m) => m.read(PhysAddr(at), buf),
        }
    }
}

/// Units of one answer.
const MAX: u64 = 1 << 24;

impl<'c> Job<'c> {
    fn new(cx: &'c Context, args: &'c Args) -> Result<Job<'c>, CommandError> {
        let Some(word) = args.rest.first() else {
            return Err(CommandError::Usage("an address or a symbol is missing".into()));
        };
        let size = ["8", "16", "32", "64"].iter().find(|w| args.has_word(w));
        let size = match size {
            Some(bits) => bits.parse::<u64>().unwrap_or(64) / 8,
            None if args.value('r').is_some() => 1,
            None => u64::from(cx.target.abi().word),
        };
        let number = |text: &str| {
            number::count(text).ok_or_else(|| CommandError::Usage(format!("{text} is no number")))
        };
        let offset = args.value('o').map_or(Ok(0), number)?;
        let at = cx.address(word)?.0.wrapping_add(offset);
        let count = args.rest.get(1).map(|n| number(n)).transpose()?;
        let end = args.value('e').map(|e| cx.address(e)).transpose()?;
        let until = end.map(|e| e.0.saturating_sub(at).div_ceil(size));
        let count_given = until.or(count);
        Ok(Job {
            cx,
            args,
            memory: source(cx, args)?,
            at,
            size,
            count: count_given.unwrap_or(1).min(MAX),
            open: count_given.is_none(),
        })
    }

    /// Bytes at `at`, as many as are there up to `len`, and why not more.
    fn part(&self, at: u64, len: usize) -> (Vec<u8>, Option<ReadError>) {
        let mut buf = vec![0; len];
        let Err(e) = self.memory.read(at, &mut buf) else {
            return (buf, None);
        };
        let there = (e.at.saturating_sub(at) as usize).min(len.saturating_sub(1));
        buf.truncate(there);
        if self.memory.read(at, &mut buf).is_err() {
            buf.clear();
        }
        (buf, Some(e))
    }

    fn words(&self, out: &mut dyn Sink) -> Result<(), CommandError> {
        let per_line = (16 / self.size).max(1);
        let lines = self.count.div_ceil(per_line);
        let backwards = self.args.has('R');
        for n in 0..lines {
            let line = if backwards { lines - 1 - n } else { n };
            let at = self.at.wrapping_add(line * 16);
            let units = per_line.min(self.count - line * per_line);
            let (bytes, why) = self.part(at, (units * self.size) as usize);
            if !bytes.is_empty() {
                out.row(&self.row(at, &bytes), |r| r.shown.clone())?;
            }
            if let Some(e) = why {
                return Err(CommandError::Partial(e.to_string()));
            }
        }
        Ok(())
    }

    fn row(&self, at: u64, bytes: &[u8]) -> Row {
        let (cx, args) = (self.cx, self.args);
        let unit = |b: &[u8]| {
            if args.has('N') {
                b.iter().fold(0, |n, b| n << 8 | u64::from(*b))
            } else {
                cx.target.abi().uint(b)
            }
        };
        let mut numbers: Vec<u64> = bytes.chunks(self.size as usize).map(unit).collect();
        let symbols: Vec<Option<String>> =
            if self.named() { numbers.iter().map(|n| self.name(*n)).collect() } else { Vec::new() };
        let width = self.size as usize * 2;
        let values = numbers.iter().map(|n| format!("0x{n:0width$x}")).collect();
        if args.has('R') {
            numbers.reverse();
        }
        let text: String = bytes.iter().map(|b| printable(*b)).collect();
        let shown = self.shown(at, &numbers, &symbols, &text);
        Row { address: Hex(at), values, symbols, text, shown }
    }

    fn named(&self) -> bool {
        self.args.has('s') || self.args.has('S')
    }

    /// What a value is called: a symbol, or with -S the cache of the object that it lies in.
    fn name(&self, value: u64) -> Option<String> {
        match self.args.count('S') {
            0 => symbolic(self.cx, value),
            n => symbol_or_object(self.cx, value, n > 1),
        }
    }

    fn shown(&self, at: u64, numbers: &[u64], symbols: &[Option<String>], text: &str) -> String {
        let args = self.args;
        let (width, bits) = (self.size as usize * 2, self.size as u32 * 8);
        let one = |(i, n): (usize, &u64)| match symbols.get(i).cloned().flatten() {
            Some(name) => format!("{name:<16}"),
            None if args.has('d') => {
                let unused = 64 - bits.clamp(1, 64);
                format!("{:>15}", (n << unused) as i64 >> unused)
            }
            None if args.has('D') => format!("{n:>15}"),
            None => format!("{n:0width$x}"),
        };
        let cells: Vec<String> = numbers.iter().enumerate().map(one).collect();
        let plain = ["d", "D", "x", "s", "S"].iter().any(|f| args.has_word(f));
        let cells = cells.join(" ");
        if plain {
            return format!("{at:16x}:  {}", cells.trim_end());
        }
        let full = 16 / self.size as usize * (width + 1) - 1;
        format!("{at:16x}:  {cells:<full$}   {text}")
    }

    /// Text up to its NUL, or as many bytes as asked for.
    fn ascii(&self, out: &mut dyn Sink) -> Result<(), CommandError> {
        const LINE: u64 = 60;
        let most = if self.open { 4096 } else { self.count };
        let mut done = 0;
        while done < most {
            let at = self.at.wrapping_add(done);
            let (bytes, why) = self.part(at, LINE.min(most - done) as usize);
            let end = bytes.iter().position(|b| *b == 0 || *b >= 0x80).unwrap_or(bytes.len());
            let shown = bytes[..end].iter().filter(|b| **b != b'\n');
            let text: String = shown.map(|b| printable(*b)).collect();
            if !text.is_empty() {
                let row = TextRow { address: Hex(at), text };
                out.row(&row, |r| format!("{at:16x}:  {}", r.text))?;
            }
            if let Some(e) = why {
                return Err(CommandError::Partial(e.to_string()));
            }
            if end < bytes.len() {
                break;
            }
            done += LINE;
        }
        Ok(())
    }

    fn save(&self, path: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
        if self.open {
            return Err(CommandError::Usage("-r needs a count of bytes, or -e".into()));
        }
        let (bytes, why) = self.part(self.at, (self.count * self.size) as usize);
        std::fs::write(path, &bytes).map_err(|e| CommandError::Failed(format!("{path}: {e}")))?;
        let row = Saved { file: path.to_owned(), bytes: bytes.len() };
        out.row(&row, |_| format!("{} bytes copied from 0x{:x} to {path}", bytes.len(), self.at))?;
        why.map_or(Ok(()), |e| Err(CommandError::Partial(e.to_string())))
    }
}

/// Text in memory.
#[derive(Serialize, JsonSchema)]
struct TextRow {
    address: Hex,
    text: String,
}

/// Memory that was written to a file.
#[derive(Serialize, JsonSchema)]
struct Saved {
    file: String,
    bytes: usize,
}

fn source<'c>(cx: &'c Context, args: &Args) -> Result<Source<'c>, CommandError> {
    if args.has('p') {
        let phys = cx.target.phys().map(|p| Source::Physical(p.as_ref()));
        return phys.ok_or_else(|| CommandError::Failed("no physical memory".into()));
    }
    if !args.has('u') {
        return Ok(Source::Kernel(cx.target.memory()));
    }
    let task = cx.current()?;
    match necropsy_kernel::mm::user_memory(&cx.target, &task)? {
        Some(memory) => Ok(Source::User(Box::new(memory))),
        None => Err(CommandError::Failed(format!(
            "the selected task {} has no user space; choose one with \"set PID\"",
            task.pid
        ))),
    }
}

/// A symbol, or the cache of the slab object that a value is the address of: `[cache]`, or `[address:cache]`.
pub fn symbol_or_object(cx: &Context, value: u64, address: bool) -> Option<String> {
    symbolic(cx, value).or_else(|| {
        let cache = slab::object(&cx.target, VirtAddr(value))?.cache;
        Some(if address { format!("[{value:016x}:{cache}]") } else { format!("[{cache}]") })
    })
}

/// `symbol+offset` with the offset in decimal, as crash's `rd -s` and `bt -F` show it.
pub fn symbolic(cx: &Context, value: u64) -> Option<String> {
    let near = cx.target.near(VirtAddr(value))?;
    let name = terminal_safe(&near.name);
    Some(match value - near.start.0 {
        0 => name,
        offset => format!("{name}+{offset}"),
    })
}

/// Printable ASCII, or a dot.
pub fn printable(byte: u8) -> char {
    if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' }
}

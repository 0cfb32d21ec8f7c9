//! `sym`: symbols by name and by address.

use necropsy_base::VirtAddr;
use necropsy_debuginfo::{ElfSymbol, KSymbol};
use necropsy_report::{Hex, terminal_safe};
use necropsy_target::Module;
use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Sym;

/// A symbol, or an address near one.
#[derive(Serialize, JsonSchema)]
struct Row {
    address: Hex,
    kind: char,
    name: String,
    offset: u64,
    module: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl Command for Sym {
    fn name(&self) -> &'static str {
        "sym"
    }
    fn synopsis(&self) -> &'static str {
        "[-l | -M | -m module] | [-p | -n] [symbol | address | symbol+offset] ... | -q string"
    }
    fn about(&self) -> &'static str {
        "symbols by name, and names by address"
    }
    fn help(&self) -> &'static str {
        "The address of a symbol, or the symbol at an address with the offset in decimal, its letter as `nm` has it, and\n\
         its module in brackets. A name that several symbols have shows them all.\n\
         -l   every symbol of the kernel, and those of the modules\n\
         -M   every symbol of the modules\n\
         -m   every symbol of one module\n\
         -q   symbols whose names contain the string\n\
         -p   also the symbol before\n\
         -n   also the symbol after\n\n\
         The symbols are the kernel's own (kallsyms) and those that each module keeps."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "sym do_syscall_64", what: "where a function is" },
            Example { line: "sym ffffffff81000042", what: "what an address is in" },
            Example { line: "sym -q vfs_writ", what: "names that contain a string" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "lMpn", values: "mq", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(part) = args.value('q') {
            return containing(cx, part, out);
        }
        if args.has('l') {
            kernel(cx, out)?;
        }
        if args.has('l') || args.has('M') {
            let modules = &cx.target.modules().list;
            return modules.iter().try_for_each(|m| module(cx, m, out));
        }
        if let Some(name) = args.value('m') {
            let found = cx.target.modules().named(name);
            let found = found.ok_or_else(|| CommandError::no_module(name))?;
            return module(cx, found, out);
        }
        if args.rest.is_empty() {
            return Err(CommandError::Usage("a symbol or an address is missing".into()));
        }
        args.rest.iter().try_for_each(|word| one(cx, word, args, out))
    }
}

fn write(row: &Row, out: &mut dyn Sink) -> Result<(), CommandError> {
    Ok(out.row(row, |r| {
        let offset = if r.offset > 0 { format!("+{}", r.offset) } else { String::new() };
        let module = r.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
        let source = match (&r.file, r.line) {
            (Some(file), Some(line)) => format!(" {}: {line}", terminal_safe(file)),
            _ => String::new(),
        };
        format!("{:x} ({}) {}{offset}{module}{source}", r.address.0, r.kind, r.name)
    })?)
}

fn of_kernel(cx: &Context, symbol: KSymbol) -> Row {
    // Per-CPU variables linked at offset 0 count as absolute in kallsyms; they are data.
    let percpu = cx.target.kallsyms().is_some_and(|k| k.percpu_absolute());
    let kind = match symbol.kind {
        b'A' if percpu && symbol.address < 1 << 30 => match cx.is_static_percpu(&symbol.name) {
            true => b'd',
            false => b'D',
        },
        kind => kind,
    };
    Row {
        address: Hex(symbol.address),
        kind: char::from(kind),
        name: terminal_safe(&symbol.name),
        offset: 0,
        module: None,
        file: None,
        line: None,
    }
}

fn of_module(m: &Module, at: u64, kind: u8, name: &str) -> Row {
    Row {
        address: Hex(at),
        kind: if kind.is_ascii_graphic() { char::from(kind) } else { '?' },
        name: terminal_safe(name),
        offset: 0,
        module: Some(terminal_safe(&m.name)),
        file: None,
        line: None,
    }
}

fn kernel(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let table = cx
        .target
        .kallsyms()
        .ok_or_else(|| CommandError::Failed("the kernel's symbols were not found".into()))?;
    (0..table.len()).filter_map(|i| table.symbol(i)).try_for_each(|s| write(&of_kernel(cx, s), out))
}

fn module(cx: &Context, m: &Module, out: &mut dyn Sink) -> Result<(), CommandError> {
    let name = terminal_safe(&m.name);
    let parts = m.parts(&cx.target);
    for (part, range) in &parts {
        let (part, last) = (terminal_safe(part), range.end.saturating_sub(1));
        let inside = |s: &&ElfSymbol| range.contains(&s.value);
        out.heading(&format!("{:x} MODULE {part} START: {name}", range.start))?;
        symbols(m, m.symbols(&cx.target).iter().filter(inside), out)?;
        out.heading(&format!("{last:x} MODULE {part} END: {name}"))?;
    }
    let elsewhere = |s: &&ElfSymbol| !parts.iter().any(|(_, range)| range.contains(&s.value));
    if !parts.is_empty() {
        symbols(m, m.symbols(&cx.target).iter().filter(elsewhere), out)?;
    } else {
        let (start, end) = (m.base().0, m.regions.iter().map(|r| r.end).max().unwrap_or(0));
        out.heading(&format!("{start:x} MODULE START: {name}"))?;
        symbols(m, m.symbols(&cx.target).iter(), out)?;
        out.heading(&format!("{end:x} MODULE END: {name}"))?;
    }
    Ok(())
}

fn symbols<'m>(
    m: &Module,
    all: impl Iterator<Item = &'m ElfSymbol>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    for s in all {
        out.row(&of_module(m, s.value, s.kind, &s.name), |r| {
            format!("{:x} ({}) {}", r.address.0, r.kind, r.name)
        })?;
    }
    Ok(())
}

fn containing(cx: &Context, part: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    if let Some(table) = cx.target.kallsyms() {
        for symbol in table.search(part).into_iter().filter_map(|i| table.symbol(i)) {
            write(&of_kernel(cx, symbol), out)?;
        }
    }
    for m in &cx.target.modules().list {
        for s in m.symbols(&cx.target).iter().filter(|s| s.name.contains(part)) {
            write(&of_module(m, s.value, s.kind, &s.name), out)?;
        }
    }
    Ok(())
}

fn one(cx: &Context, word: &str, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let named = by_name(cx, word);
    let rows = if named.is_empty() {
        let at = cx.address(word)?;
        vec![at_address(cx, at).ok_or_else(|| {
            CommandError::Failed(format!("no symbol at {:x}: it is outside the kernel and its modules", at.0))
        })?]
    } else {
        named
    };
    for row in rows {
        let start = VirtAddr(row.address.0 - row.offset);
        if args.has('p')
            && let Some(before) = at_address(cx, start.moved(-1))
        {
            write(&in_source(cx, whole(before)), out)?;
        }
        write(&in_source(cx, row), out)?;
        let size = cx.target.near(start).and_then(|n| n.size);
        if args.has('n')
            && let Some(next) = size.and_then(|size| at_address(cx, start.offset(size)))
        {
            write(&in_source(cx, next), out)?;
        }
    }
    Ok(())
}

/// With the source line of its code, if a file that tells it is at hand.
fn in_source(cx: &Context, row: Row) -> Row {
    let at = VirtAddr(row.address.0);
    let line = cx.target.is_text(at).then(|| super::listing::line_of(cx, at)).flatten();
    Row { file: line.as_ref().map(|l| l.file.clone()), line: line.map(|l| l.line), ..row }
}

/// The symbol itself, not an address in it.
fn whole(row: Row) -> Row {
    Row { address: Hex(row.address.0 - row.offset), offset: 0, ..row }
}

fn by_name(cx: &Context, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(table) = cx.target.kallsyms() {
        let found = table.by_name(name).into_iter().filter_map(|i| table.symbol(i));
        rows.extend(found.map(|s| of_kernel(cx, s)));
    }
    for m in &cx.target.modules().list {
        let found = m.symbols(&cx.target).iter().filter(|s| s.name.as_str() == name);
        rows.extend(found.map(|s| of_module(m, s.value, s.kind, &s.name)));
    }
    rows
}

/// Shows the symbol nearest before an address; `kmem` does so for the addresses of the kernel and of modules.
pub fn show_address(cx: &Context, at: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    at_address(cx, at).map_or(Ok(()), |row| write(&row, out))
}

fn at_address(cx: &Context, at: VirtAddr) -> Option<Row> {
    let near = cx.target.near(at)?;
    let kind = match &near.module {
        None => cx.target.kallsyms().and_then(|k| k.kind(k.at(at.0)?)),
        Some(m) => cx.target.modules().named(m).and_then(|m| {
            let found = m.symbols(&cx.target).iter().find(|s| s.value == near.start.0);
            found.map(|s| s.kind)
        }),
    };
    Some(Row {
        address: Hex(at.0),
        kind: kind.filter(u8::is_ascii_graphic).map_or('?', char::from),
        name: terminal_safe(&near.name),
        offset: at.0 - near.start.0,
        module: near.module.as_deref().map(terminal_safe),
        file: None,
        line: None,
    })
}

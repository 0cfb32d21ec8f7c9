//! `help`: the commands and their pages, out of the registry.

use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::{COMMANDS, bt};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, aliases, run};

pub struct Help;

impl Command for Help {
    fn name(&self) -> &'static str {
        "help"
    }
    fn synopsis(&self) -> &'static str {
        "[command] ... | -r"
    }
    fn about(&self) -> &'static str {
        "what there is, and how to use it"
    }
    fn help(&self) -> &'static str {
        "Without arguments: all commands. With: their pages.\n\
         -r   the registers of each CPU as the dump's notes have them"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "help", what: "all commands" },
            Example { line: "help bt", what: "one command's page" },
            Example { line: "help -r", what: "where each CPU was stopped" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { raw: true, ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Summary, Page, Noted]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.rest.is_empty() {
            return overview(out);
        }
        if args.rest == ["-r"] {
            return noted_registers(cx, out);
        }
        for (i, name) in args.rest.iter().enumerate() {
            if i > 0 {
                out.heading("")?;
            }
            if name.starts_with('-') && name.len() > 1 {
                return Err(CommandError::Usage(format!("option {name} is unknown or not supported")));
            }
            page(name, out)?;
        }
        Ok(())
    }
}

/// A command in one line.
#[derive(Serialize, JsonSchema)]
struct Summary {
    name: &'static str,
    synopsis: &'static str,
    about: &'static str,
    aliases: Vec<&'static str>,
}

/// A command's whole page.
#[derive(Serialize, JsonSchema)]
struct Page {
    name: &'static str,
    synopsis: &'static str,
    about: &'static str,
    aliases: Vec<&'static str>,
    help: &'static str,
    examples: Vec<Line>,
}

/// An example.
#[derive(Serialize, JsonSchema)]
struct Line {
    line: &'static str,
    what: &'static str,
}

/// The registers of a CPU.
#[derive(Serialize, JsonSchema)]
struct Noted {
    cpu: usize,
    registers: Vec<(&'static str, Hex)>,
}

/// Columns of the overview, as crash has them.
const COLUMNS: usize = 5;

fn overview(out: &mut dyn Sink) -> Result<(), CommandError> {
    let names: Vec<&str> = COMMANDS.iter().map(|c| c.name()).collect();
    let rows = names.len().div_ceil(COLUMNS);
    out.heading("")?;
    for row in 0..rows {
        let cells = names.iter().skip(row).step_by(rows);
        let line: String = cells.map(|n| format!("{n:<15}")).collect();
        out.heading(line.trim_end())?;
    }
    let last = "For help on any command above, enter \"help <command>\"; exit with \"q\".";
    out.heading(&format!("\n{last}"))?;
    for c in COMMANDS {
        let row = Summary {
            name: c.name(),
            synopsis: c.synopsis(),
            about: c.about(),
            aliases: c.aliases().to_vec(),
        };
        out.row(&row, |_| String::new())?;
    }
    Ok(())
}

/// What the note of each CPU says: the kernel's when kdump wrote the dump, the hypervisor's when that did.
fn noted_registers(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let mut first = true;
    for cpu in necropsy_kernel::cpus::present(&cx.target) {
        let Some(regs) = cx.target.noted_regs(cpu) else {
            out.note(&format!("no registers of CPU {cpu} are in the dump"));
            continue;
        };
        if !std::mem::take(&mut first) {
            out.heading("")?;
        }
        let row = Noted { cpu, registers: bt::named(cx, &regs) };
        out.row(&row, |r| format!("CPU {cpu}:\n{}", bt::registers(&r.registers)))?;
    }
    Ok(())
}

fn page(name: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let expanded = aliases::expand(None, &[name.to_owned()]);
    let c = run::find(expanded.first().map_or(name, String::as_str))?;
    let examples = c.examples().iter().map(|e| Line { line: e.line, what: e.what });
    let row = Page {
        name: c.name(),
        synopsis: c.synopsis(),
        about: c.about(),
        aliases: c.aliases().to_vec(),
        help: c.help(),
        examples: examples.collect(),
    };
    Ok(out.row(&row, |_| text(c))?)
}

fn text(c: &dyn Command) -> String {
    let indent = |text: &str| -> String {
        let lines = text.lines().map(|l| if l.is_empty() { "\n".into() } else { format!("  {l}\n") });
        lines.collect()
    };
    let mut out = format!("NAME\n  {} - {}\n\n", c.name(), c.about());
    out += &format!("SYNOPSIS\n{}\n", indent(format!("{} {}", c.name(), c.synopsis()).trim_end()));
    out += &format!("DESCRIPTION\n{}\nEXAMPLES\n", indent(c.help()));
    for e in c.examples() {
        out += &format!("  {}\n      {}\n", e.line, e.what);
    }
    out
}

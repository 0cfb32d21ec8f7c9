//! `irq`: interrupts and softirqs.

use necropsy_base::VirtAddr;
use necropsy_kernel::irq::{self, Irq as KernelIrq};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Irq;

impl Command for Irq {
    fn name(&self) -> &'static str {
        "irq"
    }
    fn synopsis(&self) -> &'static str {
        "[[index ...] | -u] | -d | -b | -a | -s [-c cpu]"
    }
    fn about(&self) -> &'static str {
        "interrupts, who handles them, how often they came"
    }
    fn help(&self) -> &'static str {
        "Without arguments: every interrupt number with its descriptor and the actions that handle it.\n\
         -u   only those that have a descriptor\n\
         -d   the interrupt descriptor table\n\
         -b   the softirqs\n\
         -a   the CPUs that each interrupt may go to\n\
         -s   how often each came, by CPU; -c CPU[,CPU-CPU ...] only on these"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "irq -s", what: "counts, as in /proc/interrupts" },
            Example { line: "irq 4", what: "one interrupt" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "udbas", values: "c", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Vector, Affinity, Counts]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        match () {
            () if args.has('d') => table(cx, out),
            () if args.has('b') => softirqs(cx, out),
            () if args.has('a') => affinity(cx, out),
            () if args.has('s') => counts(cx, args, out),
            () => list(cx, args, out),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    irq: u64,
    descriptor: Option<Hex>,
    action: Option<Hex>,
    name: Option<String>,
}

fn list(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let known = irq::descriptors(t)?;
    let wanted: Vec<u64> = if args.rest.is_empty() {
        (0..irq::count(t)?).collect()
    } else {
        let number = |w: &String| {
            number::count(w).ok_or_else(|| CommandError::Usage(format!("no interrupt number: {w}")))
        };
        args.rest.iter().map(number).collect::<Result<_, _>>()?
    };
    out.heading(" IRQ   IRQ_DESC/_DATA      IRQACTION      NAME")?;
    for number in wanted {
        let at = known.iter().find(|(n, _)| *n == number).map(|(_, at)| *at);
        let Some(at) = at else {
            if !args.has('u') {
                out.row(&Row { irq: number, descriptor: None, action: None, name: None }, text)?;
            }
            continue;
        };
        match irq::irq(t, number, at) {
            Ok(found) => rows(&found, out)?,
            Err(e) => out.note(&format!("irq {number}: {e}")),
        }
    }
    Ok(())
}

fn rows(found: &KernelIrq, out: &mut dyn Sink) -> Result<(), CommandError> {
    let row = |action: Option<(VirtAddr, String)>| Row {
        irq: found.number,
        descriptor: Some(Hex(found.at.0)),
        action: action.as_ref().map(|(at, _)| Hex(at.0)),
        name: action.map(|(_, name)| name),
    };
    if found.actions.is_empty() {
        out.row(&row(None), text)?;
    }
    for (i, action) in found.actions.iter().enumerate() {
        let row = row(Some((action.at, action.name.clone())));
        match i {
            0 => out.row(&row, text)?,
            _ => out.row(&row, |r| {
                format!("{:>24}{:016x}  \"{}\"", "", action.at.0, r.name.as_deref().unwrap_or_default())
            })?,
        }
    }
    Ok(())
}

fn text(row: &Row) -> String {
    let cell = |at: Option<Hex>| at.map_or("    (unused)    ".to_owned(), |a| format!("{:016x}", a.0));
    let name = row.name.as_ref().map(|n| format!("\"{n}\"")).unwrap_or_default();
    format!("{:>3}   {}  {}  {name}", row.irq, cell(row.descriptor), cell(row.action)).trim_end().to_owned()
}

#[derive(Serialize, JsonSchema)]
struct Vector {
    vector: usize,
    handler: Hex,
    symbol: String,
}

fn table(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    if cx.target.arch().name() != "x86_64" {
        return Err(CommandError::Failed("only x86-64 has an interrupt descriptor table".into()));
    }
    for (vector, handler) in irq::gates(&cx.target)?.into_iter().enumerate() {
        let row = Vector { vector, handler: Hex(handler.0), symbol: decimal(cx, handler) };
        out.row(&row, |r| format!("{:>5} {}", format!("[{}]", r.vector), r.symbol))?;
    }
    Ok(())
}

/// `symbol+OFFSET`, the offset in decimal as crash writes it.
fn decimal(cx: &Context, at: VirtAddr) -> String {
    match cx.target.near(at) {
        Some(near) if near.start == at => near.name,
        Some(near) => format!("{}+{}", near.name, at.0 - near.start.0),
        None => format!("{:016x}", at.0),
    }
}

fn softirqs(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("SOFTIRQ_VEC      ACTION")?;
    for (vector, handler) in irq::softirqs(&cx.target)?.into_iter().enumerate() {
        if handler.is_null() {
            continue;
        }
        let row = Vector { vector, handler: Hex(handler.0), symbol: decimal(cx, handler) };
        out.row(&row, |r| {
            format!("{:>7}     {:016x}  <{}>", format!("[{}]", r.vector), r.handler.0, r.symbol)
        })?;
    }
    Ok(())
}

/// The interrupts that somebody handles.
fn handled(cx: &Context, out: &mut dyn Sink) -> Result<Vec<KernelIrq>, CommandError> {
    let mut found = Vec::new();
    for (number, at) in irq::descriptors(&cx.target)? {
        match irq::irq(&cx.target, number, at) {
            Ok(irq) if !irq.actions.is_empty() => found.push(irq),
            Ok(_) => {}
            Err(e) => out.note(&format!("irq {number}: {e}")),
        }
    }
    Ok(found)
}

fn names(irq: &KernelIrq) -> String {
    irq.actions.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(",")
}

#[derive(Serialize, JsonSchema)]
struct Affinity {
    irq: u64,
    name: String,
    affinity: Vec<usize>,
}

fn affinity(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("IRQ NAME                 AFFINITY")?;
    for irq in handled(cx, out)? {
        let row = Affinity { irq: irq.number, name: names(&irq), affinity: irq.affinity.clone() };
        out.row(&row, |r| format!("{:>3} {:<20} {}", r.irq, r.name, ranges(&r.affinity)))?;
    }
    Ok(())
}

/// `0-2,4`.
fn ranges(cpus: &[usize]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut rest = cpus;
    while let Some(first) = rest.first() {
        let run = rest.iter().enumerate().take_while(|(i, cpu)| **cpu == first + i).count();
        out.push(match run {
            1 => first.to_string(),
            n => format!("{first}-{}", first + n - 1),
        });
        rest = &rest[run..];
    }
    out.join(",")
}

#[derive(Serialize, JsonSchema)]
struct Counts {
    irq: u64,
    counts: Vec<(usize, u64)>,
    chip: Option<String>,
    flow: Option<String>,
    name: String,
}

fn counts(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let cpus = cx.cpus(args.value('c').unwrap_or("all"))?;
    let heads: String = cpus.iter().map(|cpu| format!("{:>11}", format!("CPU{cpu}"))).collect();
    out.heading(&format!("    {heads}"))?;
    for irq in handled(cx, out)? {
        let counts: Vec<(usize, u64)> =
            irq.counts.iter().filter(|(cpu, _)| cpus.contains(cpu)).copied().collect();
        let row = Counts {
            irq: irq.number,
            counts,
            chip: irq.chip.clone(),
            flow: irq.flow.clone(),
            name: names(&irq),
        };
        out.row(&row, |r| {
            let counts: String = r.counts.iter().map(|(_, n)| format!("{n:>11}")).collect();
            let chip = r.chip.as_deref().unwrap_or("-");
            let flow = r.flow.as_ref().map(|f| format!("-{f}")).unwrap_or_default();
            format!("{:>3}:{counts}  {:<16} {}", r.irq, format!("{chip}{flow}"), r.name)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn ranges_of_cpus() {
        assert_eq!(ranges(&[0, 1, 2, 4, 6, 7]), "0-2,4,6-7");
        assert_eq!(ranges(&[]), "");
    }
}

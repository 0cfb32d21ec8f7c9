//! `sys`: the machine in a few facts.

mod tables;

use necropsy_diagnose::present::system_info;
use necropsy_kernel::{system, taint};
use necropsy_report::SystemInfo;
use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, SinkExt, Spec};

pub struct Sys;

/// What the kernel is tainted by.
#[derive(Serialize, JsonSchema)]
struct Taint {
    mask: necropsy_report::Hex,
    taint: Vec<String>,
}

impl Command for Sys {
    fn name(&self) -> &'static str {
        "sys"
    }
    fn synopsis(&self) -> &'static str {
        "[-t | -i | -c [name | number]]"
    }
    fn about(&self) -> &'static str {
        "the machine, its kernel and its state when it died"
    }
    fn help(&self) -> &'static str {
        "Without options: kernel, dump, CPUs, date, uptime, load average, tasks, host, release, memory and the panic.\n\
         -t   the kernel's taint mask and its letters\n\
         -i   what the firmware says about the machine\n\
         -c   the system calls: all, that of a number, or those with a part of a name"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "sys", what: "what died, and when" },
            Example { line: "sys -t", what: "was it tainted?" },
            Example { line: "sys -c 59", what: "who handles a system call" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "tci", ..Spec::default() }
    }
    fn shape(&self, args: &Args) -> Shape {
        if args.has('c') || args.has('i') { Shape::List } else { Shape::One }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![SystemInfo, Taint, tables::Call, tables::Field]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::List, Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.has('c') {
            return tables::calls(cx, args.rest.first().map(String::as_str), out);
        }
        if args.has('i') {
            return tables::firmware(cx, out);
        }
        if args.has('t') {
            let mask = taint::mask(&cx.target)?;
            let letters = taint::letters(&cx.target, mask);
            let row = Taint { mask: necropsy_report::Hex(mask), taint: letters };
            return Ok(out.row(&row, |r| format!("TAINTED_MASK: {mask:x}  {}", r.taint.concat()))?);
        }
        let tasks = cx.tasks();
        if let Ok(tasks) = &tasks {
            tasks.notes.iter().for_each(|n| out.note(n));
        }
        let mut info = system_info(&cx.target, tasks.ok());
        info.panic = panic_line(cx);
        Ok(out.row(&info, |info| text(cx, info))?)
    }
}

/// The last words of `panic()`, from the log.
fn panic_line(cx: &Context) -> Option<String> {
    let log = necropsy_kernel::printk::log(&cx.target).ok()?;
    let lines = log.records.iter().map(|r| necropsy_report::bytes_text(&r.text));
    let marks = ["Kernel panic - not syncing: ", "Oops: ", "kernel BUG at "];
    let found: Vec<String> =
        lines.filter(|l| marks.iter().any(|m| l.starts_with(m) || l.contains("Oops: "))).collect();
    found.first().map(|line| line.strip_prefix(marks[0]).unwrap_or(line).to_owned())
}

fn text(cx: &Context, info: &SystemInfo) -> String {
    let meta = cx.target.meta();
    let mut rows: Vec<(&str, String)> = Vec::new();
    let tainted = if info.taint.is_empty() { "" } else { "  [TAINTED]" };
    rows.push(("KERNEL", format!("(from the dump){tainted}")));
    let partial = if meta.dump_level.unwrap_or(0) > 0 { "  [PARTIAL DUMP]" } else { "" };
    let cut = if meta.complete { "" } else { "  [INCOMPLETE]" };
    rows.push(("DUMPFILE", format!("{}{partial}{cut}", cx.path)));
    let mut add = |name: &'static str, value: Option<String>| rows.extend(value.map(|v| (name, v)));
    add("CPUS", info.cpus.map(|n| n.to_string()));
    let clock = system::clock(&cx.target).ok();
    add("DATE", clock.and_then(|c| date(c.date)));
    add("UPTIME", info.uptime_seconds.map(uptime));
    add("LOAD AVERAGE", info.load_average.map(|[a, b, c]| format!("{a:.2}, {b:.2}, {c:.2}")));
    add("TASKS", info.tasks.map(|n| n.to_string()));
    add("NODENAME", info.nodename.clone());
    add("RELEASE", info.release.clone());
    add("VERSION", info.version.clone());
    let mhz = system::mhz(&cx.target).map(|m| format!("  ({m} Mhz)")).unwrap_or_default();
    add("MACHINE", info.machine.clone().map(|m| format!("{m}{mhz}")));
    add("MEMORY", info.memory_bytes.map(memory));
    add("PANIC", info.panic.clone().map(|p| format!("\"{p}\"")));
    rows.into_iter().map(|(name, value)| format!("{name:>12}: {value}\n")).collect()
}

/// `Fri Nov 20 15:12:19 UTC 2026`.
pub fn date(seconds: u64) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.strftime("%a %b %e %H:%M:%S UTC %Y").to_string())
}

fn uptime(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days > 0 { format!("{days} days, {clock}") } else { clock }
}

/// `383.5 MB`.
pub fn memory(bytes: u64) -> String {
    let mib = bytes as f64 / (1 << 20) as f64;
    match mib {
        m if m >= 1024.0 * 1024.0 => format!("{:.1} TB", m / 1024.0 / 1024.0),
        m if m >= 1024.0 => format!("{:.1} GB", m / 1024.0),
        m => format!("{m:.1} MB"),
    }
}

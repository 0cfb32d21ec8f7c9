//! `log`: the kernel's log.

use necropsy_kernel::printk::{self, Caller, Record};
use necropsy_report::bytes_text;
use schemars::JsonSchema;
use serde::Serialize;

use super::sys::date;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Log;

#[derive(Serialize, JsonSchema)]
struct Row {
    seconds: f64,
    level: u8,
    facility: u8,
    caller: Option<String>,
    text: String,
    sequence: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dictionary: Vec<(&'static str, String)>,
    #[serde(skip)]
    nanoseconds: u64,
}

impl Command for Log {
    fn name(&self) -> &'static str {
        "log"
    }
    fn aliases(&self) -> &'static [&'static str] {
        &["dmesg"]
    }
    fn synopsis(&self) -> &'static str {
        "[-T | -t] [-d] [-m] [-c] [-s]"
    }
    fn about(&self) -> &'static str {
        "the kernel's log, oldest line first"
    }
    fn help(&self) -> &'static str {
        "-T   wall-clock time before each line\n\
         -t   no time\n\
         -d   also the dictionary (SUBSYSTEM, DEVICE) of each record\n\
         -m   also the level, as <6>\n\
         -c   also who printed it: T and a thread ID, or C and a CPU\n\
         -s   also the per-CPU buffers of printk in NMI context that were not flushed (before 5.15)"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "log", what: "the last words" },
            Example { line: "log -T", what: "with wall-clock times" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "Ttdmcs", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Unprinted]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let log = printk::log(&cx.target)?;
        log.notes.iter().for_each(|n| out.note(n));
        let boot = if args.has('T') { cx.boot_time() } else { None };
        for record in &log.records {
            out.row(&row(record), |r| text(r, args, boot))?;
        }
        if args.has('s') {
            for (cpu, part) in printk::safe_buffers(&cx.target) {
                let row = Unprinted { cpu, text: bytes_text(&part) };
                out.row(&row, |r| format!("PRINTK_SAFE_SEQ_BUF: CPU {cpu}\n{}", r.text))?;
            }
        }
        Ok(())
    }
}

/// What a CPU had not yet put into the log.
#[derive(Serialize, JsonSchema)]
struct Unprinted {
    cpu: usize,
    text: String,
}

fn row(r: &Record) -> Row {
    Row {
        seconds: r.nanoseconds as f64 / 1e9,
        level: r.level,
        facility: r.facility,
        caller: r.caller.map(|c| match c {
            Caller::Thread(n) => format!("T{n}"),
            Caller::Cpu(n) => format!("C{n}"),
        }),
        text: bytes_text(&r.text),
        sequence: r.sequence,
        dictionary: r.dictionary.iter().map(|(k, v)| (*k, bytes_text(v))).collect(),
        nanoseconds: r.nanoseconds,
    }
}

/// Each line of a record gets the prefix, as the console shows it.
fn text(r: &Row, args: &Args, boot: Option<u64>) -> String {
    let mut prefix = match boot {
        _ if args.has('t') => String::new(),
        Some(boot) => format!("[{}] ", date(boot + r.nanoseconds / 1_000_000_000).unwrap_or_default()),
        None => {
            let micros = r.nanoseconds / 1000;
            format!("[{:5}.{:06}] ", micros / 1_000_000, micros % 1_000_000)
        }
    };
    if let Some(caller) = r.caller.as_ref().filter(|_| args.has('c')) {
        prefix += &format!("[{caller:>6}] ");
    }
    if args.has('m') {
        prefix += &format!("<{}>", r.level);
    }
    let mut out: String = r.text.split('\n').map(|line| format!("{prefix}{line}\n")).collect();
    if args.has('d') {
        out.extend(r.dictionary.iter().map(|(k, v)| format!("{k}={v}\n")));
    }
    out
}

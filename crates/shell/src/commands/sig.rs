//! `sig`: what a process does with signals.

use necropsy_kernel::signals::{self, Pending};
use necropsy_kernel::tasks::Task;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::header::{each_task, of_task};
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Sig;

impl Command for Sig {
    fn name(&self) -> &'static str {
        "sig"
    }
    fn synopsis(&self) -> &'static str {
        "[-g] [pid | task | comm] ... | -l | -s sigset"
    }
    fn about(&self) -> &'static str {
        "what a process does with signals, and which wait"
    }
    fn help(&self) -> &'static str {
        "Without arguments: of the selected task. For each signal what is done, then what is pending and blocked.\n\
         -g   the whole thread group: the actions once, then each thread\n\
         -l   the names of all signals\n\
         -s   the signals of a set, a number in hexadecimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "sig 1", what: "signals of the first process" },
            Example { line: "sig -s a00", what: "which signals a mask holds" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "gl", values: "s", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Name, ActionRow, State, Waiting]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.has('l') {
            return names(out);
        }
        if let Some(set) = args.value('s') {
            return in_set(set, out);
        }
        each_task(cx, args, show, out)
    }
}

#[derive(Serialize, JsonSchema)]
struct Name {
    signal: u64,
    name: String,
}

fn names(out: &mut dyn Sink) -> Result<(), CommandError> {
    for signal in 1..=64 {
        out.row(&Name { signal, name: signals::name(signal) }, |n| {
            format!("{:>4} {}", format!("[{}]", n.signal), n.name)
        })?;
    }
    Ok(())
}

fn in_set(text: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let set =
        number::address(text).ok_or_else(|| CommandError::Usage(format!("no set of signals: {text}")))?;
    for signal in (1..=64).filter(|s| set >> (s - 1) & 1 == 1) {
        out.row(&Name { signal, name: signals::name(signal) }, |n| n.name.clone())?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct ActionRow {
    signal: u64,
    action: Hex,
    handler: String,
    mask: Hex,
    flags: Hex,
    flag_names: Vec<&'static str>,
}

/// Shows one task; `foreach sig` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let all = &cx.tasks()?.all;
    let leader = all.iter().find(|other| args.has('g') && other.pid == task.tgid).unwrap_or(task);
    out.heading(&of_task(leader, cx.tasks()?.cpu_of(leader)))?;
    if leader.signal.is_null() {
        return Ok(out.heading("no signal_struct: it has exited")?);
    }
    let threads = signals::threads(t, leader)?;
    out.heading(&format!("SIGNAL_STRUCT: {:x}  NR_THREADS: {threads}", leader.signal.0))?;
    out.heading(" SIG    SIGACTION        HANDLER       MASK       FLAGS")?;
    for action in signals::actions(t, leader)? {
        let handler = match action.handler {
            0 => "SIG_DFL".into(),
            1 => "SIG_IGN".into(),
            at => format!("{at:x}"),
        };
        let flag_names = signals::flag_names(action.flags);
        let row = ActionRow {
            signal: action.signal,
            action: Hex(action.at.0),
            handler,
            mask: Hex(action.mask),
            flags: Hex(action.flags),
            flag_names,
        };
        out.row(&row, |r| {
            let names = if r.flag_names.is_empty() {
                String::new()
            } else {
                format!(" ({})", r.flag_names.join("|"))
            };
            format!(
                "{:>4} {:016x} {:>10} {:016x} {:x}{names}",
                format!("[{}]", r.signal),
                r.action.0,
                r.handler,
                r.mask.0,
                r.flags.0
            )
        })?;
    }
    if !args.has('g') {
        state(cx, task, "", out)?;
        return waiting("SHARED_PENDING", &signals::shared(t, task)?, "", out);
    }
    waiting("SHARED_PENDING", &signals::shared(t, leader)?, "", out)?;
    for thread in all.iter().filter(|other| other.tgid == leader.tgid) {
        out.heading("")?;
        out.heading(&format!("  {}", of_task(thread, cx.tasks()?.cpu_of(thread))))?;
        state(cx, thread, "  ", out)?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct State {
    pid: i32,
    pending: bool,
    blocked: Hex,
}

fn state(cx: &Context, task: &Task, indent: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let (blocked, private) = (signals::blocked(t, task)?, signals::private(t, task)?);
    let shared = signals::shared(t, task)?;
    let pending = (private.set | shared.set) & !blocked != 0;
    out.row(&State { pid: task.pid, pending, blocked: Hex(blocked) }, |s| {
        let pending = if s.pending { "yes" } else { "no" };
        format!("{indent}SIGPENDING: {pending}\n{indent}   BLOCKED: {:016x}", s.blocked.0)
    })?;
    waiting("PRIVATE_PENDING", &private, indent, out)
}

#[derive(Serialize, JsonSchema)]
struct Waiting {
    which: String,
    signals: Hex,
    queue: Vec<(i32, Hex)>,
}

fn waiting(which: &str, pending: &Pending, indent: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let queue = pending.queue.iter().map(|q| (q.signal, Hex(q.at.0))).collect();
    let row = Waiting { which: which.into(), signals: Hex(pending.set), queue };
    Ok(out.row(&row, |w| {
        let mut text =
            format!("{indent}{}\n{indent}    SIGNAL: {:016x}\n{indent}  SIGQUEUE: ", w.which, w.signals.0);
        match w.queue.is_empty() {
            true => text += "(empty)",
            false => {
                text += " SIG  SIGINFO";
                w.queue.iter().for_each(|(signal, at)| {
                    text += &format!("\n{indent}            {signal:>3}  {:016x}", at.0)
                });
            }
        }
        text
    })?)
}

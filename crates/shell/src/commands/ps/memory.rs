//! `ps -a` and `-r`: what a process was started with, and how much it may use.

use necropsy_kernel::mm;
use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_report::bytes_text;
use necropsy_target::{ArrayAt, Load, Target};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::header::of_task;
use crate::{CommandError, Context, Sink, SinkExt};

#[derive(Serialize, JsonSchema)]
pub struct Arguments {
    pid: i32,
    arguments: Vec<String>,
    environment: Vec<String>,
}

pub fn arguments(
    cx: &Context,
    tasks: &Tasks,
    chosen: &[&Task],
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    for (i, task) in chosen.iter().filter(|t| !t.mm.is_null()).enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let head = of_task(task, tasks.cpu_of(task));
        match mm::arguments(&cx.target, task) {
            Ok((arguments, environment)) => {
                let text = |v: Vec<Vec<u8>>| v.iter().map(|b| bytes_text(b)).collect::<Vec<_>>();
                let value =
                    Arguments { pid: task.pid, arguments: text(arguments), environment: text(environment) };
                out.row(&value, |v| {
                    format!(
                        "{head}\nARG: {}\nENV: {}\n",
                        v.arguments.join(" "),
                        v.environment.join("\n     ")
                    )
                })?;
            }
            Err(e) => {
                out.heading(&head)?;
                out.note(&format!("arguments of {}: {e}", task.pid));
            }
        }
    }
    Ok(())
}

#[derive(Load)]
#[kernel(name = "signal_struct")]
struct Signal {
    rlim: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "rlimit")]
struct Limit {
    rlim_cur: u64,
    rlim_max: u64,
}

/// By number (include/uapi/asm-generic/resource.h).
const LIMITS: [&str; 16] = [
    "CPU",
    "FSIZE",
    "DATA",
    "STACK",
    "CORE",
    "RSS",
    "NPROC",
    "NOFILE",
    "MEMLOCK",
    "AS",
    "LOCKS",
    "SIGPENDING",
    "MSGQUEUE",
    "NICE",
    "RTPRIO",
    "RTTIME",
];

/// `-r`: resource limits.
pub fn limits(cx: &Context, tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, task) in chosen.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        out.heading(&of_task(task, tasks.cpu_of(task)))?;
        match read_limits(&cx.target, task) {
            Ok(found) => show_limits(task, &found, out)?,
            Err(e) => out.note(&format!("limits of task {}: {e}", task.pid)),
        }
    }
    Ok(())
}

fn read_limits(t: &Target, task: &Task) -> Result<Vec<Limit>, CommandError> {
    let signal: Signal = t.load(task.signal)?;
    let all = signal.rlim.iter().take(LIMITS.len());
    Ok(all.map(|at| t.load(at)).collect::<Result<_, _>>()?)
}

/// A limit on what a task may use; `(unlimited)` is one.
#[derive(Serialize, JsonSchema)]
pub struct LimitRow {
    pid: i32,
    limit: &'static str,
    current: String,
    maximum: String,
}

fn show_limits(task: &Task, found: &[Limit], out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("      RLIMIT     CURRENT       MAXIMUM")?;
    let text = |n: u64| match n {
        u64::MAX => "(unlimited)".to_owned(),
        n => n.to_string(),
    };
    for (name, limit) in LIMITS.iter().zip(found) {
        let (soft, hard) = (text(limit.rlim_cur), text(limit.rlim_max));
        let row = LimitRow { pid: task.pid, limit: name, current: soft, maximum: hard };
        out.row(&row, |r| format!("{name:>12} {:^13} {:^13}", r.current, r.maximum).trim_end().to_owned())?;
    }
    Ok(())
}

//! `ps`: tasks.

use necropsy_kernel::mm::{self, Usage};
use necropsy_kernel::system;
use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_report::{Hex, bytes_text};
use serde::Serialize;

use super::header::of_task;
use crate::{Args, Command, CommandError, Context, Example, Sink, SinkExt, Spec};

pub struct Ps;

#[derive(Serialize)]
struct Row {
    pid: i32,
    tgid: i32,
    ppid: i32,
    cpu: usize,
    task: Hex,
    state: &'static str,
    vsz: u64,
    rss: u64,
    comm: String,
    active: bool,
    #[serde(skip)]
    kernel: bool,
}

impl Command for Ps {
    fn name(&self) -> &'static str {
        "ps"
    }
    fn synopsis(&self) -> &'static str {
        "[-k | -u | -G] [-p | -c | -t | -l | -a | -m] [pid | task | comm] ..."
    }
    fn about(&self) -> &'static str {
        "tasks and their states"
    }
    fn help(&self) -> &'static str {
        "All tasks, or those named: thread, parent, CPU, task_struct, state, share of memory, size, resident size, name.\n\
         `>` marks those that were running; kernel threads stand in brackets. Sizes are in kB.\n\
         -k   kernel threads only\n\
         -u   user tasks only\n\
         -G   thread group leaders only\n\
         -p   each task with its parents\n\
         -c   each task with its children\n\
         -t   run time, start time, user and system time\n\
         -l   when each task last got a CPU, latest first, in ns\n\
         -m   how long ago that was, latest first\n\
         -a   arguments and environment, where the pages are in the dump"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                line: "ps",
                what: "all tasks",
            },
            Example {
                line: "ps -p 1234",
                what: "who started it",
            },
            Example {
                line: "ps -m",
                what: "who has not run for long",
            },
        ]
    }
    fn options(&self) -> Spec {
        Spec {
            flags: "kuGpctlamHSAsgr",
            ..Spec::default()
        }
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let tasks = cx.tasks()?;
        tasks.notes.iter().for_each(|n| out.note(n));
        let chosen = chosen(cx, tasks, args)?;
        match () {
            _ if args.has('p') => parents(tasks, &chosen, out),
            _ if args.has('c') => children(tasks, &chosen, out),
            _ if args.has('t') => times(cx, tasks, &chosen, out),
            _ if args.has('l') || args.has('m') => last_run(cx, tasks, chosen, args.has('m'), out),
            _ if args.has('a') => arguments(cx, tasks, &chosen, out),
            _ => table(cx, tasks, &chosen, out),
        }
    }
}

fn chosen<'a>(cx: &'a Context, tasks: &'a Tasks, args: &Args) -> Result<Vec<&'a Task>, CommandError> {
    let mut chosen: Vec<&Task> = Vec::new();
    if args.rest.is_empty() {
        chosen.extend(&tasks.all);
    }
    for word in &args.rest {
        chosen.extend(cx.find_tasks(word)?);
    }
    chosen.retain(|t| !args.has('k') || t.mm.is_null());
    chosen.retain(|t| !args.has('u') || !t.mm.is_null());
    chosen.retain(|t| !args.has('G') || t.pid == t.tgid);
    Ok(chosen)
}

fn table(cx: &Context, tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    let total = system::memory_bytes(&cx.target).unwrap_or(0).max(1);
    out.heading("      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM")?;
    for task in chosen {
        let usage = mm::usage(&cx.target, task).unwrap_or_else(|e| {
            out.note(&format!("memory of task {}: {e}", task.pid));
            Usage::default()
        });
        out.row(&row(tasks, task, usage), |r| line(r, total))?;
    }
    Ok(())
}

fn row(tasks: &Tasks, task: &Task, usage: Usage) -> Row {
    Row {
        pid: task.pid,
        tgid: task.tgid,
        ppid: tasks.parent_pid(task),
        cpu: tasks.cpu_of(task),
        task: Hex(task.at.0),
        state: task.state_letters(),
        vsz: usage.virtual_bytes / 1024,
        rss: usage.resident_bytes / 1024,
        comm: bytes_text(&task.comm.0),
        active: tasks.running_on(task).is_some(),
        kernel: task.is_kernel_thread(),
    }
}

fn line(r: &Row, total: u64) -> String {
    let mark = if r.active { '>' } else { ' ' };
    let share = (r.rss as f64 * 102400.0 / total as f64).min(100.0);
    let comm = if r.kernel {
        format!("[{}]", r.comm)
    } else {
        r.comm.clone()
    };
    let (pid, ppid, cpu, task) = (r.pid, r.ppid, r.cpu, r.task.0);
    format!(
        "{mark} {pid:>7} {ppid:>7} {cpu:>3}  {task:016x}  {} {share:>5.1} {:>8} {:>8}  {comm}",
        r.state, r.vsz, r.rss
    )
}

/// A task and how far it stands from the one asked for.
#[derive(Serialize)]
struct Relative {
    depth: usize,
    pid: i32,
    task: Hex,
    comm: String,
}

fn relative(tasks: &Tasks, task: &Task, depth: usize, out: &mut dyn Sink) -> Result<(), CommandError> {
    let value = Relative {
        depth,
        pid: task.pid,
        task: Hex(task.at.0),
        comm: bytes_text(&task.comm.0),
    };
    Ok(out.row(&value, |_| {
        format!("{}{}", " ".repeat(depth), of_task(task, tasks.cpu_of(task)))
    })?)
}

/// No chain of parents is longer, unless it loops.
const MAX_PARENTS: usize = 256;

fn parents(tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, task) in chosen.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let mut chain = vec![*task];
        while let Some(parent) = chain.last().and_then(|t| tasks.at(t.parent)) {
            if chain.len() > MAX_PARENTS || chain.iter().any(|t| t.at == parent.at) {
                break;
            }
            chain.push(parent);
        }
        for (depth, task) in chain.iter().rev().enumerate() {
            relative(tasks, task, depth, out)?;
        }
    }
    Ok(())
}

fn children(tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, task) in chosen.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        relative(tasks, task, 0, out)?;
        let leader = if task.group_leader.is_null() {
            task.at
        } else {
            task.group_leader
        };
        let is_child =
            |t: &&Task| (t.parent == task.at || t.parent == leader) && t.pid == t.tgid && t.at != task.at;
        let mut none = true;
        for child in tasks.all.iter().filter(is_child) {
            none = false;
            relative(tasks, child, 2, out)?;
        }
        if none {
            out.heading("  (no children)")?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Times {
    pid: i32,
    comm: String,
    run_seconds: Option<u64>,
    start_ns: Option<u64>,
    utime_ns: Option<u64>,
    stime_ns: Option<u64>,
}

fn times(cx: &Context, tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    let uptime = system::clock(&cx.target).ok().map(|c| c.uptime);
    for (i, task) in chosen.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let start = task.start_time.get().copied();
        let ran = uptime
            .zip(start)
            .map(|(up, ns)| up.saturating_sub(ns / 1_000_000_000));
        let value = Times {
            pid: task.pid,
            comm: bytes_text(&task.comm.0),
            run_seconds: ran,
            start_ns: start,
            utime_ns: task.utime.get().copied(),
            stime_ns: task.stime.get().copied(),
        };
        out.row(&value, |v| {
            let number = |n: Option<u64>| n.map_or("(unknown)".into(), |n| n.to_string());
            let run = v.run_seconds.map_or("(unknown)".into(), clock);
            let head = of_task(task, tasks.cpu_of(task));
            let (start, user, system) = (number(v.start_ns), number(v.utime_ns), number(v.stime_ns));
            format!("{head}\n    RUN TIME: {run}\n  START TIME: {start}\n       UTIME: {user}\n       STIME: {system}\n")
        })?;
    }
    Ok(())
}

fn clock(seconds: u64) -> String {
    let days = if seconds >= 86400 {
        format!("{} days, ", seconds / 86400)
    } else {
        String::new()
    };
    format!(
        "{days}{:02}:{:02}:{:02}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[derive(Serialize)]
struct LastRun {
    pid: i32,
    comm: String,
    state: &'static str,
    last_run_ns: u64,
    ago_ns: u64,
}

fn last_run(
    cx: &Context,
    tasks: &Tasks,
    mut chosen: Vec<&Task>,
    ago: bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    chosen.sort_by_key(|t| std::cmp::Reverse(t.last_run.unwrap_or(0)));
    for task in chosen {
        let last = task.last_run.unwrap_or(0);
        let now = necropsy_kernel::cpus::run_queue_clock(&cx.target, tasks.cpu_of(task)).unwrap_or(last);
        let value = LastRun {
            pid: task.pid,
            comm: bytes_text(&task.comm.0),
            state: task.state_letters(),
            last_run_ns: last,
            ago_ns: now.saturating_sub(last),
        };
        out.row(&value, |v| {
            let when = if ago {
                since(v.ago_ns)
            } else {
                v.last_run_ns.to_string()
            };
            format!("[{when}] [{}]  {}", v.state, of_task(task, tasks.cpu_of(task)))
        })?;
    }
    Ok(())
}

/// `0 00:00:00.155`: days, clock, milliseconds.
fn since(ns: u64) -> String {
    let (ms, s) = (ns / 1_000_000 % 1000, ns / 1_000_000_000);
    format!(
        "{} {:02}:{:02}:{:02}.{ms:03}",
        s / 86400,
        s / 3600 % 24,
        s / 60 % 60,
        s % 60
    )
}

#[derive(Serialize)]
struct Arguments {
    pid: i32,
    arguments: Vec<String>,
    environment: Vec<String>,
}

fn arguments(cx: &Context, tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, task) in chosen.iter().filter(|t| !t.mm.is_null()).enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let head = of_task(task, tasks.cpu_of(task));
        match mm::arguments(&cx.target, task) {
            Ok((arguments, environment)) => {
                let text = |v: Vec<Vec<u8>>| v.iter().map(|b| bytes_text(b)).collect::<Vec<_>>();
                let value = Arguments {
                    pid: task.pid,
                    arguments: text(arguments),
                    environment: text(environment),
                };
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

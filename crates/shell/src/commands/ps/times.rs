//! `ps -t`, `-l`, `-m`: when tasks ran.

use necropsy_kernel::system;
use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_report::bytes_text;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::header::of_task;
use crate::{CommandError, Context, Sink, SinkExt};

#[derive(Serialize, JsonSchema)]
pub struct Times {
    pid: i32,
    comm: String,
    run_seconds: Option<u64>,
    start_ns: Option<u64>,
    utime_ns: Option<u64>,
    stime_ns: Option<u64>,
}

pub fn times(cx: &Context, tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    let uptime = system::clock(&cx.target).ok().map(|c| c.uptime);
    for (i, task) in chosen.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let start = task.start_time.get().copied();
        let ran = uptime.zip(start).map(|(up, ns)| up.saturating_sub(ns / 1_000_000_000));
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
    let days = if seconds >= 86400 { format!("{} days, ", seconds / 86400) } else { String::new() };
    format!("{days}{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

#[derive(Serialize, JsonSchema)]
pub struct LastRun {
    pid: i32,
    comm: String,
    state: &'static str,
    last_run_ns: u64,
    ago_ns: u64,
}

pub fn last_run(
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
            let when = if ago { since(v.ago_ns) } else { v.last_run_ns.to_string() };
            format!("[{when}] [{}]  {}", v.state, of_task(task, tasks.cpu_of(task)))
        })?;
    }
    Ok(())
}

/// `0 00:00:00.155`: days, clock, milliseconds.
fn since(ns: u64) -> String {
    let (ms, s) = (ns / 1_000_000 % 1000, ns / 1_000_000_000);
    format!("{} {:02}:{:02}:{:02}.{ms:03}", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60)
}

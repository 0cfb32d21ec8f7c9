//! `ps -p`, `-c` and `-g`: who started whom.

use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::header::of_task;
use crate::{CommandError, Sink, SinkExt};

/// A task and how far it stands from the one asked for.
#[derive(Serialize, JsonSchema)]
pub struct Relative {
    depth: usize,
    pid: i32,
    task: Hex,
    comm: String,
}

fn relative(tasks: &Tasks, task: &Task, depth: usize, out: &mut dyn Sink) -> Result<(), CommandError> {
    let value = Relative { depth, pid: task.pid, task: Hex(task.at.0), comm: bytes_text(&task.comm.0) };
    Ok(out.row(&value, |_| format!("{}{}", " ".repeat(depth), of_task(task, tasks.cpu_of(task))))?)
}

/// No chain of parents is longer, unless it loops.
const MAX_PARENTS: usize = 256;

pub fn parents(tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
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

pub fn children(tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, task) in chosen.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        relative(tasks, task, 0, out)?;
        // Every thread of a child counts, as in crash.
        let is_child = |t: &&Task| t.parent == task.at && t.at != task.at;
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

/// `-g`: each process with its other threads.
pub fn groups(tasks: &Tasks, chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    let mut done = Vec::new();
    for task in chosen.iter().filter(|t| t.pid != 0) {
        if done.contains(&task.tgid) {
            continue;
        }
        if !done.is_empty() {
            out.heading("")?;
        }
        done.push(task.tgid);
        let group = || tasks.all.iter().filter(|t| t.tgid == task.tgid && t.pid != 0);
        let leader = group().find(|t| t.pid == t.tgid);
        if let Some(leader) = leader {
            relative(tasks, leader, 0, out)?;
        }
        for thread in group().filter(|t| t.pid != t.tgid) {
            relative(tasks, thread, 2, out)?;
        }
    }
    Ok(())
}

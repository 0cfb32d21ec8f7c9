//! `waitq`: who waits on a wait queue.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::containers;
use necropsy_report::{Hex, TaskInfo};
use schemars::JsonSchema;
use serde::Serialize;

use super::header::of_task;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Waitq;

impl Command for Waitq {
    fn name(&self) -> &'static str {
        "waitq"
    }
    fn synopsis(&self) -> &'static str {
        "symbol | struct.member address | address"
    }
    fn about(&self) -> &'static str {
        "the tasks that wait on a wait queue"
    }
    fn help(&self) -> &'static str {
        "A wait queue head by its symbol, its address, or as a member of a struct at an address. Simple wait queues are found by their \
         type where the member tells it."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "waitq log_wait", what: "who reads the kernel's log" },
            Example {
                line: "waitq files_struct.resize_wait ffff888003f40000",
                what: "a queue inside of a struct",
            },
        ]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let (head, simple) = match &args.rest[..] {
            [path, at] => member(cx, path, at)?,
            [at] => (cx.address(at)?, false),
            _ => {
                return Err(CommandError::Usage(
                    "which wait queue? a symbol, an address, or struct.member and an address".into(),
                ));
            }
        };
        let found = waiters(cx, head, simple, out)?;
        if found.is_empty() {
            out.heading(&format!("wait queue {:x} is empty", head.0))?;
        }
        for at in found {
            let Some(task) = cx.tasks()?.at(at) else {
                out.note(&format!("a waiter names {:x}, where no task is", at.0));
                continue;
            };
            let cpu = cx.tasks()?.cpu_of(task);
            let row =
                Row { address: Hex(at.0), task: necropsy_diagnose::present::task_info(task, Some(cpu)) };
            out.row(&row, |_| of_task(task, cpu))?;
        }
        Ok(())
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    address: Hex,
    task: TaskInfo,
}

fn member(cx: &Context, path: &str, at: &str) -> Result<(VirtAddr, bool), CommandError> {
    let bad = || CommandError::Usage(format!("no member of a struct: {path}"));
    let (of, member) = path.split_once('.').ok_or_else(bad)?;
    let t = &cx.target;
    let offset = t.offset_of(of, member)?;
    let simple = t.offset_of(of, &format!("{member}.task_list")).is_ok();
    Ok((cx.address(at)?.offset(offset), simple))
}

/// The tasks on the queue: `head` and `entry` since 4.13, `task_list` before; simple queues have `task_list` and name the task.
fn waiters(
    cx: &Context,
    head: VirtAddr,
    simple: bool,
    out: &mut dyn Sink,
) -> Result<Vec<VirtAddr>, CommandError> {
    let t = &cx.target;
    let (list, links, task) = if simple && t.offset_of("wait_queue_head", "head").is_ok() {
        (
            t.offset_of("swait_queue_head", "task_list")?,
            t.offset_of("swait_queue", "task_list")?,
            t.offset_of("swait_queue", "task")?,
        )
    } else {
        let of = if t.size_of("wait_queue_entry").is_ok() { "wait_queue_entry" } else { "__wait_queue" };
        let queue =
            if t.size_of("wait_queue_head").is_ok() { "wait_queue_head" } else { "__wait_queue_head" };
        (
            t.offset_of(queue, "head|task_list")?,
            t.offset_of(of, "entry|task_list")?,
            t.offset_of(of, "private")?,
        )
    };
    let walk = containers::list(t, head.offset(list), links);
    walk.problem.iter().for_each(|p| out.note(&format!("wait queue {:x}: {p}", head.0)));
    let mut found = Vec::new();
    for entry in walk.items {
        match t.memory().ptr(entry.offset(task)) {
            // Entries of poll() and the like point elsewhere.
            Ok(at) => found.extend(at_task(cx, at)),
            Err(e) => out.note(&format!("waiter {:x}: {e}", entry.0)),
        }
    }
    Ok(found)
}

/// A task, or that of a `struct poll_wqueues`.
fn at_task(cx: &Context, at: VirtAddr) -> Option<VirtAddr> {
    let t = &cx.target;
    if cx.tasks().ok()?.at(at).is_some() {
        return Some(at);
    }
    let polling = t.memory().ptr(at.offset(t.offset_of("poll_wqueues", "polling_task").ok()?)).ok()?;
    cx.tasks().ok()?.at(polling).map(|task| task.at)
}

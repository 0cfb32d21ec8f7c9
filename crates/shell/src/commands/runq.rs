//! `runq`: what each CPU runs, and what waits to run there.

use std::collections::BTreeMap;

use necropsy_base::VirtAddr;
use necropsy_kernel::cpus;
use necropsy_kernel::runqueue::{self, RunQueue, Waiting};
use necropsy_kernel::tasks::Task;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Runq;

impl Command for Runq {
    fn name(&self) -> &'static str {
        "runq"
    }
    fn synopsis(&self) -> &'static str {
        "[-t | -T | -m | -g | -d] [-c cpu]"
    }
    fn about(&self) -> &'static str {
        "the run queues"
    }
    fn help(&self) -> &'static str {
        "Without options: each CPU's queue: what runs, and what waits in the real-time and the fair queue.\n\
         -t   each queue's clock and when its task began to run, in ns\n\
         -T   how far each CPU's clock is behind the latest, in seconds\n\
         -m   how long each CPU's task has been running: days, hours, minutes, seconds\n\
         -g   by task group; -d tasks that are on a queue, without looking at the queue\n\
         -c   only these CPUs: 1,3-5"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "runq", what: "all queues" },
            Example { line: "runq -T", what: "a CPU that stands still" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "tTmgd", values: "c", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Entry, Time]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let cpus = match args.value('c') {
            Some(list) => cx.cpus(list)?,
            None => cpus::present(&cx.target),
        };
        let mut queues = Vec::new();
        for cpu in cpus {
            match runqueue::run_queue(&cx.target, cx.tasks()?, cpu) {
                Ok(queue) => queues.push(queue),
                Err(e) => out.note(&format!("CPU {cpu}: {e}")),
            }
        }
        match () {
            () if args.has('t') => times(&queues, out),
            () if args.has('T') => lags(&queues, out),
            () if args.has('m') => ages(&queues, out),
            () if args.has('g') => groups(cx, &queues, out),
            () => lists(&queues, out),
        }
    }
}

fn named(task: &Task) -> String {
    format!("PID: {:<6} TASK: {:x}  COMMAND: \"{}\"", task.pid, task.at.0, task.comm_text())
}

#[derive(Serialize, JsonSchema)]
struct Entry {
    cpu: usize,
    queue: &'static str,
    priority: Option<i32>,
    pid: i32,
    task: Hex,
    comm: String,
}

fn entry(cpu: usize, queue: &'static str, priority: Option<i32>, task: &Task) -> Entry {
    Entry { cpu, queue, priority, pid: task.pid, task: Hex(task.at.0), comm: task.comm_text() }
}

fn lists(queues: &[RunQueue<'_>], out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, q) in queues.iter().enumerate() {
        let gap = if i > 0 { "\n" } else { "" };
        out.heading(&format!("{gap}CPU {} RUNQUEUE: {:x}", q.cpu, q.at.0))?;
        match q.current {
            Some(task) => {
                out.row(&entry(q.cpu, "current", None, task), |_| format!("  CURRENT: {}", named(task)))?
            }
            None => out.heading("  CURRENT: unknown")?,
        }
        waiting(q.cpu, "real-time", &format!("  RT PRIO_ARRAY: {:x}", q.real_time_at.0), &q.real_time, out)?;
        waiting(q.cpu, "fair", &format!("  CFS RB_ROOT: {:x}", q.tree_at.0), &q.fair, out)?;
    }
    Ok(())
}

fn waiting(
    cpu: usize,
    queue: &'static str,
    head: &str,
    all: &[Waiting<'_>],
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    out.heading(head)?;
    if all.is_empty() {
        out.heading("     [no tasks queued]")?;
    }
    for w in all {
        let row = entry(cpu, queue, Some(w.priority), w.task);
        out.row(&row, |_| format!("     [{:>3}] {}", w.priority, named(w.task)))?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct Time {
    cpu: usize,
    clock: u64,
    pid: Option<i32>,
    last_run: Option<u64>,
}

fn time(q: &RunQueue<'_>) -> Time {
    Time {
        cpu: q.cpu,
        clock: q.clock,
        pid: q.current.map(|c| c.pid),
        last_run: q.current.and_then(|c| c.last_run),
    }
}

fn times(queues: &[RunQueue<'_>], out: &mut dyn Sink) -> Result<(), CommandError> {
    for q in queues {
        out.row(&time(q), |r| {
            let began = r.last_run.unwrap_or(0);
            let task = q.current.map_or_else(|| "unknown".into(), named);
            format!(" CPU {}: {:011}\n        {began:011}  {task}", r.cpu, r.clock)
        })?;
    }
    Ok(())
}

fn lags(queues: &[RunQueue<'_>], out: &mut dyn Sink) -> Result<(), CommandError> {
    let latest = queues.iter().map(|q| q.clock).max().unwrap_or(0);
    let mut sorted: Vec<&RunQueue<'_>> = queues.iter().collect();
    sorted.sort_by_key(|q| std::cmp::Reverse(q.clock));
    for q in sorted {
        out.row(&time(q), |r| {
            let behind = (latest - r.clock) as f64 / 1e9;
            let task = q.current.map_or_else(|| "unknown".into(), named);
            format!("  CPU {}: {behind:.2} secs  {task}", r.cpu)
        })?;
    }
    Ok(())
}

fn ages(queues: &[RunQueue<'_>], out: &mut dyn Sink) -> Result<(), CommandError> {
    for q in queues {
        out.row(&time(q), |r| {
            let ms = r.clock.saturating_sub(r.last_run.unwrap_or(0)) / 1_000_000;
            let (s, days) = (ms / 1000, ms / 86_400_000);
            let age =
                format!("{days} {:02}:{:02}:{:02}.{:03}", s / 3600 % 24, s / 60 % 60, s % 60, ms % 1000);
            let task = q.current.map_or_else(|| "unknown".into(), named);
            format!(" CPU {}: [{age}]  {task}", r.cpu)
        })?;
    }
    Ok(())
}

/// The root group first; the queue of a group on a CPU is an element of its array.
fn groups(cx: &Context, queues: &[RunQueue<'_>], out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let root = t.symbol("root_task_group");
    for (i, q) in queues.iter().enumerate() {
        let gap = if i > 0 { "\n" } else { "" };
        out.heading(&format!("{gap}CPU {}", q.cpu))?;
        let mut all: BTreeMap<Option<VirtAddr>, Vec<(i32, &Task, bool)>> = BTreeMap::new();
        if let Some(task) = q.current {
            out.heading(&format!("  CURRENT: {}", named(task)))?;
            if let Ok((group, priority)) = runqueue::group(t, task)
                && task.pid != 0
            {
                all.entry(group).or_default().push((priority, task, true));
            }
        }
        for w in q.real_time.iter().chain(&q.fair) {
            all.entry(w.group).or_default().push((w.priority, w.task, false));
        }
        all.entry(root).or_default();
        for (group, tasks) in all {
            let (name, queue) = match group {
                g if g == root => ("ROOT_TASK_GROUP", Some(q.fair_at)),
                g => ("TASK_GROUP", g.and_then(|g| group_queue(cx, g, q.cpu))),
            };
            let queue = queue.map_or_else(|| "?".into(), |at| format!("{:x}", at.0));
            out.heading(&format!("  {name}: {:x}  CFS_RQ: {queue}", group.unwrap_or_default().0))?;
            if tasks.is_empty() {
                out.heading("     [no tasks queued]")?;
            }
            for (priority, task, current) in tasks {
                let mark = if current { " [CURRENT]" } else { "" };
                let row = entry(q.cpu, "group", Some(priority), task);
                out.row(&row, |_| format!("     [{priority:>3}] {}{mark}", named(task)))?;
            }
        }
    }
    Ok(())
}

fn group_queue(cx: &Context, group: VirtAddr, cpu: usize) -> Option<VirtAddr> {
    use necropsy_base::MemoryExt;
    let t = &cx.target;
    let array = t.memory().ptr(group.offset(t.offset_of("task_group", "cfs_rq").ok()?)).ok()?;
    t.memory().ptr(array.offset(cpu as u64 * 8)).ok()
}

//! `ps` itself, and `-S`.

use necropsy_kernel::mm::{self, Usage};
use necropsy_kernel::system;
use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Args, CommandError, Context, Sink, SinkExt};

#[derive(Serialize, JsonSchema)]
pub struct Row {
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
    stack_pointer: Option<Hex>,
    #[serde(skip)]
    kernel: bool,
}

/// The table.
pub fn table(
    cx: &Context,
    tasks: &Tasks,
    chosen: &[&Task],
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let total = system::memory_bytes(&cx.target).unwrap_or(0).max(1);
    let stack = args.has('s');
    let column = if stack { "  KSTACKP " } else { "   TASK   " };
    if !args.has('H') {
        let rest = "ST  %MEM      VSZ      RSS  COMM";
        out.heading(&format!("      PID    PPID  CPU    {column}     {rest}"))?;
    }
    for task in chosen {
        let usage = mm::usage(&cx.target, task).unwrap_or_else(|e| {
            out.note(&format!("memory of task {}: {e}", task.pid));
            Usage::default()
        });
        let pointer = task.sp.value().filter(|_| tasks.running_on(task).is_none());
        let row = row(tasks, task, usage, pointer.map(|sp| Hex(sp.0)));
        out.row(&row, |r| line(r, total, stack))?;
    }
    Ok(())
}

fn row(tasks: &Tasks, task: &Task, usage: Usage, stack_pointer: Option<Hex>) -> Row {
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
        stack_pointer,
        kernel: task.is_kernel_thread(),
    }
}

fn line(r: &Row, total: u64, stack: bool) -> String {
    let mark = if r.active { '>' } else { ' ' };
    let share = (r.rss as f64 * 102400.0 / total as f64).min(100.0);
    let comm = if r.kernel { format!("[{}]", r.comm) } else { r.comm.clone() };
    let (pid, ppid, cpu) = (r.pid, r.ppid, r.cpu);
    let task = match (stack, r.stack_pointer) {
        (false, _) => format!("{:016x}", r.task.0),
        (true, Some(sp)) => format!("{:016x}", sp.0),
        (true, None) => format!("{:^16}", "--"),
    };
    format!(
        "{mark} {pid:>7} {ppid:>7} {cpu:>3}  {task}  {} {share:>5.1} {:>8} {:>8}  {comm}",
        r.state, r.vsz, r.rss
    )
}

/// How many tasks are in a state.
#[derive(Serialize, JsonSchema)]
pub struct StateRow {
    state: &'static str,
    count: usize,
}

/// `-S`: how many tasks are in each state.
pub fn states(chosen: &[&Task], out: &mut dyn Sink) -> Result<(), CommandError> {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for state in chosen.iter().map(|t| t.state_letters()) {
        match counts.iter_mut().find(|(s, _)| *s == state) {
            Some((_, n)) => *n += 1,
            None => counts.push((state, 1)),
        }
    }
    for (state, count) in counts {
        let row = StateRow { state, count };
        out.row(&row, |_| format!("  {state}: {count}"))?;
    }
    Ok(())
}

//! `set`: which task the other commands are about.

use necropsy_kernel::tasks::Task;
use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

use super::task::thread_info;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, SinkExt, Spec, number};

pub struct Set;

#[derive(Serialize, JsonSchema)]
struct Row {
    pid: i32,
    comm: String,
    task: Hex,
    thread_info: Hex,
    cpu: usize,
    state: String,
}

/// The shell's variables: those that were asked for or changed.
#[derive(Default, Serialize, JsonSchema)]
struct Variables {
    #[serde(skip_serializing_if = "Option::is_none")]
    radix: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scroll: Option<bool>,
}

impl Command for Set {
    fn name(&self) -> &'static str {
        "set"
    }
    fn synopsis(&self) -> &'static str {
        "[pid | task] | [-c cpu] | [-p] | [-v] | radix 10|16 | scroll on|off"
    }
    fn about(&self) -> &'static str {
        "the task that other commands are about"
    }
    fn help(&self) -> &'static str {
        "Without arguments: the selected task. `bt`, `task`, `rd -u`, `vtop -u` are about it unless told otherwise.\n\
         -c   selects the task that the CPU was running\n\
         -p   selects the task that panicked, as at the start\n\
         -v   the shell's variables\n\
         radix 10|16   how p, struct, task, dis and list show numbers (also: dec, hex)\n\
         scroll on|off   whether answers that do not fit the terminal go into $PAGER, or less (also: sn, sf)"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "set", what: "who is selected" },
            Example { line: "set -c 0", what: "what a CPU was running" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "pv", values: "c", ..Spec::default() }
    }
    fn shape(&self, _: &Args) -> Shape {
        Shape::One
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Variables]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::One]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.has('v') {
            return variables(cx, out);
        }
        if let [name, value] = args.rest.as_slice() {
            return variable(cx, name, value, out);
        }
        if let Some(cpu) = args.value('c') {
            let cpu = number::count(cpu).ok_or_else(|| CommandError::Usage(format!("{cpu} is no CPU")))?;
            let cpu = cx.check_cpu(cpu as usize)?;
            let task = necropsy_kernel::tasks::current(&cx.target, cpu)?;
            cx.select(&task);
        } else if args.has('p') {
            cx.select_panic();
        } else if let Some(word) = args.rest.first() {
            let found = cx.find_tasks(word)?;
            // PID 0 is one idle task per CPU: the first stands for them.
            if let Some(task) = found.first() {
                cx.select(task);
            }
        }
        show(cx, &cx.current()?, out)
    }
}

fn variables(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let row = Variables { radix: Some(radix(cx)), scroll: Some(cx.scroll()) };
    Ok(out.row(&row, |r| {
        let scroll = if r.scroll == Some(true) { "on" } else { "off" };
        format!("        scroll: {scroll}\n         radix: {}", radix(cx))
    })?)
}

fn radix(cx: &Context) -> u32 {
    if cx.hex(&Args::default()) { 16 } else { 10 }
}

fn variable(cx: &Context, name: &str, value: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let mut changed = Variables::default();
    match (name, value) {
        ("radix", "10" | "dec" | "decimal") => changed.radix = Some(10),
        ("radix", "16" | "hex" | "hexadecimal") => changed.radix = Some(16),
        ("scroll", "on" | "more" | "less" | "CRASHPAGER") => changed.scroll = Some(true),
        ("scroll", "off") => changed.scroll = Some(false),
        _ => {
            let text = "there are radix 10 or 16, and scroll on or off";
            return Err(CommandError::Usage(format!("no variable {name} with a value {value}: {text}")));
        }
    }
    changed.radix.iter().for_each(|radix| cx.set_radix(*radix));
    changed.scroll.iter().for_each(|on| cx.set_scroll(*on));
    Ok(out.row(&changed, |r| {
        match (r.radix, r.scroll) {
            (Some(16), _) => "output radix: 16 (hex)",
            (Some(_), _) => "output radix: 10 (decimal)",
            (None, Some(true)) => "scroll: on",
            (None, _) => "scroll: off",
        }
        .into()
    })?)
}

/// Shows one task; `foreach set` does the same for many.
pub fn show(cx: &Context, task: &Task, out: &mut dyn Sink) -> Result<(), CommandError> {
    let running = cx.running_on(task);
    let row = Row {
        pid: task.pid,
        comm: bytes_text(&task.comm.0),
        task: Hex(task.at.0),
        thread_info: Hex(thread_info(cx, task).0),
        cpu: running.unwrap_or(task.cpu.unwrap_or(0) as usize),
        state: state(cx, task, running),
    };
    Ok(out.row(&row, |r| {
        format!(
            "    PID: {}\nCOMMAND: \"{}\"\n   TASK: {:x}  [THREAD_INFO: {:x}]\n    CPU: {}\n  STATE: {}\n",
            r.pid, r.comm, r.task.0, r.thread_info.0, r.cpu, r.state
        )
    })?)
}

fn state(cx: &Context, task: &Task, running: Option<usize>) -> String {
    let name = match task.state_letters() {
        "RU" => "TASK_RUNNING",
        "IN" => "TASK_INTERRUPTIBLE",
        "UN" => "TASK_UNINTERRUPTIBLE",
        "ID" => "TASK_IDLE",
        "ST" => "TASK_STOPPED",
        "TR" => "TASK_TRACING_STOPPED",
        "ZO" => "EXIT_ZOMBIE",
        "DE" => "EXIT_DEAD",
        "PA" => "TASK_PARKED",
        "WA" => "TASK_WAKING",
        "NE" => "TASK_NEW",
        _ => "(unknown)",
    };
    let panicked = cx.panic_task().is_some_and(|p| p.at == task.at);
    match running {
        Some(_) if panicked => format!("{name} (PANIC)"),
        Some(_) => format!("{name} (ACTIVE)"),
        None => name.into(),
    }
}

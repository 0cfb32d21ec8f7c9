//! `fault`: the exception that a task did not come back from.

use necropsy_diagnose::scenes;
use necropsy_kernel::tasks::Task;
use necropsy_report::{FaultInfo, OperandInfo};

use super::header::{each_task, task_line};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Fault;

impl Command for Fault {
    fn name(&self) -> &'static str {
        "fault"
    }
    fn synopsis(&self) -> &'static str {
        "[pid | task] ..."
    }
    fn about(&self) -> &'static str {
        "the exception that a task did not come back from: instruction, what it touches, registers"
    }
    fn help(&self) -> &'static str {
        "Of the task that panicked, or of those named: the exception in kernel code that interrupted it for good. The instruction is decoded, \
         each operand in memory worked out with the registers as they were saved, and said what lies there and whether the page tables map \
         it; then the registers, each with what its value is. For instructions of BUG() and WARN() the file and line that the kernel itself \
         keeps are shown; they need no debuginfo.\n\
         The command is necropsy's own; crash has none like it."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "fault", what: "what the CPU could not do" },
            Example { line: "fault 1571", what: "the same of another task" },
        ]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![FaultInfo]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        each_task(cx, args, one, out)
    }
}

fn one(cx: &Context, task: &Task, _: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let cpu = cx.running_on(task);
    let found = scenes::fault(&cx.target, cx.tasks().ok(), task, cpu.unwrap_or_default());
    let none = || CommandError::Failed(format!("no exception interrupted task {} in kernel code", task.pid));
    Ok(out.row(&found.ok_or_else(none)?, text)?)
}

fn text(f: &FaultInfo) -> String {
    let end = if f.fatal { "its handler ended the kernel" } else { "its handler did not give up" };
    let mut lines = vec![
        task_line(f.task.pid, Some(f.at), f.task.cpu.unwrap_or_default(), &f.task.comm),
        format!("      EXCEPTION: {}; {end}", f.kind),
        format!("             AT: {:016x} <{}>", f.pc.0, f.place),
        format!("    INSTRUCTION: {}", f.instruction.as_deref().unwrap_or("none: no code is there")),
    ];
    lines.extend(f.operands.iter().map(operand));
    lines.extend(
        f.recorded.map(|at| format!("       RECORDED: {:016x}, the fault's address in the task", at.0)),
    );
    lines.extend(f.cr2.map(|at| format!("            CR2: {:016x}, the last page fault of this CPU", at.0)));
    lines.extend(f.listed.iter().map(|listed| format!("      BUG TABLE: {listed}")));
    lines.push("      REGISTERS:".into());
    for r in &f.registers {
        let what = r.what.as_ref().map(|w| format!("  {w}")).unwrap_or_default();
        lines.push(format!("  {:>13}: {:016x}{what}", r.name.to_uppercase(), r.value.0));
    }
    lines.join("\n")
}

fn operand(o: &OperandInfo) -> String {
    let bytes = if o.bytes > 0 { format!(", {} bytes", o.bytes) } else { String::new() };
    format!("        TOUCHES: {:016x} ({}{bytes}): {}", o.address.0, o.access, o.what)
}

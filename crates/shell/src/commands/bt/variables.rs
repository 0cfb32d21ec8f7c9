//! `bt -v`: each frame with its arguments and variables.

use necropsy_diagnose::present::stack_info;
use necropsy_kernel::tasks::{Task, stack};
use necropsy_report::FrameInfo;
use necropsy_target::unwind::Stack;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::frame::line;
use super::super::header::of_task;
use crate::locals::{self, Scope};
use crate::values::Radix;
use crate::{CommandError, Context, Sink, SinkExt};

/// A frame, what was inlined there, and the variables of each of these functions.
#[derive(Serialize, JsonSchema)]
pub struct Row {
    pid: i32,
    frames: Vec<FrameInfo>,
    scopes: Vec<Scope>,
}

pub fn show(cx: &Context, task: &Task, cpu: usize, out: &mut dyn Sink) -> Result<(), CommandError> {
    let found = stack(&cx.target, task, cx.running_on(task));
    out.heading(&of_task(task, cpu))?;
    let mut number = 0;
    for (i, frame) in found.frames.iter().enumerate() {
        let interrupted = i > 0 && found.frames[i - 1].trap.is_some();
        let label = if interrupted { "[interrupted]".into() } else { format!("#{number}") };
        number += usize::from(!interrupted);
        let one = Stack { frames: vec![frame.clone()], ..found.clone() };
        let frames = stack_info(&cx.target, task, cpu, &one, true).frames;
        let scopes = locals::of_frame(cx, &found, i, Radix::Decimal).unwrap_or_default();
        out.row(&Row { pid: task.pid, frames, scopes }, |row| text(row, &label))?;
    }
    Ok(())
}

/// Each function's line, and its variables below; functions are in the same order in both lists.
fn text(row: &Row, label: &str) -> String {
    let mut out = String::new();
    for (i, f) in row.frames.iter().enumerate() {
        out += &line(label, f);
        let variables = row.scopes.get(i).into_iter().flat_map(|s| &s.variables);
        variables.for_each(|v| out += &format!("        {}\n", v.text_indented(8)));
    }
    out
}

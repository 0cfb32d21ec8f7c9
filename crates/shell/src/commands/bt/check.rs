//! `bt -v`: has any task used more stack than it has?

use necropsy_base::MemoryExt;
use necropsy_kernel::tasks::Task;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::header::of_task;
use crate::{CommandError, Context, Sink, SinkExt};

/// `STACK_END_MAGIC` (include/uapi/linux/magic.h).
const MAGIC: u64 = 0x57AC_6E9D;

/// A stack whose last word is not what the kernel put there.
#[derive(Serialize, JsonSchema)]
pub struct Overflow {
    pid: i32,
    found: String,
}

/// Looks at the last word of every stack.
pub fn all(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let tasks = cx.tasks()?;
    let (mut checked, mut bad) = (0, 0);
    for task in tasks.all.iter().filter(|t| !t.stack.is_null()) {
        match last_word(cx, task) {
            Ok(MAGIC) => checked += 1,
            Ok(found) => {
                bad += 1;
                let row = Overflow { pid: task.pid, found: format!("{found:#x}") };
                out.row(&row, |_| {
                    let head = of_task(task, tasks.cpu_of(task));
                    format!("{head}\n  possible stack overflow: the last word is {found:x}, not {MAGIC:x}")
                })?;
            }
            Err(e) => out.note(&format!("stack of task {}: {e}", task.pid)),
        }
    }
    if bad == 0 {
        out.heading("No stack overflows detected")?;
    }
    out.note(&format!("{} stacks checked", checked + bad));
    Ok(())
}

fn last_word(cx: &Context, task: &Task) -> Result<u64, CommandError> {
    // Where thread_info still lies at the stack's end (CONFIG_THREAD_INFO_IN_TASK is not set), the magic is above it.
    let skip = match cx.target.offset_of("task_struct", "thread_info") {
        Ok(_) => 0,
        Err(_) => cx.target.size_of("thread_info").unwrap_or(0),
    };
    let read = cx.target.memory().word(task.stack.offset(skip));
    read.map_err(|e| CommandError::Failed(e.to_string()))
}

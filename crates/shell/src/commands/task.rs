//! `task`: a task's structs.

use necropsy_kernel::tasks::Task as KernelTask;

use super::header::{each_task, of_task};
use super::structs::{show_members, show_whole};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Task;

impl Command for Task {
    fn name(&self) -> &'static str {
        "task"
    }
    fn synopsis(&self) -> &'static str {
        "[-R member[,member] ...] [-x | -d] [pid | task | comm] ..."
    }
    fn about(&self) -> &'static str {
        "a task's task_struct, or members of it"
    }
    fn help(&self) -> &'static str {
        "Without arguments: the selected task. The whole task_struct, and the thread_info where it is a struct of its own.\n\
         -R   only these members; se.vruntime goes into inner structs; those of thread_info are found too\n\
         -x   numbers in hexadecimal; -d in decimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "task -R pid,comm,prio", what: "some members of the selected task" },
            Example { line: "task -R se.vruntime 1", what: "a member of an inner struct of another" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "xd", values: "R", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![super::structs::Object]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        each_task(cx, args, show, out)
    }
}

/// Shows one task; `foreach task` does the same for many.
pub fn show(cx: &Context, task: &KernelTask, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let missing = |name: &str| CommandError::Failed(format!("this kernel's BTF has no struct {name}"));
    let ty = t.type_named("struct task_struct").ok_or_else(|| missing("task_struct"))?;
    let info = t.type_named("struct thread_info");
    let cpu = cx.running_on(task).unwrap_or(task.cpu.unwrap_or(0) as usize);
    out.heading(&of_task(task, cpu))?;
    let hex = cx.hex(args);
    if let Some(list) = args.value('R') {
        let members: Vec<&str> = list.split(',').filter(|m| !m.is_empty()).collect();
        let in_task = |m: &&str| ty.table.member(ty.id, m).is_ok();
        let in_info = |m: &&str| info.as_ref().is_some_and(|i| i.table.member(i.id, m).is_ok());
        let (own, other): (Vec<&str>, Vec<&str>) =
            members.into_iter().partition(|m| in_task(m) || !in_info(m));
        if !own.is_empty() {
            show_members(cx, &ty, &own, task.at, hex, out)?;
        }
        return match info.filter(|_| !other.is_empty()) {
            Some(info) => show_members(cx, &info, &other, thread_info(cx, task), hex, out),
            None => Ok(()),
        };
    }
    show_whole(cx, &ty, task.at, hex, out)?;
    match info {
        Some(info) => {
            out.heading("")?;
            show_whole(cx, &info, thread_info(cx, task), hex, out)
        }
        None => Ok(()),
    }
}

/// Inside the task_struct since 4.9 on x86 (CONFIG_THREAD_INFO_IN_TASK), at the stack's bottom before.
pub fn thread_info(cx: &Context, task: &KernelTask) -> necropsy_base::VirtAddr {
    match cx.target.offset_of("task_struct", "thread_info") {
        Ok(offset) => task.at.offset(offset),
        Err(_) => task.stack,
    }
}

//! `ps`: tasks.

mod memory;
mod relatives;
mod table;
mod times;

use necropsy_kernel::tasks::{Task, Tasks};

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Ps;

impl Command for Ps {
    fn name(&self) -> &'static str {
        "ps"
    }
    fn synopsis(&self) -> &'static str {
        "[-k | -u | -G] [-A] [-s] [-H] [-p | -c | -g | -t | -l | -m | -a | -r | -S] [pid | task | comm] ..."
    }
    fn about(&self) -> &'static str {
        "tasks and their states"
    }
    fn help(&self) -> &'static str {
        "All tasks, or those named: thread, parent, CPU, task_struct, state, share of memory, size, resident size, name.\n\
         `>` marks those that were running; kernel threads stand in brackets. Sizes are in kB.\n\
         -k   kernel threads only\n\
         -u   user tasks only\n\
         -G   thread group leaders only\n\
         -A   only the task that each CPU was running\n\
         -s   the saved stack pointer in place of the task_struct\n\
         -H   without the heading\n\
         -S   how many tasks are in each state\n\
         -g   each process with its threads\n\
         -r   resource limits\n\
         -p   each task with its parents\n\
         -c   each task with its children\n\
         -t   run time, start time, user and system time\n\
         -l   when each task last got a CPU, latest first, in ns\n\
         -m   how long ago that was, latest first\n\
         -a   arguments and environment, where the pages are in the dump"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "ps", what: "all tasks" },
            Example { line: "ps -p 1234", what: "who started it" },
            Example { line: "ps -m", what: "who has not run for long" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "kuGpctlamHSAsgr", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![
            memory::Arguments,
            memory::LimitRow,
            relatives::Relative,
            table::Row,
            table::StateRow,
            times::Times,
            times::LastRun
        ]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let tasks = cx.tasks()?;
        tasks.notes.iter().for_each(|n| out.note(n));
        show(cx, chosen(cx, tasks, args)?, args, out)
    }
}

/// Shows the tasks; `foreach ps` does the same for those it selects.
pub fn show(cx: &Context, chosen: Vec<&Task>, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let tasks = cx.tasks()?;
    match () {
        _ if args.has('p') => relatives::parents(tasks, &chosen, out),
        _ if args.has('c') => relatives::children(tasks, &chosen, out),
        _ if args.has('g') => relatives::groups(tasks, &chosen, out),
        _ if args.has('t') => times::times(cx, tasks, &chosen, out),
        _ if args.has('l') || args.has('m') => times::last_run(cx, tasks, chosen, args.has('m'), out),
        _ if args.has('a') => memory::arguments(cx, tasks, &chosen, out),
        _ if args.has('r') => memory::limits(cx, tasks, &chosen, out),
        _ if args.has('S') => table::states(&chosen, out),
        _ => table::table(cx, tasks, &chosen, args, out),
    }
}

fn chosen<'a>(cx: &'a Context, tasks: &'a Tasks, args: &Args) -> Result<Vec<&'a Task>, CommandError> {
    let mut chosen: Vec<&Task> = Vec::new();
    if args.rest.is_empty() {
        chosen.extend(&tasks.all);
    }
    for word in &args.rest {
        chosen.extend(cx.find_tasks(word)?);
    }
    chosen.retain(|t| !args.has('k') || t.is_kernel_thread());
    chosen.retain(|t| !args.has('A') || tasks.running_on(t).is_some());
    chosen.retain(|t| !args.has('u') || !t.is_kernel_thread());
    chosen.retain(|t| !args.has('G') || t.pid == t.tgid);
    Ok(chosen)
}

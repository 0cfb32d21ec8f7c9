//! `bt`: kernel stacks.

mod check;
mod exceptions;
mod text;
mod variables;
mod words;

use necropsy_arch::Regs;
use necropsy_diagnose::present::stack_info;
use necropsy_kernel::tasks::{Task, stack};
use necropsy_report::{Hex, StackInfo};

use super::header::{debuginfo_hint, of_task};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Shape, Sink, SinkExt, Spec};

pub struct Bt;

impl Command for Bt {
    fn name(&self) -> &'static str {
        "bt"
    }
    fn synopsis(&self) -> &'static str {
        "[-a | -c cpu | -p | -g] [-n idle] [-f | -F | -r | -t | -T | -e | -E | -v] [-l] [-s] [-x | -d] [pid | task | comm] ..."
    }
    fn about(&self) -> &'static str {
        "kernel stacks, each frame with how it is known"
    }
    fn help(&self) -> &'static str {
        "Without arguments: the selected task, which is the one that panicked unless `set` chose another.\n\
         -a   the task that each CPU was running\n\
         -c   the task that the CPU was running; 1,3-5 for several\n\
         -p   the task that panicked\n\
         -g   all threads of the process\n\
         -n   `-n idle` leaves idle tasks out\n\
         -f   also all words of each frame; -F with the names of those that are addresses of symbols,\n\
         \x20    or the slab cache of the object they lead to; -FF with address and cache\n\
         -r   the raw stack, nothing else\n\
         -t   every word from the stack pointer on that is an address inside a function; -T of the whole stack\n\
         -e   register sets that exceptions and system calls left on the stack; -E on the interrupt and exception stacks\n\
         \x20    of all CPUs, or those of -c\n\
         -v   checks every task's stack for overflow; then each frame with its arguments and variables, where debug\n\
         \x20    information tells them\n\
         -l   also the source line of each frame, and the functions that were inlined there; this needs debug information\n\
         \x20    (`necropsy debuginfo` says which)\n\
         -s   also the offset in each function, in decimal (-x in hexadecimal)\n\n\
         A frame that the kernel's unwind table did not give says so: `recovered` frames were found above a damaged\n\
         return address and lead to the end of the stack without a break; `inferred` ones are named by the calls around\n\
         them and have no address; `scan` marks words that merely look like return addresses."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "bt", what: "where it died" },
            Example { line: "bt -a", what: "what all CPUs were doing" },
            Example { line: "bt 1", what: "where a task sleeps" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "apfrsxdFtTeEgvl", values: "cn", ..Spec::default() }
    }
    fn shape(&self, args: &Args) -> Shape {
        match "rtTeEv".chars().any(|f| args.has(f)) {
            true => Shape::List,
            false => Shape::Named("stacks"),
        }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![StackInfo, check::Overflow, exceptions::Exception, variables::Row, words::Words, words::Address]
    }
    fn shapes(&self) -> &'static [Shape] {
        &[Shape::Named("stacks"), Shape::List]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.has('v') {
            check::all(cx, out)?;
            if cx.target.kernel_debug().is_none() && args.rest.is_empty() {
                out.note(&format!("no variables: {}", debuginfo_hint(cx)));
                return Ok(());
            }
        }
        if args.has('E') {
            let cpus = args
                .value('c')
                .map_or_else(|| Ok(necropsy_kernel::cpus::present(&cx.target)), |l| cx.cpus(l));
            return exceptions::of_cpus(cx, &cpus?, out);
        }
        if let Some(what) = args.value('n').filter(|n| *n != "idle") {
            return Err(CommandError::Usage(format!("-n takes \"idle\", not {what}")));
        }
        for (i, task) in chosen(cx, args)?.iter().enumerate() {
            if i > 0 {
                out.heading("")?;
            }
            show(cx, task, args, out)?;
        }
        Ok(())
    }
}

fn chosen(cx: &Context, args: &Args) -> Result<Vec<Task>, CommandError> {
    // A CPU whose task cannot be found costs a note, not the others.
    let on = |cpus: Vec<usize>| {
        let (mut tasks, mut failed) = (Vec::new(), None);
        for cpu in cpus {
            match necropsy_kernel::tasks::current(&cx.target, cpu) {
                Ok(task) => tasks.push(task),
                Err(e) => {
                    cx.target.note(format!("the task of CPU {cpu}: {e}"));
                    failed = Some(e);
                }
            }
        }
        match failed.filter(|_| tasks.is_empty()) {
            Some(e) => Err(CommandError::Load(e)),
            None => Ok(tasks.into_iter().filter(|t| args.value('n').is_none() || t.pid != 0).collect()),
        }
    };
    if args.has('a') {
        return on(necropsy_kernel::cpus::present(&cx.target));
    }
    if let Some(list) = args.value('c') {
        return on(cx.cpus(list)?);
    }
    if args.has('p') {
        let task = cx.panic_task().cloned();
        return Ok(vec![task.ok_or_else(|| CommandError::Failed("no CPU panicked".into()))?]);
    }
    let mut tasks = Vec::new();
    if args.rest.is_empty() {
        tasks.push(cx.current()?);
    }
    for word in &args.rest {
        tasks.extend(cx.find_tasks(word)?.into_iter().cloned());
    }
    if args.has('g') {
        return groups(cx, &tasks);
    }
    Ok(tasks)
}

/// A CPU that did not panic was stopped in the middle of something: its registers belong to its first frame.
fn stopped(cx: &Context, task: &Task, cpu: Option<usize>, info: &mut StackInfo) {
    let panicked = cx.panic_task().is_some_and(|p| p.at == task.at);
    let regs = cpu.filter(|_| !panicked).and_then(|cpu| cx.target.cpu_regs(cpu));
    let (Some(regs), Some(first)) = (regs, info.frames.first_mut()) else {
        return;
    };
    if first.pc.map(|pc| pc.0) == regs.get(cx.target.arch().pc()) && !first.exception {
        first.registers = named(cx, &regs);
    }
}

pub use text::registers;

/// Registers with their names.
pub fn named(cx: &Context, regs: &Regs) -> Vec<(&'static str, Hex)> {
    let names = cx.target.arch().registers().iter().enumerate();
    names.filter_map(|(i, name)| Some((*name, Hex(regs.get(i)?)))).collect()
}

/// The threads of the tasks' processes, each once.
fn groups(cx: &Context, tasks: &[Task]) -> Result<Vec<Task>, CommandError> {
    let all = &cx.tasks()?.all;
    let wanted = |t: &&Task| tasks.iter().any(|w| w.at == t.at || w.tgid == t.tgid && t.pid != 0);
    Ok(all.iter().filter(wanted).cloned().collect())
}

/// Shows one task's stack; `foreach bt` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let cpu = cx.running_on(task);
    let shown_cpu = cpu.unwrap_or(task.cpu.unwrap_or(0) as usize);
    if "rtTe".chars().any(|f| args.has(f)) {
        out.heading(&of_task(task, shown_cpu))?;
        return match () {
            _ if args.has('r') => words::raw(cx, task, out),
            _ if args.has('e') => exceptions::show(cx, task, out),
            _ => words::text_symbols(cx, task, cpu, args.has('T'), out),
        };
    }
    if args.has('v') {
        return variables::show(cx, task, shown_cpu, out);
    }
    if args.has('l') && cx.target.kernel_debug().is_none() {
        out.note(&format!("no source lines: {}", debuginfo_hint(cx)));
    }
    let found = stack(&cx.target, task, cpu);
    let mut info = stack_info(&cx.target, task, shown_cpu, &found, args.has('l'));
    stopped(cx, task, cpu, &mut info);
    Ok(out.row(&info, |info| text::text(cx, info, args))?)
}

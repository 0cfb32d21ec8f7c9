//! `bt`: kernel stacks.

use necropsy_base::MemoryExt;
use necropsy_diagnose::present::stack_info;
use necropsy_kernel::tasks::{Task, stack};
use necropsy_report::{FrameInfo, Hex, StackInfo};

use super::header::{of_task, task_line};
use crate::{Args, Command, CommandError, Context, Example, Shape, Sink, SinkExt, Spec, number};

pub struct Bt;

impl Command for Bt {
    fn name(&self) -> &'static str {
        "bt"
    }
    fn synopsis(&self) -> &'static str {
        "[-a | -c cpu | -p] [-f | -r] [-s] [-x | -d] [pid | task | comm] ..."
    }
    fn about(&self) -> &'static str {
        "kernel stacks, each frame with how it is known"
    }
    fn help(&self) -> &'static str {
        "Without arguments: the selected task, which is the one that panicked unless `set` chose another.\n\
         -a   the task that each CPU was running\n\
         -c   the task that the CPU was running; 1,3-5 for several\n\
         -p   the task that panicked\n\
         -f   also all words of each frame\n\
         -r   the raw stack, nothing else\n\
         -s   also the offset in each function (-x in hexadecimal, the default; -d in decimal)\n\n\
         A frame that the kernel's unwind table did not give says so: `recovered` frames were found above a damaged\n\
         return address and lead to the end of the stack without a break; `inferred` ones are named by the calls around\n\
         them and have no address; `scan` marks words that merely look like return addresses."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                line: "bt",
                what: "where it died",
            },
            Example {
                line: "bt -a",
                what: "what all CPUs were doing",
            },
            Example {
                line: "bt 1",
                what: "where a task sleeps",
            },
        ]
    }
    fn options(&self) -> Spec {
        Spec {
            flags: "apfrsxdltTeEFgnv",
            values: "c",
            ..Spec::default()
        }
    }
    fn shape(&self) -> Shape {
        Shape::Named("stacks")
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
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
    let on = |cpus: Vec<usize>| {
        let task = |cpu: &usize| Ok(necropsy_kernel::tasks::current(&cx.target, *cpu)?);
        cpus.iter().map(task).collect()
    };
    if args.has('a') {
        return on(necropsy_kernel::cpus::present(&cx.target));
    }
    if let Some(list) = args.value('c') {
        let cpus = number::list(list).ok_or_else(|| CommandError::Usage(format!("bad CPU list: {list}")))?;
        return on(cpus);
    }
    if args.has('p') {
        let task = cx.panic_task().cloned();
        return Ok(vec![
            task.ok_or_else(|| CommandError::Failed("no CPU panicked".into()))?,
        ]);
    }
    if args.rest.is_empty() {
        return Ok(vec![cx.current()?]);
    }
    let mut tasks = Vec::new();
    for word in &args.rest {
        tasks.extend(cx.find_tasks(word)?.into_iter().cloned());
    }
    Ok(tasks)
}

/// Shows one task's stack; `foreach bt` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let cpu = cx.running_on(task);
    let shown_cpu = cpu.unwrap_or(task.cpu.unwrap_or(0) as usize);
    if args.has('r') {
        out.heading(&of_task(task, shown_cpu))?;
        return raw(cx, task, out);
    }
    let found = stack(&cx.target, task, cpu);
    let info = stack_info(&cx.target, task, shown_cpu, &found);
    Ok(out.row(&info, |info| text(cx, info, args))?)
}

fn raw(cx: &Context, task: &Task, out: &mut dyn Sink) -> Result<(), CommandError> {
    let range = task.stack_range(&cx.target);
    for at in range.step_by(16) {
        let word = |at: u64| cx.target.memory().u64(necropsy_base::VirtAddr(at));
        match (word(at), word(at + 8)) {
            (Ok(a), Ok(b)) => {
                let row = serde_json::json!({ "address": Hex(at), "words": [Hex(a), Hex(b)] });
                out.row(&row, |_| format!("{at:016x}:  {a:016x} {b:016x}"))?;
            }
            (Err(e), _) | (_, Err(e)) => return Err(CommandError::Failed(e.to_string())),
        }
    }
    Ok(())
}

fn text(cx: &Context, s: &StackInfo, args: &Args) -> String {
    let mut out = task_line(s.pid, s.task, s.cpu.unwrap_or(0), &s.comm) + "\n";
    let mut number = 0;
    for (i, f) in s.frames.iter().enumerate() {
        if f.exception {
            out += &exception(f);
            continue;
        }
        out += &line(number, f, args);
        number += 1;
        if args.has('f') {
            out += &words(cx, f, s.frames[i + 1..].iter().find_map(|n| n.sp));
        }
    }
    if let Some(end) = &s.end {
        out += &format!("    ({end})\n");
    }
    out + &registers(&s.user_registers)
}

fn line(number: usize, f: &FrameInfo, args: &Args) -> String {
    let name = f
        .function
        .clone()
        .or(f.pc.map(|pc| format!("{:016x}", pc.0)))
        .unwrap_or_default();
    let offset = f
        .offset
        .as_deref()
        .filter(|_| args.has('s'))
        .map(|o| offset(o, args))
        .unwrap_or_default();
    let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    let trust = match (f.trust, &f.remark) {
        ("orc" | "context" | "cfi" | "frame_pointer", None) => String::new(),
        ("orc" | "context" | "cfi" | "frame_pointer", Some(remark)) => format!("  ({remark})"),
        (trust, None) => format!("  ({trust})"),
        (trust, Some(remark)) => format!("  ({trust}: {remark})"),
    };
    match (f.pc, f.sp) {
        (Some(pc), Some(sp)) => {
            format!(
                "{:>3} [{:016x}] {name}{offset} at {:016x}{module}{trust}\n",
                format!("#{number}"),
                sp.0,
                pc.0
            )
        }
        _ => format!("{:>3} [{:16}] {name}{module}{trust}\n", format!("#{number}"), ""),
    }
}

fn offset(hex: &str, args: &Args) -> String {
    let value = number::address(hex).unwrap_or(0);
    if args.has('d') || !args.has('x') {
        format!("+{value}")
    } else {
        format!("+{hex}")
    }
}

fn exception(f: &FrameInfo) -> String {
    let offset = f.offset.as_deref().and_then(number::address).unwrap_or(0);
    let place = match (&f.function, f.pc) {
        (Some(name), _) => format!("{name}+{offset}"),
        (None, pc) => format!("unknown or invalid address {:016x}", pc.map_or(0, |p| p.0)),
    };
    format!("    [exception RIP: {place}]\n{}", registers(&f.registers))
}

/// Registers in the order and layout of crash.
fn registers(regs: &[(&'static str, Hex)]) -> String {
    const ROWS: [&[&str]; 7] = [
        &["rip", "rsp", "rflags"],
        &["rax", "rbx", "rcx"],
        &["rdx", "rsi", "rdi"],
        &["rbp", "r8", "r9"],
        &["r10", "r11", "r12"],
        &["r13", "r14", "r15"],
        &["orig_rax", "cs", "ss"],
    ];
    if regs.is_empty() {
        return String::new();
    }
    let value = |name: &str| regs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.0);
    if value("rip").is_none() {
        return plain_registers(regs);
    }
    let mut out = String::new();
    for row in ROWS {
        let cells: Vec<String> = row
            .iter()
            .filter_map(|name| Some(cell(name, value(name)?)))
            .collect();
        out += &format!("    {}\n", cells.join("  "));
    }
    out
}

fn cell(name: &str, value: u64) -> String {
    let upper = name.to_uppercase();
    match name {
        "rflags" => format!("{upper}: {value:08x}"),
        "cs" | "ss" => format!("{upper}: {value:04x}"),
        "r8" | "r9" => format!(" {upper}: {value:016x}"),
        _ => format!("{upper}: {value:016x}"),
    }
}

/// Any other CPU: four to a row.
fn plain_registers(regs: &[(&'static str, Hex)]) -> String {
    let rows = regs.chunks(4).map(|row| {
        let cells: Vec<String> = row
            .iter()
            .map(|(n, v)| format!("{:>6}: {:016x}", n.to_uppercase(), v.0))
            .collect();
        format!("    {}\n", cells.join("  "))
    });
    rows.collect()
}

/// The words from just above this frame's slot up to the next one's.
fn words(cx: &Context, f: &FrameInfo, next: Option<Hex>) -> String {
    let (Some(sp), Some(next)) = (f.sp, next) else {
        return String::new();
    };
    let (from, to) = (sp.0 + 8, (next.0 + 8).min(sp.0.saturating_add(1 << 14)));
    let mut out = String::new();
    for at in (from..to).step_by(16) {
        let words = (at..to.min(at + 16))
            .step_by(8)
            .map(|a| cx.target.memory().u64(necropsy_base::VirtAddr(a)));
        let words: Vec<String> = words.map_while(Result::ok).map(|w| format!("{w:016x}")).collect();
        out += &format!("    {at:016x}: {}\n", words.join(" "));
    }
    out
}

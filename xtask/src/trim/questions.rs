//! What a trimmed dump must be able to answer.

use std::sync::Arc;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_diagnose::{Case, CaseOptions};
use necropsy_kernel::tasks::Tasks;
use necropsy_shell::{COMMANDS, Context, Mode, run_line};
use necropsy_target::Target;

use super::recorder::Recorder;

/// Asked besides the examples of every command. Commands that do not exist (yet) are errors before and after.
const LINES: &[&str] = &[
    "sys",
    "sys -t",
    "sys -c",
    "log",
    "log -T",
    "mod",
    "mod -t",
    "ps",
    "ps -m",
    "ps -t",
    "ps -l",
    "ps -a",
    "ps -S",
    "ps -k",
    "ps -u",
    "ps -p 1",
    "ps -c 1",
    "foreach bt",
    "foreach bt -r",
    "foreach task -R state",
    "bt -a",
    "bt -r",
    "bt -f",
    "bt -l",
    "bt -s",
    "bt -e",
    "bt -T",
    "bt -c 0",
    "bt -c 1",
    "bt 1",
    "set",
    "task",
    "sym -l",
    "sym -m",
    "sym linux_banner",
    "rd linux_banner 16",
    "rd -a linux_banner",
    "rd jiffies",
    "p jiffies",
    "p saved_command_line",
    "px saved_command_line",
    "p linux_banner",
    "foreach task -R nr_cpus_allowed",
    "p init_uts_ns",
    "p &init_task",
    "struct task_struct",
    "struct list_head init_task.tasks",
    "task_struct.comm,pid init_task",
    "mach",
    "mach -c",
    "kmem -i",
    "kmem -s",
    "vm",
    "files",
    "net",
    "mount",
    "dev",
    "irq",
    "timer",
    "runq",
    "waitq",
    "ipcs",
    "swap",
    "help",
];

/// A question that reads more pages than this is left out.
const MAX_PAGES: u64 = 12_000;
/// Large enough for every kernel stack of x86-64 and arm64 with pages of 4 KiB.
const STACK: u64 = 16 << 10;
/// The name under which the dump is opened before and after.
const PATH: &str = "vmcore";

/// A question and what was answered.
pub struct Answer {
    /// The command line.
    pub line: String,
    /// Output and messages.
    pub text: String,
    /// Whether it looked for memory instead of following pointers.
    pub scans: bool,
    /// Whether the pages it read are not kept.
    pub left_out: bool,
}

/// Puts all questions to a dump, in the same order every time.
pub fn ask(target: &Arc<Target>, recorder: &Recorder) -> Vec<Answer> {
    let cx = Context::new(target.clone(), PATH.into());
    let level = target.meta().dump_level;
    let stated = level.map_or("null".to_owned(), |l| l.to_string());
    let form = [
        (target.meta().format.clone(), "FORMAT"),
        (format!("dump level {}", level.unwrap_or(0)), "LEVEL"),
        (format!("\"dump_level\": {stated}"), "LEVEL"),
        ("  [PARTIAL DUMP]".to_owned(), ""),
    ];
    let mut answers: Vec<Answer> = [true, false]
        .map(|log| answer(recorder, &form, format!("analyze (log: {log})"), || analysis(target, log)))
        .into();
    let first = shell(&cx, "bt");
    let mut lines: Vec<String> = LINES.iter().map(|l| (*l).to_owned()).collect();
    let examples = COMMANDS.iter().flat_map(|c| c.examples());
    lines.extend(examples.map(|e| e.line.to_owned()));
    lines.extend(about_stack(&first));
    lines.insert(0, "bt".into());
    for line in lines {
        if !answers.iter().any(|a| a.line == line) {
            cx.select_panic();
            answers.push(answer(recorder, &form, line.clone(), || shell(&cx, &line)));
        }
    }
    answers
}

/// Asks one question. The dump's format and level may change, and with them the answers that name them: those words are
/// replaced by those of `form`.
fn answer(
    recorder: &Recorder,
    form: &[(String, &str)],
    line: String,
    run: impl FnOnce() -> String,
) -> Answer {
    let marks = recorder.marks();
    recorder.take_scanned();
    let text = form.iter().fold(run(), |text, (word, neutral)| text.replace(word, neutral));
    let scans = recorder.take_scanned();
    let now = recorder.marks();
    let new: u64 = now.iter().zip(&marks).map(|(a, b)| u64::from((a & !b).count_ones())).sum();
    let left_out = new > MAX_PAGES;
    if left_out {
        recorder.restore(&marks);
    }
    Answer { line, text, scans, left_out }
}

fn analysis(target: &Arc<Target>, use_log: bool) -> String {
    let options = CaseOptions { use_log, path: PATH.into(), ..CaseOptions::default() };
    let analysis = Case::open(target.clone(), options).analyse();
    serde_json::to_string_pretty(&analysis).unwrap_or_default()
}

fn shell(cx: &Context, line: &str) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    run_line(cx, line, Mode::Text, &mut out, &mut err);
    String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&err)
}

/// Questions about the functions on a stack as `bt` prints it: `#1 [stack] function at address`.
fn about_stack(bt: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in bt.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [number, _, function, "at", address, ..] = words.as_slice()
            && number.starts_with('#')
        {
            lines.extend([format!("dis {function}"), format!("dis -r {address}"), format!("sym {address}")]);
        }
        if let ["PID:", pid, "TASK:", task, ..] = words.as_slice() {
            lines.extend(["bt", "ps", "task", "vm", "files", "net"].map(|c| format!("{c} {pid}")));
            lines.push(format!("struct task_struct {task}"));
        }
        if let Some(at) = words.iter().position(|w| *w == "RIP:").and_then(|i| words.get(i + 1)) {
            lines.extend([format!("dis {at}"), format!("dis -r {at}"), format!("dis -f {at} 8")]);
        }
    }
    lines
}

/// Reads what no question needs but the next version may: whole stacks, and the modules' memory.
pub fn touch(target: &Target) {
    let page = target.page_size();
    let tasks = Tasks::read(target).map(|t| t.all).unwrap_or_default();
    let stacks = tasks.iter().filter(|t| !t.stack.is_null()).map(|t| t.stack.0..t.stack.0 + STACK);
    let modules = target.modules().list.iter().flat_map(|m| m.regions.clone());
    for range in stacks.chain(modules) {
        for at in range.step_by(page as usize) {
            let _ = target.memory().u8(VirtAddr(at));
        }
    }
}

//! A report: what the kernel said about one thing that went wrong, taken apart.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::detect::Collected;
use crate::fingerprint::{self, Fingerprint};
use crate::{CodeLine, Modules, Role, details, title};

/// What the kernel said about one thing that went wrong. Unknown is `None` or empty.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Report {
    /// What kind of failure, by the names that the whole project uses.
    pub class: &'static str,
    /// What the kernel's public fuzzing reports call it.
    pub title: String,
    /// Which pattern its first line is of.
    pub pattern: &'static str,
    /// What it is to the crash.
    pub role: Role,
    /// Number of its first line, from 1.
    pub first_line: u64,
    /// Number of its last line that says something.
    pub last_line: u64,
    /// Seconds since boot.
    pub time: Option<f64>,
    /// How often it came: only signs of trouble before a crash are counted.
    pub count: u64,
    /// The CPU.
    pub cpu: Option<u32>,
    /// The task's ID.
    pub pid: Option<i64>,
    /// The task's name.
    pub comm: Option<String>,
    /// The function to blame.
    pub function: Option<String>,
    /// Its module; `None` for the kernel itself.
    pub module: Option<String>,
    /// The kernel's release.
    pub release: Option<String>,
    /// The CPU's kind, as `uname -m` says.
    pub arch: Option<&'static str>,
    /// Taint letters.
    pub taint: Vec<String>,
    /// `Hardware name:`.
    pub hardware: Option<String>,
    /// The first line.
    pub message: String,
    /// What else was said before the stacks: `list_del corruption…`, `refcount_t: …`, `#PF: …`.
    pub details: Vec<String>,
    /// The stack that matters, innermost first; leftovers are left out.
    pub frames: Vec<StackFrame>,
    /// What the kernel said on its way down: die headers, panics.
    pub followed_by: Vec<Followed>,
    /// All stacks.
    pub stacks: Vec<LogStack>,
    /// Registers of the interrupted code, as printed.
    pub registers: BTreeMap<String, String>,
    /// What the failing access was.
    pub fault: Option<details::Fault>,
    /// Disassembly of the `Code:` line.
    pub code: Vec<CodeLine>,
    /// `Modules linked in:`.
    pub modules: Modules,
    /// The object that a memory error detector names.
    pub object: Option<details::Object>,
    /// The locks that lockdep names.
    pub locks: Vec<String>,
    /// What lockdep says about their order.
    pub lockdep: Option<details::Lockdep>,
    /// The part that reported an error.
    pub hardware_error: Option<details::HardwareError>,
    /// The numbers of an OOM kill.
    pub oom: Option<details::Oom>,
    /// What a machine check's bank said.
    pub machine_check: Option<details::MachineCheck>,
    /// Number of the oops: 1 is the first of the boot.
    pub oops: Option<u32>,
    /// Whether the kernel panicked for it.
    pub panicked: bool,
    /// Whether parts that this kind of report has are missing, or of others are mixed in.
    pub corrupted: bool,
    /// Why it is called corrupted.
    pub corruption: Option<String>,
    /// What makes reports of the same bug look the same.
    pub fingerprint: Fingerprint,
}

/// A line that follows from a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Followed {
    /// Its number.
    pub line: u64,
    /// Seconds since boot.
    pub time: Option<f64>,
    /// What it says.
    pub message: String,
    /// Its part in the crash.
    pub role: Role,
}

/// A stack as printed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LogStack {
    /// The line before it: `Call Trace`, `Freed by task 12`.
    pub what: String,
    /// Number of its first line.
    pub line: u64,
    /// Innermost first.
    pub frames: Vec<StackFrame>,
}

/// A frame as printed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct StackFrame {
    /// The function.
    pub function: String,
    /// Bytes from its start, in hex.
    pub offset: String,
    /// Its size, in hex.
    pub size: String,
    /// Its module.
    pub module: Option<String>,
    /// Its module's build ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// The address, where it was printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pc: Option<String>,
    /// `IRQ`, `NMI` …: the stack that it lies on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Whether it may be a leftover.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
}

/// Whether a line belongs to a report by its looks: frames, registers, headings.
pub(crate) fn says_something(text: &str) -> bool {
    is_frame(text) || details::is_registers(text) || HEADINGS.iter().any(|h| text.contains(h))
}

/// Whether a line is part of a stack trace.
pub(crate) fn is_frame(text: &str) -> bool {
    text.contains("+0x") && text.contains("/0x")
}

/// Words of lines that belong to reports.
const HEADINGS: &[&str] = &[
    "Call Trace",
    "Call trace",
    "Backtrace:",
    "backtrace:",
    "Modules linked in",
    "CPU: ",
    "Hardware name",
    "Code: ",
    "Tainted",
    "---[ end",
    "cut here",
    "Kernel panic",
    "held by",
    "#0:",
    "by task",
    "Allocated",
    "Freed",
    "Memory state",
    "Kernel Offset",
    "Workqueue:",
    "RIP",
    "unreferenced object",
    "Mem-Info",
    "oom",
    "Killed process",
    "NMI backtrace",
    "lock",
    "INFO:",
    "BUG:",
    "[Hardware Error]",
    "Rebooting",
    "task:",
    "Oops",
    "rcu:",
];

/// Takes a collected report apart.
pub(crate) fn build(c: Collected) -> Report {
    let all: Vec<&str> = c.lines.iter().map(|l| l.text.as_str()).collect();
    let decisive = &all[..c.cut.unwrap_or(all.len()).min(all.len())];
    let titled = title::of(c.pattern, decisive.get(c.head..).unwrap_or_default());
    let mut report = Report {
        class: c.pattern.class,
        pattern: c.pattern.id,
        title: titled.title,
        function: titled.function,
        first_line: c.first,
        last_line: c.last,
        time: c.seconds,
        count: 1,
        message: all.get(c.head).map(|l| short(l)).unwrap_or_default(),
        details: c.details.iter().map(|(_, text)| short(text)).collect(),
        panicked: c.panicked,
        followed_by: c.followed.clone(),
        ..Report::default()
    };
    details::fill(&mut report, &c);
    report.module = module_of(&report);
    report.class = details::refined(&report);
    let why = titled.broken.or(c.truncated.then_some("too long to be kept whole"));
    report.corrupted = why.is_some();
    report.corruption = why.map(str::to_owned);
    report.fingerprint = fingerprint::of(&report);
    report
}

/// The longest line that is quoted whole.
const QUOTED: usize = 1024;

/// A line to quote: what no kernel prints in one line is cut.
pub(crate) fn short(line: &str) -> String {
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The module of the function to blame, by any frame of it.
fn module_of(report: &Report) -> Option<String> {
    let function = report.function.as_deref()?;
    let frames = report.frames.iter().chain(report.stacks.iter().flat_map(|s| &s.frames));
    let own =
        |f: &&StackFrame| crate::blame::canonical(&crate::blame::function_name(&f.function)) == function;
    frames.filter(|f| !f.stale).find(own).and_then(|f| f.module.clone())
}

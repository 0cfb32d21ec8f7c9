//! What an analysis says. The names are a contract: see `docs/json.md`. Every field may be absent.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Figure, Hex};

/// All that `necropsy analyze` found.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Analysis {
    /// Version of this form.
    pub schema: u32,
    /// What was analysed.
    pub input: Input,
    /// The machine.
    pub system: SystemInfo,
    /// The answer.
    pub verdict: Verdict,
    /// All explanations considered, best first.
    pub hypotheses: Vec<Hypothesis>,
    /// What speaks for and against them.
    pub evidence: Vec<Evidence>,
    /// What happened when.
    pub timeline: Vec<Event>,
    /// The log around what happened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// The stacks that matter.
    pub stacks: Vec<StackInfo>,
    /// The registers of the code that failed, and what each value is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registers: Vec<RegisterInfo>,
    /// What is drawn of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// What makes crashes of the same cause look the same.
    pub fingerprint: Option<Fingerprint>,
    /// What people wrote down about such failures.
    pub known_issues: Vec<KnownIssue>,
    /// Whether what is private was left out.
    pub redacted: bool,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

/// What people wrote down about a failure that comes again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KnownIssue {
    /// Its name.
    pub id: Option<String>,
    /// In one line.
    pub title: String,
    /// What is known, and what to do.
    pub text: String,
    /// Where to read more.
    pub links: Vec<String>,
    /// The file it is from.
    pub source: String,
}

/// What was analysed.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Input {
    /// The file.
    pub path: String,
    /// `vmcore` or `log`.
    pub kind: &'static str,
    /// `kdump-compressed (lzo)`.
    pub format: Option<String>,
    /// Whether nothing is cut off.
    pub complete: Option<bool>,
    /// What makedumpfile left out.
    pub dump_level: Option<u32>,
}

/// The machine and its kernel.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub struct SystemInfo {
    pub release: Option<String>,
    pub version: Option<String>,
    pub machine: Option<String>,
    pub nodename: Option<String>,
    pub cpus: Option<usize>,
    pub memory_bytes: Option<u64>,
    /// RFC 3339.
    pub date: Option<String>,
    pub uptime_seconds: Option<u64>,
    pub load_average: Option<[f64; 3]>,
    pub tasks: Option<usize>,
    pub taint: Vec<String>,
    pub panic: Option<String>,
    pub build_id: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Verdict {
    /// One of the class slugs.
    pub class: &'static str,
    /// One line that a ticket can bear.
    pub title: String,
    /// Two or three sentences, for a person.
    pub statement: String,
    /// How sure the class is, 0 to 1.
    pub confidence: f64,
    /// A person or a tool asked for the dump.
    pub requested: bool,
    /// Where the bug is: the code to fix.
    pub culprit: Option<Place>,
    /// Where it was noticed.
    pub victim: Option<Place>,
    /// Others involved.
    pub related: Vec<Related>,
    /// The task that died.
    pub task: Option<TaskInfo>,
    /// What to do next.
    pub advice: Vec<String>,
}

/// A place in code.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Place {
    /// How sure it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The function.
    pub function: Option<String>,
    /// Its module; `None` for the kernel itself.
    pub module: Option<String>,
    /// Bytes from the function's start.
    pub offset: Option<String>,
    /// The instruction.
    pub address: Option<Hex>,
    /// Source file.
    pub file: Option<String>,
    /// Line in it.
    pub line: Option<u32>,
    /// The function that has the code, where `function` was inlined into it: what `dis` knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inlined_into: Option<String>,
}

/// Somebody else involved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Related {
    /// `other culprit`, `freer`, `owner`, `allocator`.
    pub role: &'static str,
    /// The function.
    pub function: Option<String>,
    /// Its module.
    pub module: Option<String>,
    /// The task.
    pub task: Option<TaskInfo>,
}

/// A task in one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TaskInfo {
    /// Thread ID.
    pub pid: i32,
    /// Name, escaped.
    pub comm: String,
    /// The CPU it ran on.
    pub cpu: Option<usize>,
}

/// One explanation.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Hypothesis {
    /// Its class.
    pub class: &'static str,
    /// What it says.
    pub statement: String,
    /// How likely.
    pub confidence: f64,
    /// Indices of evidence for it.
    #[serde(rename = "for")]
    pub supports: Vec<usize>,
    /// Indices of evidence against it.
    pub against: Vec<usize>,
    /// What would tell it from the next.
    pub separate: Option<String>,
}

/// One fact that bears on the verdict.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Evidence {
    /// The fact.
    pub claim: String,
    /// Where it is from: `log:412`, `memory:<expression>`, `text:<symbol>`, `stack`.
    pub source: String,
    /// The command that shows it.
    pub reproduce: Option<String>,
    /// How much it says, in log-odds.
    pub weight: f64,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Event {
    /// Seconds since boot.
    pub seconds: Option<f64>,
    /// What.
    pub event: String,
    /// `precursor`, `cause`, `consequence`, `context` or `response`.
    pub role: &'static str,
}

/// A register and what its value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegisterInfo {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Hex,
    /// What lies there: a symbol, the stack of a task, an object of a slab cache …
    pub what: Option<String>,
}

/// A line of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LogLine {
    /// Its number, from 1.
    pub line: usize,
    /// Seconds since boot.
    pub seconds: f64,
    /// Its text, escaped.
    pub text: String,
}

/// A stack.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct StackInfo {
    /// Thread ID.
    pub pid: i32,
    /// Name, escaped.
    pub comm: String,
    /// CPU.
    pub cpu: Option<usize>,
    /// Address of the task.
    pub task: Option<Hex>,
    /// Why it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it was followed to its proper end.
    pub complete: bool,
    /// How it ended, if not properly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Innermost first.
    pub frames: Vec<FrameInfo>,
    /// Registers of user space at its end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_registers: Vec<(&'static str, Hex)>,
    /// Where return addresses were damaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<String>,
}

/// A frame.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct FrameInfo {
    /// Program counter.
    pub pc: Option<Hex>,
    /// Where on the stack it was found.
    pub sp: Option<Hex>,
    /// The function.
    pub function: Option<String>,
    /// Bytes from its start, in hex.
    pub offset: Option<String>,
    /// Its module.
    pub module: Option<String>,
    /// Source file.
    pub file: Option<String>,
    /// Line.
    pub line: Option<u32>,
    /// Whether the compiler put it into the next one.
    pub inlined: bool,
    /// How it is known.
    pub trust: &'static str,
    /// Whether `pc` is the interrupted instruction and not a return address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exception: bool,
    /// Registers saved here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registers: Vec<(&'static str, Hex)>,
    /// What a user should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What makes crashes of the same cause look the same.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Fingerprint {
    /// Version of how it is made.
    pub version: u32,
    /// Class and several frames.
    pub strict: String,
    /// Class and one frame.
    pub loose: String,
    /// The verdict's title, normalised.
    pub title: String,
    /// The frames it is made of.
    pub frames: Vec<String>,
}

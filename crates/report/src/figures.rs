//! What can be drawn of an analysis: data only; the renderers decide how.

use schemars::JsonSchema;
use serde::Serialize;

use crate::Hex;

/// Something to draw.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Figure {
    /// A piece of a stack, word by word.
    Stack(StackFigure),
    /// Who waits for what, and who holds it.
    Waits(WaitFigure),
    /// What memory was used for.
    Memory(MemoryFigure),
    /// What each CPU did before the end.
    Timeline(TimelineFigure),
}

impl Figure {
    /// Its title.
    pub fn title(&self) -> &str {
        match self {
            Figure::Stack(f) => &f.title,
            Figure::Waits(f) => &f.title,
            Figure::Memory(f) => &f.title,
            Figure::Timeline(f) => &f.title,
        }
    }
}

/// A piece of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct StackFigure {
    /// One line.
    pub title: String,
    /// From the lowest address up: the way an overflow goes.
    pub words: Vec<StackWord>,
}

/// What a word of a frame is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The array that was written past.
    Buffer,
    /// The stack protector's secret.
    Canary,
    /// Registers of the caller, local variables: not told apart.
    #[default]
    Saved,
    /// Where the function returns to.
    Return,
    /// The caller's frame.
    Caller,
}

impl Part {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Part::Buffer => "buffer",
            Part::Canary => "canary",
            Part::Saved => "saved registers",
            Part::Return => "return address",
            Part::Caller => "caller's frame",
        }
    }
}

/// A word of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StackWord {
    /// Its address.
    pub at: Hex,
    /// What it holds; not told in a redacted report.
    pub value: Option<Hex>,
    /// What it is for.
    pub part: Part,
    /// Whether it was written over.
    pub overwritten: bool,
    /// What it should hold, if that is known.
    pub expected: Option<Hex>,
    /// The bytes as text, or the function that it leads to.
    pub meaning: Option<String>,
}

/// A wait-for graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct WaitFigure {
    /// One line.
    pub title: String,
    /// Tasks and locks.
    pub nodes: Vec<WaitNode>,
    /// Who waits for what, what is held by whom.
    pub edges: Vec<WaitEdge>,
}

/// A node of a wait-for graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct WaitNode {
    /// `task`, or `lock` for anything that is waited for.
    pub kind: &'static str,
    /// Its name.
    pub label: String,
    /// The function it is in, the kind of lock.
    pub detail: Option<String>,
    /// Whether it is part of a circle.
    pub in_cycle: bool,
}

/// An edge of a wait-for graph.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WaitEdge {
    /// Index of the node it comes from.
    pub from: usize,
    /// Index of the node it leads to.
    pub to: usize,
    /// Whether a task waits (for a lock), or a lock is held (by a task).
    pub waits: bool,
    /// Whether that is certain.
    pub certain: bool,
}

/// What memory was used for. Filled by whoever accounts for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct MemoryFigure {
    /// One line.
    pub title: String,
    /// All there is, in bytes.
    pub total: u64,
    /// What it was used for; what they leave of the total is shown as not accounted for.
    pub parts: Vec<MemoryPart>,
}

/// A part of memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct MemoryPart {
    /// What it is: `anonymous`, `slab`, `page tables`; a process as `comm (pid)`.
    pub name: String,
    /// How much, in bytes.
    pub bytes: u64,
    /// More about it, in one line.
    pub detail: Option<String>,
    /// Whether it is what one should look at.
    pub suspect: bool,
    /// Its largest parts: caches, processes.
    pub parts: Vec<MemoryPart>,
}

/// What each CPU did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct TimelineFigure {
    /// One line.
    pub title: String,
    /// Seconds since boot at its left end.
    pub from: f64,
    /// Seconds since boot at its right end: the end of the kernel.
    pub to: f64,
    /// One per CPU.
    pub lanes: Vec<Lane>,
    /// What happened, whichever CPU it was.
    pub marks: Vec<Mark>,
}

/// A CPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Lane {
    /// `CPU 0`.
    pub name: String,
    /// What it ran.
    pub spans: Vec<Span>,
}

/// A time in which a CPU ran something; where it ends as it begins, only that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Span {
    /// Seconds since boot.
    pub from: f64,
    /// Seconds since boot.
    pub to: f64,
    /// The task.
    pub label: String,
    /// The function that it was in at the end, if it was.
    pub detail: Option<String>,
    /// `idle`, `task`, or `culprit`: the task that the verdict is about.
    pub role: &'static str,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Mark {
    /// Seconds since boot.
    pub at: f64,
    /// What.
    pub label: String,
    /// As an event's role.
    pub role: &'static str,
}

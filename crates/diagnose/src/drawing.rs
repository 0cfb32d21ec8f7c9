//! Findings as figures: a smashed stack, who waits for whom, what the CPUs did.

use std::collections::BTreeMap;
use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::cpus;
use necropsy_kernel::locks::Waits;
use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_report::{
    Event, Figure, Hex, Lane, Mark, Part, Span, StackFigure, StackWord, TimelineFigure, Verdict, WaitEdge,
    WaitFigure, WaitNode, bytes_text,
};
use necropsy_target::Target;
use necropsy_target::unwind::as_text;

use crate::blame::is_machinery;
use crate::crash::base_name;
use crate::waiting::{blamed, named, who};
use crate::{Case, present};

/// Words of a stack that are drawn.
const MAX_WORDS: u64 = 48;
/// Nodes of a graph that are drawn.
const MAX_NODES: usize = 14;
/// CPUs, spans of each, and marks.
const MAX_LANES: usize = 16;
const MAX_SPANS: usize = 24;
const MAX_MARKS: usize = 8;
/// The shortest and the longest time that is drawn, in seconds.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 60.0;

/// What is known about a frame that was written over.
pub struct Smashed {
    /// The function whose frame it is.
    pub function: String,
    /// From the start of the buffer to the first byte that was not written over.
    pub damage: Range<u64>,
    /// The canary's place, and what it should hold.
    pub canary: u64,
    pub secret: Option<u64>,
    /// The address behind the return address.
    pub frame_end: u64,
}

/// A frame from its buffer to a little above its end.
pub fn smashed_stack(t: &Target, s: &Smashed) -> Option<Figure> {
    const WORD: u64 = 8;
    let start = s.damage.start & !(WORD - 1);
    let end =
        s.frame_end.max(s.damage.end).saturating_add(2 * WORD).min(start.saturating_add(MAX_WORDS * WORD));
    let word = |at: u64| {
        let value = t.memory().u64(VirtAddr(at)).ok()?;
        let part = match at {
            _ if at < s.canary => Part::Buffer,
            _ if at == s.canary => Part::Canary,
            _ if at + WORD == s.frame_end => Part::Return,
            _ if at < s.frame_end => Part::Saved,
            _ => Part::Caller,
        };
        let code = || t.is_text(VirtAddr(value)).then(|| t.describe(VirtAddr(value)));
        Some(StackWord {
            at: Hex(at),
            value: Some(Hex(value)),
            part,
            overwritten: at >= s.canary && at < s.damage.end,
            expected: s.secret.filter(|_| part == Part::Canary).map(Hex),
            meaning: as_text(value).map(|text| format!("{text:?}")).or_else(code),
        })
    };
    let words: Vec<StackWord> = (start..end).step_by(WORD as usize).map_while(word).collect();
    let title = format!("The frame of {}: what was written past the buffer", s.function);
    (words.len() > 1).then_some(Figure::Stack(StackFigure { title, words }))
}

/// The tasks of a circle or a chain, the locks between them, and who queues behind.
pub fn waits(case: &Case, members: &[usize], behind: &[usize], cycle: bool) -> Option<Figure> {
    let waits = case.waits();
    let mut graph = Graph {
        case,
        waits,
        nodes: Vec::new(),
        tasks: BTreeMap::new(),
        locks: BTreeMap::new(),
        edges: Vec::new(),
    };
    members.iter().for_each(|i| graph.wait(*i, cycle));
    for i in behind.iter().filter(|i| !members.contains(i)) {
        if graph.nodes.len() < MAX_NODES {
            graph.wait(*i, false);
        }
    }
    let title = if cycle { "Who waits for whom: a circle" } else { "Who waits for whom" };
    let figure = WaitFigure { title: title.into(), nodes: graph.nodes, edges: graph.edges };
    (figure.nodes.len() > 1).then_some(Figure::Waits(figure))
}

struct Graph<'a> {
    case: &'a Case,
    waits: &'a Waits,
    nodes: Vec<WaitNode>,
    tasks: BTreeMap<VirtAddr, usize>,
    locks: BTreeMap<usize, usize>,
    edges: Vec<WaitEdge>,
}

impl Graph<'_> {
    /// A task that waits, what it waits for, and who holds that.
    fn wait(&mut self, index: usize, in_cycle: bool) {
        let Some(wait) = self.waits.waits.get(index) else { return };
        let from = self.task(wait.task, in_cycle);
        let Some((number, lock)) = wait.lock.and_then(|l| Some((l, self.waits.locks.get(l)?))) else {
            let node = WaitNode {
                kind: "lock",
                label: wait.kind.text().into(),
                detail: wait.function.clone(),
                in_cycle,
            };
            self.nodes.push(node);
            let to = self.nodes.len() - 1;
            return self.edges.push(WaitEdge { from, to, waits: true, certain: true });
        };
        let to = match self.locks.get(&number) {
            Some(to) => *to,
            None => {
                let detail = Some(format!("{} at {:#x}", lock.kind, lock.at.0));
                let label = lock.name.clone().unwrap_or_else(|| lock.kind.to_owned());
                self.nodes.push(WaitNode { kind: "lock", label, detail, in_cycle });
                let to = self.nodes.len() - 1;
                self.locks.insert(number, to);
                if let Some((holder, certain)) = lock.holder() {
                    let holder = self.task(holder, in_cycle);
                    self.edges.push(WaitEdge { from: to, to: holder, waits: false, certain });
                }
                to
            }
        };
        self.nodes[to].in_cycle |= in_cycle;
        self.edges.push(WaitEdge { from, to, waits: true, certain: true });
    }

    fn task(&mut self, at: VirtAddr, in_cycle: bool) -> usize {
        if let Some(node) = self.tasks.get(&at) {
            self.nodes[*node].in_cycle |= in_cycle;
            return *node;
        }
        let (label, detail) = match (self.waits.of(at), self.case.tasks().and_then(|tasks| tasks.at(at))) {
            (Some(wait), _) => {
                (who(wait), blamed(&self.case.target, wait).map(|(f, _)| format!("in {}", named(f))))
            }
            (None, Some(task)) => (format!("{} ({})", bytes_text(&task.comm.0), task.pid), None),
            (None, None) => (format!("{:#x}, no task", at.0), None),
        };
        self.nodes.push(WaitNode { kind: "task", label, detail, in_cycle });
        self.tasks.insert(at, self.nodes.len() - 1);
        self.nodes.len() - 1
    }
}

/// What each CPU ran last, by the times at which the scheduler gave it to tasks.
pub fn cpus(case: &Case, verdict: &Verdict, events: &[Event]) -> Option<Figure> {
    let (t, tasks) = (&case.target, case.tasks()?);
    let clocks: BTreeMap<usize, u64> = cpus::present(t)
        .into_iter()
        .take(MAX_LANES)
        .filter_map(|cpu| Some((cpu, cpus::run_queue_clock(t, cpu)?)))
        .collect();
    let end = clocks.values().copied().max().filter(|end| *end > 0)? as f64 / 1e9;
    // Idle CPUs have been so for any time.
    let busy = |cpu: &usize| tasks.on_cpu(*cpu).filter(|task| task.pid != 0);
    let since = |cpu: &usize| busy(cpu)?.last_run.map(|ns| end - ns as f64 / 1e9);
    let longest = clocks.keys().filter_map(since).filter(|s| *s > 0.0).fold(SHORTEST, f64::max);
    let from = (end - (longest * 1.25).min(LONGEST)).max(0.0);
    let lanes: Vec<Lane> = clocks.keys().map(|cpu| lane(case, tasks, verdict, *cpu, from..end)).collect();
    let inside = |e: &&Event| e.seconds.is_some_and(|s| s >= from && s <= end + 1.0);
    let marks = events.iter().filter(inside).take(MAX_MARKS).map(|e| Mark {
        at: e.seconds.unwrap_or(end).min(end),
        label: e.event.clone(),
        role: e.role,
    });
    let title =
        format!("The last {:.1} s: what each CPU ran at the end, and when others last got it", end - from);
    let figure = TimelineFigure { title, from, to: end, lanes, marks: marks.collect() };
    figure.lanes.iter().any(|l| !l.spans.is_empty()).then_some(Figure::Timeline(figure))
}

fn lane(case: &Case, tasks: &Tasks, verdict: &Verdict, cpu: usize, window: Range<f64>) -> Lane {
    let seconds = |task: &Task| task.last_run.map(|ns| ns as f64 / 1e9);
    let current = tasks.on_cpu(cpu).map(|task| task.at);
    let mut ran: Vec<(f64, &Task)> = tasks
        .all
        .iter()
        .filter(|task| task.cpu == Some(cpu as u32) && (task.pid != 0 || current == Some(task.at)))
        .filter_map(|task| Some((seconds(task)?, task)))
        .filter(|(at, task)| current == Some(task.at) || *at > window.start)
        .collect();
    ran.sort_by(|a, b| (current == Some(a.1.at)).cmp(&(current == Some(b.1.at))).then(a.0.total_cmp(&b.0)));
    let first = ran.len().saturating_sub(MAX_SPANS);
    let ran = &ran[first..];
    let spans = ran.iter().map(|(at, task)| {
        let running = current == Some(task.at);
        // When a task gave the CPU away is not kept: only that it got it.
        let to = if running { window.end } else { *at };
        let of_verdict = verdict.task.as_ref().is_some_and(|v| v.pid == task.pid && task.pid != 0);
        let crash = case.crash().filter(|c| running && c.cpu == cpu);
        let detail =
            crash.and_then(|c| c.stack.frames.iter().filter_map(base_name).find(|n| !is_machinery(n)));
        Span {
            from: at.max(window.start),
            to: to.clamp(window.start, window.end),
            label: present::task_info(task, None).comm,
            detail: detail.map(str::to_owned),
            role: if of_verdict {
                "culprit"
            } else if task.pid == 0 {
                "idle"
            } else {
                "task"
            },
        }
    });
    Lane { name: format!("CPU {cpu}"), spans: spans.collect() }
}

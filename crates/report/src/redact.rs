//! A report for strangers: without memory, arguments, names and addresses of machines and people, and lines of the log.
//!
//! Names of functions, modules, locks and caches stay, and so do addresses of the kernel: without them the report says nothing.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::{Analysis, Evidence, Figure, MemoryPart, Place, StackInfo, TaskInfo};

const HIDDEN: &str = "(redacted)";

/// What is taken out of any text, and what is put there.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        // Text out of memory is always quoted.
        (r#""(?:[^"\\]|\\.)*""#, "\"(redacted)\""),
        (r"\b[0-9a-f]{2}(?: [0-9a-f]{2}){2,}\b", "(bytes redacted)"),
        // MAC, IPv6 and IPv4 addresses, and those of people.
        (r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", "(address redacted)"),
        (r"\b(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f:]*", "(address redacted)"),
        (
            r"\b(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}\b|::[0-9A-Fa-f]{1,4}\b",
            "(address redacted)",
        ),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "(address redacted)"),
        (r"[\w.+-]+@[\w-]+\.[\w.-]+", "(address redacted)"),
        // A task's name stands before its number.
        (r"[^\s(]\S* \((\d+)\)", "(redacted) ($1)"),
        (r"/(?:home|root|Users)/\S*/", "(redacted)/"),
    ];
    patterns.iter().filter_map(|(pattern, to)| Some((Regex::new(pattern).ok()?, *to))).collect()
});

/// Addresses from here on are the kernel's, on every CPU with 64 bits.
const KERNEL: u64 = 0xffff_0000_0000_0000;

/// Numbers of more than 16 bits: values out of memory, unless they are addresses of the kernel.
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(?:0x)?[0-9a-f]{5,16}\b").ok());

impl Analysis {
    /// Takes out what is private: see `docs/json.md`.
    pub fn redact(&mut self) {
        let names = self.private_names();
        let hide = |text: &mut String| *text = scrubbed(text, &names);
        self.hide_log();
        let path = std::mem::replace(&mut self.input.path, HIDDEN.into());
        self.system.nodename = None;
        self.system.panic.iter_mut().for_each(|p| *p = HIDDEN.into());
        let v = &mut self.verdict;
        [&mut v.title, &mut v.statement].into_iter().chain(&mut v.advice).for_each(hide);
        for h in &mut self.hypotheses {
            hide(&mut h.statement);
            h.separate.iter_mut().for_each(hide);
        }
        for e in &mut self.evidence {
            evidence(e, &path);
            hide(&mut e.claim);
        }
        let tasks = v.related.iter_mut().filter_map(|r| r.task.as_mut()).chain(v.task.as_mut());
        tasks.for_each(|t: &mut TaskInfo| t.comm = HIDDEN.into());
        let places = [v.culprit.as_mut(), v.victim.as_mut()].into_iter().flatten();
        places.for_each(|p: &mut Place| p.file.iter_mut().for_each(|f| *f = shortened(f)));
        self.stacks.iter_mut().for_each(|s| stack(s, &names));
        // Of registers only those stay that lead into the kernel.
        self.registers.retain(|r| r.value.0 >= KERNEL);
        self.registers.iter_mut().filter_map(|r| r.what.as_mut()).for_each(hide);
        self.figures.iter_mut().for_each(|f| figure(f, &names));
        self.notes.iter_mut().for_each(|n| *n = shortened(&scrubbed(n, &names)));
        for issue in self.known_issues.iter_mut().filter(|i| i.source != "built in") {
            issue.source = issue.source.rsplit('/').next().unwrap_or(HIDDEN).to_owned();
        }
        self.redacted = true;
    }

    /// Names of tasks and of the machine, longest first: they may stand anywhere.
    fn private_names(&self) -> Vec<String> {
        let of_stacks = self.stacks.iter().map(|s| &s.comm);
        let related = self.verdict.related.iter().filter_map(|r| r.task.as_ref());
        let of_tasks = related.chain(&self.verdict.task).map(|t| &t.comm);
        let spans = self.figures.iter().filter_map(|f| match f {
            Figure::Timeline(f) => Some(f.lanes.iter().flat_map(|l| &l.spans).map(|s| &s.label)),
            _ => None,
        });
        let all = of_stacks.chain(of_tasks).chain(spans.flatten()).chain(&self.system.nodename);
        let mut names: Vec<String> =
            all.filter(|n| n.len() > 2 && !n.starts_with("swapper")).cloned().collect();
        names.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        names.dedup();
        names
    }

    /// Lines of the log, wherever they are quoted.
    fn hide_log(&mut self) {
        self.log.clear();
        self.timeline.iter_mut().for_each(|e| e.event = HIDDEN.into());
        if self.input.kind == "log" {
            let v = &mut self.verdict;
            v.statement = format!("The log reports a {}; its words are redacted.", v.class.replace('-', " "));
            if let Some(first) = self.hypotheses.first_mut() {
                first.statement.clone_from(&v.statement);
            }
        }
    }
}

fn evidence(e: &mut Evidence, path: &str) {
    if e.source.starts_with("log:") {
        let (said, _) = e.claim.split_once(": ").unwrap_or(("a line of the log", ""));
        e.claim = format!("{said}: (a line of the log, redacted)");
    }
    if let Some(command) = &mut e.reproduce {
        *command = command.replace(path, HIDDEN);
    }
}

fn stack(s: &mut StackInfo, names: &[String]) {
    s.comm = HIDDEN.into();
    s.user_registers.clear();
    s.end.iter_mut().chain(&mut s.breaks).for_each(|text| *text = scrubbed(text, names));
    for f in &mut s.frames {
        f.registers.clear();
        f.remark.iter_mut().for_each(|r| *r = scrubbed(r, names));
        f.file.iter_mut().for_each(|file| *file = shortened(file));
    }
}

fn figure(figure: &mut Figure, names: &[String]) {
    match figure {
        Figure::Stack(f) => {
            for word in &mut f.words {
                // A return address that is whole says where the function was called, and nothing private.
                let kept = word.value.filter(|v| !word.overwritten && is_kernel(v.0));
                (word.value, word.expected) = (kept, None);
                word.meaning = word.meaning.take().filter(|m| kept.is_some() && !m.starts_with('"'));
            }
        }
        Figure::Waits(f) => {
            for node in &mut f.nodes {
                node.label = if node.kind == "task" { HIDDEN.into() } else { scrubbed(&node.label, names) };
                node.detail.iter_mut().for_each(|d| *d = scrubbed(d, names));
            }
        }
        Figure::Memory(f) => f.parts.iter_mut().for_each(|p| part(p, names)),
        Figure::Timeline(f) => {
            let spans = f.lanes.iter_mut().flat_map(|l| &mut l.spans).filter(|s| s.role != "idle");
            spans.for_each(|s| s.label = HIDDEN.into());
            f.marks.iter_mut().for_each(|m| m.label = HIDDEN.into());
        }
    }
}

fn part(p: &mut MemoryPart, names: &[String]) {
    [&mut p.name].into_iter().chain(p.detail.as_mut()).for_each(|text| *text = scrubbed(text, names));
    p.parts.iter_mut().for_each(|inner| part(inner, names));
}

/// A text without what is private.
fn scrubbed(text: &str, names: &[String]) -> String {
    let mut text = text.to_owned();
    for (pattern, to) in PATTERNS.iter() {
        text = pattern.replace_all(&text, *to).into_owned();
    }
    if let Some(numbers) = NUMBERS.as_ref() {
        text = numbers.replace_all(&text, number).into_owned();
    }
    names.iter().fold(text, |text, name| without(&text, name))
}

/// A number, if it may stay.
fn number(found: &Captures<'_>) -> String {
    let whole = found.get(0).map_or("", |m| m.as_str());
    let digits = whole.trim_start_matches("0x");
    let value = u64::from_str_radix(digits, 16);
    // Without 0x it is a word or a decimal number, unless it is as long as an address.
    let is_number = whole.starts_with("0x") || digits.len() == 16;
    match value {
        Ok(value) if is_number && !is_kernel(value) => "(value redacted)".to_owned(),
        _ => whole.to_owned(),
    }
}

/// Addresses of kernels are in the upper half.
fn is_kernel(value: u64) -> bool {
    value >> 48 == 0xffff
}

/// A text without a name, where that stands as a word.
fn without(text: &str, name: &str) -> String {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        out += before;
        let part = word(before.chars().next_back().or(out.chars().next_back())) || word(after.chars().next());
        out += if part { name } else { HIDDEN };
        rest = after;
    }
    out + rest
}

/// Paths without the directories of people.
fn shortened(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.strip_prefix('/') {
        Some(path)
            if path.contains('/') && ["home/", "root/", "Users/"].iter().any(|d| path.starts_with(d)) =>
        {
            format!("{HIDDEN}/{}", word.rsplit('/').next().unwrap_or_default())
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;

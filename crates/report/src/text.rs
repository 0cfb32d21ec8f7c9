//! An analysis for a terminal.

use std::fmt::Write;

use crate::{Analysis, FrameInfo, Place, StackInfo};

pub fn analysis(a: &Analysis) -> String {
    let mut out = String::new();
    let v = &a.verdict;
    let _ = writeln!(out, "{}", v.title);
    let _ = writeln!(out, "{}", "=".repeat(v.title.chars().count().min(100)));
    let _ = writeln!(out, "\n{}\n", v.statement);
    let _ = writeln!(out, "  class       {} ({:.0} % sure)", v.class, v.confidence * 100.0);
    if let Some(c) = &v.culprit {
        let sure = c.confidence.map(|p| format!(" ({:.0} % sure)", p * 100.0)).unwrap_or_default();
        let _ = writeln!(out, "  culprit     {}{sure}", place(c));
    }
    if let Some(victim) = &v.victim {
        let _ = writeln!(out, "  noticed in  {}", place(victim));
    }
    if let Some(t) = &v.task {
        let cpu = t.cpu.map(|c| format!(" on CPU {c}")).unwrap_or_default();
        let _ = writeln!(out, "  task        {} ({}){cpu}", t.comm, t.pid);
    }
    system(&mut out, a);
    if !a.evidence.is_empty() {
        let _ = writeln!(out, "\nEvidence");
        for e in &a.evidence {
            let _ = writeln!(out, "  {} {}", if e.weight < 0.0 { '-' } else { '+' }, e.claim);
            if let Some(command) = &e.reproduce {
                let _ = writeln!(out, "      > {command}");
            }
        }
    }
    if let Some(second) = a.hypotheses.get(1) {
        let _ = writeln!(
            out,
            "\nRunner-up\n  {} ({:.0} %): {}",
            second.class,
            second.confidence * 100.0,
            second.statement
        );
        if let Some(separate) = &second.separate {
            let _ = writeln!(out, "  what would decide: {separate}");
        }
    }
    for s in &a.stacks {
        let _ = write!(out, "\n{}", stack(s));
    }
    if !a.registers.is_empty() {
        let _ = writeln!(out, "\nRegisters there");
        for r in &a.registers {
            let what = r.what.as_deref().map(|w| format!("  {w}")).unwrap_or_default();
            let _ = writeln!(out, "  {:<6} {}{what}", r.name, r.value);
        }
    }
    if !a.timeline.is_empty() {
        let _ = writeln!(out, "\nTimeline");
        for e in &a.timeline {
            let when = e.seconds.map_or("           ?".into(), |s| format!("{s:12.6}"));
            let _ = writeln!(out, "  {when}  {:<11} {}", e.role, e.event);
        }
    }
    list(&mut out, "Next", &v.advice);
    known_issues(&mut out, a);
    list(&mut out, "Notes", &a.notes);
    if a.redacted {
        let _ = writeln!(out, "\n{REDACTED}");
    }
    out
}

/// What a redacted report says of itself.
pub const REDACTED: &str = "Redacted: memory contents, arguments, command lines, names and addresses of machines and people, and lines of \
    the log were left out.";

fn known_issues(out: &mut String, a: &Analysis) {
    if !a.known_issues.is_empty() {
        let _ = writeln!(out, "\nKnown issues like this");
    }
    for issue in &a.known_issues {
        let _ = writeln!(out, "  - {}", issue.title);
        joined(&issue.text).lines().for_each(|line| _ = writeln!(out, "    {line}"));
        issue.links.iter().for_each(|link| _ = writeln!(out, "    {link}"));
        if issue.source != "built in" {
            let _ = writeln!(out, "    ({})", issue.source);
        }
    }
}

fn system(out: &mut String, a: &Analysis) {
    let s = &a.system;
    let release = [&s.release, &s.machine].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    if !release.is_empty() {
        let _ = writeln!(out, "  kernel      {release}");
    }
    let up = s.uptime_seconds.map(|u| format!("{} after boot", duration(u)));
    let facts = [s.nodename.clone(), s.date.clone(), up].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if !facts.is_empty() {
        let _ = writeln!(out, "  machine     {facts}");
    }
    if !s.taint.is_empty() {
        let _ = writeln!(out, "  taint       {}", s.taint.concat());
    }
    let format = a.input.format.as_deref().unwrap_or(a.input.kind);
    let _ = writeln!(out, "  read from   {} ({format})", a.input.path);
}

/// A time in its largest units.
pub fn duration(seconds: u64) -> String {
    match (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} days {h} h"),
    }
}

/// Bytes in their largest unit.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if bytes < 1024 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A text that was broken into lines by hand, one line per paragraph.
pub fn joined(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n")
}

pub fn place(p: &Place) -> String {
    if let (None, Some(module)) = (&p.function, &p.module) {
        return format!("the module {module}");
    }
    let mut out = p.function.clone().unwrap_or_else(|| "?".into());
    match (&p.inlined_into, &p.offset) {
        (Some(outer), Some(offset)) => _ = write!(out, " (inlined into {outer}+{offset})"),
        (Some(outer), None) => _ = write!(out, " (inlined into {outer})"),
        (None, Some(offset)) => _ = write!(out, "+{offset}"),
        (None, None) => {}
    }
    if let Some(module) = &p.module {
        let _ = write!(out, " [{module}]");
    }
    match (&p.file, p.line) {
        (Some(file), Some(line)) => _ = write!(out, " at {file}:{line}"),
        (Some(file), None) => _ = write!(out, " in {file}"),
        _ => {}
    }
    out
}

fn stack(s: &StackInfo) -> String {
    let why = s.why.as_deref().map(|w| format!(", {w}")).unwrap_or_default();
    let cpu = s.cpu.map(|c| format!(", CPU {c}")).unwrap_or_default();
    let mut out = format!("Stack of {} ({}){cpu}{why}\n", s.comm, s.pid);
    for f in &s.frames {
        let _ = writeln!(out, "  {}", frame(f));
    }
    if let Some(end) = &s.end {
        let _ = writeln!(out, "  ({end})");
    }
    out
}

fn frame(f: &FrameInfo) -> String {
    let mut out = match (&f.function, f.pc) {
        (Some(name), _) => name.clone(),
        (None, Some(pc)) => pc.to_string(),
        (None, None) => String::new(),
    };
    if let (Some(_), Some(offset)) = (&f.function, &f.offset) {
        let _ = write!(out, "+{offset}");
    }
    if let Some(module) = &f.module {
        let _ = write!(out, " [{module}]");
    }
    if let (Some(file), Some(line)) = (&f.file, f.line) {
        let _ = write!(out, " at {file}:{line}");
    }
    if f.inlined {
        out.push_str("   (inlined)");
        return out;
    }
    if f.exception {
        out.push_str("   <-- interrupted here");
    }
    match (&f.remark, f.trust) {
        (Some(remark), "inferred") if f.function.is_none() => _ = write!(out, "({remark})"),
        (Some(remark), trust) if trust != "orc" => _ = write!(out, "   ({trust}: {remark})"),
        (Some(remark), _) => _ = write!(out, "   ({remark})"),
        (None, "orc" | "context" | "cfi" | "frame_pointer") => {}
        (None, trust) => _ = write!(out, "   ({trust})"),
    }
    out
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n{title}");
        lines.iter().for_each(|line| _ = writeln!(out, "  - {line}"));
    }
}

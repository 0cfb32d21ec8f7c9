//! An analysis for a ticket: complete, and nothing in it acts on whoever shows it.

use std::fmt::Write;

use crate::text::{duration, joined, place, size};
use crate::{Analysis, Figure, FrameInfo, StackInfo};

pub fn analysis(a: &Analysis) -> String {
    let mut out = String::new();
    verdict(&mut out, a);
    list(&mut out, "What to do next", &a.verdict.advice);
    evidence(&mut out, a);
    others(&mut out, a);
    a.stacks.iter().for_each(|s| stack(&mut out, s));
    registers(&mut out, a);
    a.figures.iter().for_each(|f| figure(&mut out, f));
    timeline(&mut out, a);
    log(&mut out, a);
    known_issues(&mut out, a);
    system(&mut out, a);
    list(&mut out, "Notes", &a.notes);
    let redacted = if a.redacted { crate::text::REDACTED } else { "Not redacted." };
    let _ = writeln!(out, "\n---\n{redacted} Made by necropsy; the commands run in its shell.");
    out
}

fn verdict(out: &mut String, a: &Analysis) {
    let v = &a.verdict;
    let _ = writeln!(out, "# {}\n\n{}\n\n| | |\n|---|---|", plain(&v.title), plain(&v.statement));
    let mut row = |name: &str, value: String| _ = writeln!(out, "| {name} | {} |", plain(&value));
    row("class", format!("{} ({:.0} % sure)", v.class, v.confidence * 100.0));
    if v.requested {
        row("requested", "a person or a tool asked for the dump".into());
    }
    if let Some(c) = &v.culprit {
        let sure = c.confidence.map(|p| format!(" ({:.0} % sure)", p * 100.0)).unwrap_or_default();
        row("culprit", format!("{}{sure}", place(c)));
    }
    v.victim.iter().for_each(|c| row("noticed in", place(c)));
    for r in &v.related {
        let task = r.task.as_ref().map(|t| format!(" in {} ({})", t.comm, t.pid)).unwrap_or_default();
        row(r.role, format!("{}{task}", r.function.as_deref().or(r.module.as_deref()).unwrap_or("?")));
    }
    v.task.iter().for_each(|t| row("task", format!("{} ({})", t.comm, t.pid)));
    a.system.release.iter().for_each(|r| row("kernel", r.clone()));
}

fn registers(out: &mut String, a: &Analysis) {
    if a.registers.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## Registers there\n\n```");
    for r in &a.registers {
        let what = r.what.as_deref().map(|w| format!("  {}", fenced(w))).unwrap_or_default();
        let _ = writeln!(out, "{:<6} {}{what}", r.name, r.value);
    }
    let _ = writeln!(out, "```");
}

fn evidence(out: &mut String, a: &Analysis) {
    if a.evidence.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## Evidence\n");
    for e in &a.evidence {
        let command =
            e.reproduce.as_ref().map(|c| format!("  \n  `{}`", c.replace('`', "'"))).unwrap_or_default();
        let against = if e.weight < 0.0 { "**against**: " } else { "" };
        let _ = writeln!(out, "- {against}{}{command}", plain(&e.claim));
    }
}

fn others(out: &mut String, a: &Analysis) {
    let rest = a.hypotheses.iter().skip(usize::from(a.verdict.class != "unknown")).take(2);
    for (i, h) in rest.enumerate() {
        if i == 0 {
            let _ = writeln!(out, "\n## What else it could have been\n");
        }
        let separate =
            h.separate.as_ref().map(|s| format!(" What would decide: {}", plain(s))).unwrap_or_default();
        let _ =
            writeln!(out, "- {} ({:.0} %): {}{separate}", h.class, h.confidence * 100.0, plain(&h.statement));
    }
}

fn stack(out: &mut String, s: &StackInfo) {
    let cpu = s.cpu.map(|c| format!(", CPU {c}")).unwrap_or_default();
    let _ = writeln!(out, "\n## Stack of {} ({}){cpu}\n\n```", plain(&s.comm), s.pid);
    for f in &s.frames {
        let _ = writeln!(out, "{}", fenced(&frame(f)));
    }
    if let Some(end) = &s.end {
        let _ = writeln!(out, "({})", fenced(end));
    }
    let _ = writeln!(out, "```");
}

fn frame(f: &FrameInfo) -> String {
    let offset = f.offset.as_ref().map(|o| format!("+{o}")).unwrap_or_default();
    let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    let name = f.function.clone().or(f.remark.clone()).unwrap_or_else(|| "?".into());
    let line =
        f.file.as_ref().zip(f.line).map(|(file, line)| format!(" at {file}:{line}")).unwrap_or_default();
    let mark = match f.trust {
        _ if f.inlined => "   (inlined)".to_owned(),
        _ if f.exception => "   <-- interrupted here".to_owned(),
        trust @ ("inferred" | "recovered" | "scan") => format!("   ({trust})"),
        _ => String::new(),
    };
    format!("{name}{offset}{module}{line}{mark}")
}

/// Pictures as text, where that says what the evidence does not.
fn figure(out: &mut String, figure: &Figure) {
    match figure {
        Figure::Stack(f) => {
            let _ = writeln!(out, "\n## {}\n\n```", plain(&f.title));
            for w in &f.words {
                let value = w.value.map_or("(redacted)".into(), |v| format!("{:016x}", v.0));
                let over = if w.overwritten { "  written over" } else { "" };
                let meaning = w.meaning.as_ref().map(|m| format!("  {m}")).unwrap_or_default();
                let line = format!("{}  {value}  {:<15}{over}{meaning}", w.at, w.part.text());
                let _ = writeln!(out, "{}", fenced(line.trim_end()));
            }
            let _ = writeln!(out, "```");
        }
        Figure::Waits(f) => {
            let _ = writeln!(out, "\n## {}\n", plain(&f.title));
            let name = |i: usize| f.nodes.get(i).map_or("?".into(), |n| plain(&n.label));
            for e in &f.edges {
                let what = if e.waits { "waits for" } else { "is held by" };
                let _ = writeln!(out, "- {} {what} {}", name(e.from), name(e.to));
            }
        }
        Figure::Memory(f) => {
            let _ = writeln!(
                out,
                "\n## {}\n\n| what | size | of {} |\n|---|---:|---:|",
                plain(&f.title),
                size(f.total)
            );
            for p in &f.parts {
                let share = p.bytes as f64 * 100.0 / f.total.max(1) as f64;
                let _ = writeln!(out, "| {} | {} | {share:.1} % |", plain(&p.name), size(p.bytes));
            }
        }
        // The table of events says the same.
        Figure::Timeline(_) => {}
    }
}

fn timeline(out: &mut String, a: &Analysis) {
    if a.timeline.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## What happened when\n\n| seconds | what | role |\n|---:|---|---|");
    for e in &a.timeline {
        let when = e.seconds.map_or_else(|| "?".into(), |s| format!("{s:.3}"));
        let _ = writeln!(out, "| {when} | {} | {} |", plain(&e.event), e.role);
    }
}

fn log(out: &mut String, a: &Analysis) {
    if a.log.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## The log around it\n\n```");
    a.log.iter().for_each(|l| _ = writeln!(out, "[{:12.6}] {}", l.seconds, fenced(&l.text)));
    let _ = writeln!(out, "```");
}

fn known_issues(out: &mut String, a: &Analysis) {
    if !a.known_issues.is_empty() {
        let _ = writeln!(out, "\n## Known issues like this\n");
    }
    for issue in &a.known_issues {
        let _ = writeln!(out, "- **{}** {}", plain(&issue.title), plain(&joined(&issue.text)));
        issue.links.iter().for_each(|l| _ = writeln!(out, "  - <{}>", l.replace(['<', '>', ' '], "")));
    }
}

fn system(out: &mut String, a: &Analysis) {
    let s = &a.system;
    let _ = writeln!(out, "\n## System\n\n| | |\n|---|---|");
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            let _ = writeln!(out, "| {name} | {} |", plain(&value));
        }
    };
    row("release", s.release.clone());
    row("version", s.version.clone());
    row("machine", s.machine.clone());
    row("host", s.nodename.clone());
    row("CPUs", s.cpus.map(|n| n.to_string()));
    row("memory", s.memory_bytes.map(size));
    row("date", s.date.clone());
    row("up", s.uptime_seconds.map(duration));
    row("taint", Some(s.taint.concat()));
    row("panic", s.panic.clone());
    row("build ID", s.build_id.clone());
    row("fingerprint", a.fingerprint.as_ref().map(|f| f.strict.clone()));
    let format = a.input.format.as_deref().unwrap_or(a.input.kind);
    row("read from", Some(format!("{} ({format})", a.input.path)));
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n## {title}\n");
        lines.iter().for_each(|line| _ = writeln!(out, "- {}", plain(line)));
    }
}

/// Text that Markdown leaves alone.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!') {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    out
}

/// Text inside of a fence, which it cannot close.
fn fenced(text: &str) -> String {
    text.replace("```", "'''").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Evidence, LogLine};

    #[test]
    fn nothing_from_a_dump_is_markup() {
        let mut a = Analysis::default();
        a.verdict.title = "# a | b <c> [d](e) `f`".into();
        a.evidence =
            vec![Evidence { claim: "**x**".into(), reproduce: Some("rd `x`".into()), ..Evidence::default() }];
        a.log = vec![LogLine { text: "```\n# out".into(), ..LogLine::default() }];
        let text = analysis(&a);
        assert!(text.starts_with(r"# \# a \| b \<c\> \[d\](e) \`f\`"), "{text}");
        assert!(
            text.contains(r"\*\*x\*\*") && text.contains("`rd 'x'`") && text.contains("''' # out"),
            "{text}"
        );
        assert_eq!(text.matches("```").count(), 2);
    }
}

//! An analysis for a ticket.

use std::fmt::Write;

use crate::Analysis;
use crate::text::place;

pub fn analysis(a: &Analysis) -> String {
    let v = &a.verdict;
    let mut out = format!("# {}\n\n{}\n\n", plain(&v.title), plain(&v.statement));
    let _ = writeln!(out, "| | |\n|---|---|");
    let mut row = |name: &str, value: String| _ = writeln!(out, "| {name} | {} |", plain(&value));
    row("class", format!("{} ({:.0} % sure)", v.class, v.confidence * 100.0));
    v.culprit.iter().for_each(|c| row("culprit", place(c)));
    v.victim.iter().for_each(|c| row("noticed in", place(c)));
    v.task.iter().for_each(|t| row("task", format!("{} ({})", t.comm, t.pid)));
    a.system.release.iter().for_each(|r| row("kernel", r.clone()));
    row("read from", a.input.path.clone());
    let _ = writeln!(out, "\n## Evidence\n");
    for e in &a.evidence {
        let command =
            e.reproduce.as_ref().map(|c| format!("  \n  `{}`", c.replace('`', "'"))).unwrap_or_default();
        let _ = writeln!(out, "- {}{command}", plain(&e.claim));
    }
    for s in &a.stacks {
        let _ = writeln!(out, "\n## Stack of {} ({})\n\n```", plain(&s.comm), s.pid);
        for f in &s.frames {
            let offset = f.offset.as_ref().map(|o| format!("+{o}")).unwrap_or_default();
            let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
            let name = f.function.clone().or(f.remark.clone()).unwrap_or_else(|| "?".into());
            let _ = writeln!(out, "{}{offset}{module}", name.replace("```", "'''"));
        }
        let _ = writeln!(out, "```");
    }
    for (title, lines) in [("Next", &v.advice), ("Notes", &a.notes)] {
        if !lines.is_empty() {
            let _ = writeln!(out, "\n## {title}\n");
            lines.iter().for_each(|line| _ = writeln!(out, "- {}", plain(line)));
        }
    }
    out
}

/// Text that Markdown leaves alone.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#') {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    out
}

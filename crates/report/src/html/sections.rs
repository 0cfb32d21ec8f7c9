//! The parts of the page that are text.

use std::fmt::Write;

use super::{escape, list};
use crate::text::{self, duration};
use crate::{Analysis, Evidence};

/// Below this a verdict is shown as less than sure.
const SURE: f64 = 0.85;

pub fn verdict(out: &mut String, a: &Analysis) {
    let v = &a.verdict;
    let _ = write!(out, "<span class=\"badge class\">{}</span>", escape(v.class));
    if v.requested {
        out.push_str("<span class=\"badge asked\">the dump was asked for</span>");
    }
    if a.redacted {
        out.push_str("<span class=\"badge hidden\">redacted</span>");
    }
    let _ =
        writeln!(out, "\n<h1>{}</h1>\n<p class=\"statement\">{}</p>", escape(&v.title), escape(&v.statement));
    let percent = (v.confidence.clamp(0.0, 1.0) * 100.0).round();
    let low = if v.confidence < SURE { " low" } else { "" };
    let _ = writeln!(
        out,
        "<p class=\"soft\">{percent:.0} % sure of the class</p>\n<div class=\"meter{low}\"><i style=\"width:{percent:.0}%\"></i></div>"
    );
    out.push_str("<dl class=\"facts\">\n");
    let mut row = |name: &str, value: String| _ = writeln!(out, "<dt>{name}<dd>{}", escape(&value));
    if let Some(c) = &v.culprit {
        let sure = c.confidence.map(|p| format!(" ({:.0} % sure)", p * 100.0)).unwrap_or_default();
        row("culprit", format!("{}{sure}", text::place(c)));
    }
    v.victim.iter().for_each(|c| row("noticed in", text::place(c)));
    for r in &v.related {
        let function = r.function.as_deref().unwrap_or("");
        let module = r.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
        let task = r.task.as_ref().map(|t| format!(" in {} ({})", t.comm, t.pid)).unwrap_or_default();
        row(r.role, format!("{function}{module}{task}").trim().to_owned());
    }
    if let Some(t) = &v.task {
        let cpu = t.cpu.map(|c| format!(" on CPU {c}")).unwrap_or_default();
        row("task", format!("{} ({}){cpu}", t.comm, t.pid));
    }
    let s = &a.system;
    let kernel: Vec<&str> = [&s.release, &s.machine].into_iter().flatten().map(String::as_str).collect();
    if !kernel.is_empty() {
        row("kernel", kernel.join(", "));
    }
    s.date.iter().for_each(|d| row("date", d.clone()));
    out.push_str("</dl>\n");
}

pub fn next(out: &mut String, a: &Analysis) {
    if a.verdict.advice.is_empty() {
        return;
    }
    let items: String = a.verdict.advice.iter().map(|l| format!("<li>{}\n", escape(l))).collect();
    let _ = writeln!(out, "<h2>What to do next</h2>\n<ol class=\"next\">\n{items}</ol>");
}

/// The registers of the code that failed, and what each value is.
pub fn registers(out: &mut String, a: &Analysis) {
    if a.registers.is_empty() {
        return;
    }
    out.push_str("<h2>Registers there</h2>\n<table>\n");
    for r in &a.registers {
        let what = escape(r.what.as_deref().unwrap_or_default());
        let _ = writeln!(out, "<tr><th>{}<td><code>{}</code><td>{what}", escape(r.name), r.value);
    }
    out.push_str("</table>\n");
}

pub fn evidence(out: &mut String, a: &Analysis) {
    if a.evidence.is_empty() {
        return;
    }
    out.push_str("<h2>Evidence</h2>\n<ul class=\"evidence\">\n");
    a.evidence.iter().for_each(|e| fact(out, e));
    out.push_str("</ul>\n");
}

fn fact(out: &mut String, e: &Evidence) {
    let class = match e.weight {
        w if w < 0.0 => " class=\"against\"",
        0.0 => " class=\"neutral\"",
        _ => "",
    };
    let command = e.reproduce.as_ref().map(|c| format!("<code>{}</code>", escape(c))).unwrap_or_default();
    let _ = writeln!(
        out,
        "<li{class}>{}<div class=\"how\">{command}<span class=\"soft\">from {}, weight {:+.1}</span></div>",
        escape(&e.claim),
        escape(&e.source),
        e.weight
    );
}

/// The explanations that came after the first.
pub fn others(out: &mut String, a: &Analysis) {
    let rest: Vec<_> = a.hypotheses.iter().skip(usize::from(a.verdict.class != "unknown")).take(3).collect();
    if rest.is_empty() {
        return;
    }
    out.push_str("<h2>What else it could have been</h2>\n");
    for h in rest {
        let separate =
            h.separate.as_ref().map(|s| format!("<p class=\"soft\">What would decide: {}</p>", escape(s)));
        let _ = writeln!(
            out,
            "<div class=\"hypothesis\"><b>{}</b> <span class=\"soft\">({:.0} %)</span><p>{}</p>{}</div>",
            escape(h.class),
            h.confidence * 100.0,
            escape(&h.statement),
            separate.unwrap_or_default()
        );
    }
}

pub fn timeline(out: &mut String, a: &Analysis) {
    if a.timeline.is_empty() {
        return;
    }
    out.push_str("<h2>What happened when</h2>\n<table>\n<tr><th>seconds<th>what<th class=\"wide\">role\n");
    for e in &a.timeline {
        let when = e.seconds.map_or_else(|| "?".into(), |s| format!("{s:.3}"));
        let (role, event) = (escape(e.role), escape(&e.event));
        let _ = writeln!(
            out,
            "<tr><td class=\"num\">{when}<td class=\"{role}\">{event}<td class=\"wide soft\">{role}"
        );
    }
    out.push_str("</table>\n");
}

pub fn log(out: &mut String, a: &Analysis) {
    if a.log.is_empty() {
        return;
    }
    out.push_str("<h2>The log around it</h2>\n<pre>");
    for line in &a.log {
        let cause = a.timeline.iter().any(|e| e.role == "cause" && e.event == line.text);
        let text = escape(&format!("[{:12.6}] {}", line.seconds, line.text));
        let _ = match cause {
            true => writeln!(out, "<span class=\"cause\">{text}</span>"),
            false => writeln!(out, "{text}"),
        };
    }
    out.push_str("</pre>\n");
}

pub fn known_issues(out: &mut String, a: &Analysis) {
    if a.known_issues.is_empty() {
        return;
    }
    out.push_str("<h2>Known issues like this</h2>\n");
    for issue in &a.known_issues {
        let _ = writeln!(
            out,
            "<div class=\"issue\"><b>{}</b>\n<p>{}</p>",
            escape(&issue.title),
            escape(&text::joined(&issue.text))
        );
        // Only what the loader accepted as links to the web is one here.
        for link in issue.links.iter().filter(|l| l.starts_with("https://") || l.starts_with("http://")) {
            let link = escape(link);
            let _ = writeln!(out, "<p><a href=\"{link}\" rel=\"noreferrer\">{link}</a></p>");
        }
        let _ = writeln!(out, "<p class=\"soft\">{}</p></div>", escape(&issue.source));
    }
}

pub fn system(out: &mut String, a: &Analysis) {
    let s = &a.system;
    out.push_str("<h2>System</h2>\n<table>\n");
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            let _ = writeln!(out, "<tr><th>{name}<td>{}", escape(&value));
        }
    };
    row("release", s.release.clone());
    row("version", s.version.clone());
    row("machine", s.machine.clone());
    row("host", s.nodename.clone());
    row("CPUs", s.cpus.map(|n| n.to_string()));
    row("memory", s.memory_bytes.map(text::size));
    row("date", s.date.clone());
    row("up", s.uptime_seconds.map(duration));
    row("load", s.load_average.map(|l| l.map(|n| format!("{n:.2}")).join(", ")));
    row("tasks", s.tasks.map(|n| n.to_string()));
    row("taint", Some(s.taint.concat()));
    row("panic", s.panic.clone());
    row("build ID", s.build_id.clone());
    row("fingerprint", a.fingerprint.as_ref().map(|f| format!("{} (strict), {} (loose)", f.strict, f.loose)));
    let format = a.input.format.as_deref().unwrap_or(a.input.kind);
    let whole = if a.input.complete == Some(false) { ", incomplete" } else { "" };
    row("read from", Some(format!("{} ({format}{whole})", a.input.path)));
    out.push_str("</table>\n");
}

pub fn notes(out: &mut String, a: &Analysis) {
    list(out, "Notes: what could not be read, and why", &a.notes);
}

/// What a report says of itself that is not redacted.
const OPEN: &str = "Not redacted: this report may hold memory contents, names and lines of the log. `--redact` leaves them out.";

pub fn footer(out: &mut String, a: &Analysis) {
    let redacted = if a.redacted { text::REDACTED } else { OPEN };
    let _ = writeln!(
        out,
        "<footer><p>{}</p><p>Made by necropsy from the dump or log alone; every command shown runs in its shell.</p></footer>",
        escape(redacted)
    );
}

//! A call chain, the outermost function at the bottom as in any back trace, with the places that the verdict names.

use std::fmt::Write;

use super::escape;
use crate::{FrameInfo, Place, StackInfo, Verdict};

pub fn chain(out: &mut String, s: &StackInfo, v: &Verdict) {
    let why = s.why.as_deref().map(|w| format!(", {}", escape(w))).unwrap_or_default();
    let cpu = s.cpu.map(|c| format!(", CPU {c}")).unwrap_or_default();
    let _ =
        writeln!(out, "<h2>Stack of {} ({}){cpu}{why}</h2>\n<ol class=\"chain\">", escape(&s.comm), s.pid);
    let (mut culprit, mut victim) = (v.culprit.as_ref(), v.victim.as_ref());
    for f in &s.frames {
        let role = if is(f, culprit) {
            culprit = None;
            Some("culprit")
        } else if is(f, victim) {
            victim = None;
            Some("victim")
        } else {
            None
        };
        frame(out, f, role);
    }
    out.push_str("</ol>\n");
    if let Some(end) = &s.end {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", escape(end));
    }
}

/// Whether the frame is the place: the first with its function is marked.
fn is(f: &FrameInfo, place: Option<&Place>) -> bool {
    place.is_some_and(|p| p.function.is_some() && p.function == f.function && p.module == f.module)
}

fn frame(out: &mut String, f: &FrameInfo, role: Option<&str>) {
    let guess = matches!(f.trust, "inferred" | "scan" | "recovered");
    let classes = [
        role.unwrap_or_default(),
        if f.module.is_some() { "module" } else { "" },
        if guess { "guess" } else { "" },
        if f.inlined { "inlined" } else { "" },
    ];
    let classes: Vec<&str> = classes.into_iter().filter(|c| !c.is_empty()).collect();
    let name =
        f.function.clone().or(f.pc.map(|pc| pc.to_string())).unwrap_or_else(|| "frames lost here".into());
    let offset =
        f.offset.as_ref().filter(|_| f.function.is_some()).map(|o| format!("+{o}")).unwrap_or_default();
    let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    let _ = write!(
        out,
        "<li class=\"{}\"><code>{}</code>",
        classes.join(" "),
        escape(&format!("{name}{offset}{module}"))
    );
    if let Some(role) = role {
        let _ = write!(
            out,
            "<span class=\"tag {role}\">{}</span>",
            if role == "victim" { "noticed here" } else { role }
        );
    }
    if f.exception {
        out.push_str("<span class=\"tag here\">interrupted here</span>");
    }
    if guess {
        let _ = write!(out, "<span class=\"tag\">{}</span>", escape(f.trust));
    }
    if let (Some(file), Some(line)) = (&f.file, f.line) {
        let _ = write!(out, "<span class=\"src\">{}:{line}</span>", escape(file));
    }
    if let Some(remark) = &f.remark {
        let _ = write!(out, "<span class=\"src\">{}</span>", escape(remark));
    }
    out.push('\n');
}

//! An analysis as one HTML page: no scripts, nothing from elsewhere, every string escaped.

use std::fmt::Write;

use crate::text;
use crate::{Analysis, StackInfo};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    pre,code{font:13px/1.45 ui-monospace,monospace}pre{background:#8881;padding:.7rem;overflow:auto}\
    th{text-align:left;padding-right:1rem;font-weight:600;vertical-align:top}.against{color:#a33}";

pub fn analysis(a: &Analysis) -> String {
    let v = &a.verdict;
    let title = escape(&v.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style>\n<h1>{title}</h1>\n<p>{}</p>\n<table>\n",
        escape(&v.statement)
    );
    let mut row = |name: &str, value: String| _ = writeln!(out, "<tr><th>{name}<td>{}", escape(&value));
    row("class", format!("{} ({:.0} % sure)", v.class, v.confidence * 100.0));
    v.culprit.iter().for_each(|c| row("culprit", text::place(c)));
    v.victim.iter().for_each(|c| row("noticed in", text::place(c)));
    v.task.iter().for_each(|t| row("task", format!("{} ({})", t.comm, t.pid)));
    a.system.release.iter().for_each(|r| row("kernel", r.clone()));
    a.system.date.iter().for_each(|d| row("date", d.clone()));
    row("read from", a.input.path.clone());
    out.push_str("</table>\n<h2>Evidence</h2>\n<ul>\n");
    for e in &a.evidence {
        let class = if e.weight < 0.0 { " class=\"against\"" } else { "" };
        let command =
            e.reproduce.as_ref().map(|c| format!("<br><code>{}</code>", escape(c))).unwrap_or_default();
        let _ = writeln!(out, "<li{class}>{}{command}", escape(&e.claim));
    }
    out.push_str("</ul>\n");
    a.stacks.iter().for_each(|s| stack(&mut out, s));
    for (title, lines) in [("Next", &v.advice), ("Notes", &a.notes)] {
        if !lines.is_empty() {
            let items: String = lines.iter().map(|l| format!("<li>{}\n", escape(l))).collect();
            let _ = writeln!(out, "<h2>{title}</h2>\n<ul>\n{items}</ul>");
        }
    }
    out.push_str("</html>\n");
    out
}

fn stack(out: &mut String, s: &StackInfo) {
    let _ = writeln!(out, "<h2>Stack of {} ({})</h2>\n<pre>", escape(&s.comm), s.pid);
    for f in &s.frames {
        let name = f.function.clone().or(f.remark.clone()).unwrap_or_else(|| "?".into());
        let offset = f.offset.as_ref().map(|o| format!("+{o}")).unwrap_or_default();
        let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
        let _ = writeln!(out, "{}", escape(&format!("{name}{offset}{module}")));
    }
    out.push_str("</pre>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_dump_is_no_markup() {
        let mut a = Analysis::default();
        a.verdict.title = "<script>alert(1)</script>".into();
        a.stacks.push(StackInfo { comm: "<b>".into(), ..StackInfo::default() });
        let page = analysis(&a);
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    }
}

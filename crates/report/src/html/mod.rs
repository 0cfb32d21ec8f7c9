//! An analysis as one HTML page that people forward: no scripts, nothing from elsewhere, every string escaped; light and dark, narrow and
//! wide, on paper. The verdict comes first, then pictures, then the evidence and everything else.

mod figures;
mod sections;
mod stack;

use std::fmt::Write;

use crate::Analysis;

const STYLE: &str = include_str!("style.css");

pub fn analysis(a: &Analysis) -> String {
    let mut out = head(&a.verdict.title);
    sections::verdict(&mut out, a);
    sections::next(&mut out, a);
    if !a.figures.is_empty() {
        out.push_str("<h2>Pictures</h2>\n");
        a.figures.iter().for_each(|f| figures::figure(&mut out, f));
    }
    sections::evidence(&mut out, a);
    sections::others(&mut out, a);
    a.stacks.iter().for_each(|s| stack::chain(&mut out, s, &a.verdict));
    sections::registers(&mut out, a);
    sections::timeline(&mut out, a);
    sections::log(&mut out, a);
    sections::known_issues(&mut out, a);
    sections::system(&mut out, a);
    sections::notes(&mut out, a);
    sections::footer(&mut out, a);
    out.push_str("</main>\n</html>\n");
    out
}

fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{STYLE}</style>\n<main>\n",
        escape(title)
    )
}

/// A heading and a list, if there is anything to list.
fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let items: String = lines.iter().map(|l| format!("<li>{}\n", escape(l))).collect();
    let _ = writeln!(out, "<h2>{title}</h2>\n<ul>\n{items}</ul>");
}

/// Text as HTML, in elements and in attributes.
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
#[path = "tests.rs"]
mod tests;

//! `explain`: what a class means, how it is proved, what to do.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use necropsy_diagnose::explain::{self, Explanation};

use crate::cli::{ExplainArgs, ModeArg};

/// Width of a line of text.
const WIDTH: usize = 100;

/// Explains a class, or lists them.
pub fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let json = args.format == ModeArg::Json;
    let text = match &args.class {
        Some(class) => one(class, json)?,
        None if json => serde_json::to_string_pretty(&explain::all().collect::<Vec<_>>())? + "\n",
        None => list(),
    };
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn one(class: &str, json: bool) -> Result<String> {
    let Some(e) = explain::of(class) else {
        let near: Vec<&str> = explain::all().map(|e| e.class).filter(|c| alike(c, class)).collect();
        let hint = if near.is_empty() {
            "`necropsy explain` lists them".into()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        bail!("there is no class {class:?}: {hint}");
    };
    Ok(if json { serde_json::to_string_pretty(e)? + "\n" } else { full(e) })
}

/// Whether the names have a word in common.
fn alike(known: &str, given: &str) -> bool {
    given.split('-').filter(|w| w.len() > 2).any(|w| known.contains(w))
}

fn list() -> String {
    let wide = explain::all().map(|e| e.class.len()).max().unwrap_or(0);
    let first = |e: &Explanation| e.meaning.split_inclusive(". ").next().unwrap_or("").trim_end().to_owned();
    explain::all().map(|e| hanging(&format!("{:wide$}  ", e.class), &first(e))).collect()
}

fn full(e: &Explanation) -> String {
    let mut out = format!("{}\n{}\n\n", e.class, "=".repeat(e.class.len()));
    out += &hanging("", e.meaning);
    out += "\nHow it is proved\n";
    out += &hanging("  ", e.proof);
    for detective in explain::detectives(e.class) {
        out += &hanging(&format!("  ({}) ", detective.id), detective.doc);
    }
    for (title, lines) in [("What to do", e.next), ("What would have caught it", e.catch)] {
        if !lines.is_empty() {
            out += &format!("\n{title}\n");
            lines.iter().for_each(|line| out += &hanging("  - ", line));
        }
    }
    out
}

/// Text in lines of bounded width, each after the first indented as far as `first` is long.
fn hanging(first: &str, text: &str) -> String {
    let indent = " ".repeat(first.chars().count());
    let (mut out, mut line) = (String::new(), first.to_owned());
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= WIDTH && line.trim() != "" {
            out += line.trim_end();
            out.push('\n');
            line.clone_from(&indent);
        }
        line += word;
        line.push(' ');
    }
    out + line.trim_end() + "\n"
}

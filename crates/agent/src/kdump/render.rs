//! The answer as text.

use super::{Checked, Readiness, Status};

/// Text for a terminal. What is as it should be takes one line.
pub fn text(readiness: &Readiness) -> String {
    let mut out = String::new();
    let machine = [readiness.distribution.as_deref(), readiness.kernel.as_deref()];
    let machine: Vec<&str> = machine.into_iter().flatten().collect();
    if !machine.is_empty() {
        out.push_str(&format!("{}\n\n", escaped(&machine.join(", kernel "))));
    }
    readiness.checks.iter().for_each(|c| check(&mut out, c));
    let count = |status| readiness.checks.iter().filter(|c| c.status == status).count();
    let counts: Vec<String> = Status::ALL
        .iter()
        .rev()
        .map(|s| (count(*s), s.name()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    let verdict = match readiness.ready {
        Some(true) => "A crash would leave a dump",
        Some(false) => "A crash would leave NO dump",
        None => "Whether a crash would leave a dump cannot be known from here",
    };
    out.push_str(&format!("\n{verdict} ({}).\n", counts.join(", ")));
    out
}

fn check(out: &mut String, c: &Checked) {
    let mark = match c.status {
        Status::Pass => "pass   ",
        Status::Unknown => "unknown",
        Status::Warn => "WARN   ",
        Status::Fail => "FAIL   ",
    };
    out.push_str(&format!("{mark}  {:<22} {}\n", c.id, escaped(&c.found)));
    if c.status == Status::Pass {
        return;
    }
    const INDENT: &str = "                                ";
    c.problems.iter().for_each(|p| out.push_str(&format!("{INDENT}{}\n", escaped(p))));
    if c.status > Status::Unknown {
        out.push_str(&format!("{INDENT}why: {}\n", c.why));
    }
    c.fix.iter().for_each(|f| out.push_str(&format!("{INDENT}fix: {}\n", escaped(f))));
}

/// Characters that turn what follows the other way round, or hide.
fn turns(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Nothing in a file can move the cursor of the terminal.
fn escaped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || turns(c) { '?' } else { c }).collect()
}

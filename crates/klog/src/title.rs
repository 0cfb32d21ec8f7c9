//! Titles: what the kernel's public fuzzing reports call a bug. Nothing in them changes from run to run.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::blame::{Blamed, canonical, function_name, never_to_blame};
use crate::patterns::{MATCHER, Pattern, Title};

/// A report's title and what it is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Titled {
    pub title: String,
    pub function: Option<String>,
    /// Why the title misses something.
    pub broken: Option<&'static str>,
}

/// The title of a report of this kind, by its lines.
pub(crate) fn of(pattern: &'static Pattern, lines: &[&str]) -> Titled {
    let first = lines.first().copied().unwrap_or_default();
    let Some(head) = pattern.captures(first) else {
        return Titled { title: clean(first), ..Titled::default() };
    };
    let text = if pattern.titles.iter().any(|t| !t.body.is_empty()) {
        lines.join("\n") + "\n"
    } else {
        String::new()
    };
    for title in pattern.titles {
        let body = if title.body.is_empty() { None } else { crate::cached::regex(title.body) };
        let found = body.as_ref().and_then(|b| b.captures(&text));
        if body.is_some() == found.is_some() {
            return filled(title, &head, found.as_ref(), lines);
        }
    }
    Titled { title: clean(first), ..Titled::default() }
}

/// The title of a report that is one line.
pub(crate) fn of_line(pattern: &'static Pattern, line: &str) -> String {
    of(pattern, &[line]).title
}

fn filled(title: &Title, head: &Captures<'_>, body: Option<&Captures<'_>>, lines: &[&str]) -> Titled {
    let blamed = title.blame.and_then(|b| b.find(lines));
    let named = title.blame.is_some().then(|| head.name("sym")).flatten();
    let named = named
        .map(|s| canonical(&name_of(s.as_str())).to_owned())
        .filter(|n| !never_to_blame(n) && n != "0x0");
    let sure = blamed.as_ref().is_some_and(|b| b.sure) || named.is_some();
    let function =
        blamed.or_else(|| named.map(|function| Blamed { function, sure: true })).map(|b| b.function);
    let mut out = String::new();
    let mut rest = title.text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out += before;
        match (name, &function) {
            ("f", Some(function)) => out += function,
            ("f", None) => out.truncate(out.strip_suffix(" in ").unwrap_or(&out).len()),
            ("sym", _) => out += &head.name("sym").map(|s| name_of(s.as_str())).unwrap_or_default(),
            _ => {
                let value = head.name(name).or_else(|| body?.name(name));
                out += value.map_or("", |v| v.as_str());
            }
        }
        rest = after;
    }
    out += rest;
    let named_in_text = head.name("sym").map(|s| name_of(s.as_str()));
    let broken = match (title.broken, title.blame.is_some(), sure) {
        (true, ..) => Some("lines that this kind of report has are missing"),
        (_, true, false) => Some("no stack that tells the function"),
        _ => None,
    };
    let title = clean(&out);
    let broken = broken.or_else(|| has_time(&title).then_some("another line was printed into the first"));
    Titled { title, function: function.or(named_in_text), broken }
}

/// The function of `name+0x1/0x2`.
fn name_of(symbol: &str) -> String {
    function_name(symbol.split('+').next().unwrap_or(symbol))
}

fn has_time(title: &str) -> bool {
    static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\[ *[0-9]+\.[0-9]+\]").ok());
    TIME.as_ref().is_some_and(|r| r.is_match(title))
}

/// What must not be in a title, and what stands for it; repeated until nothing changes.
const CHANGING: &[(&str, &str)] = &[
    (r"syz-executor\.?[0-9]+((/|:)[0-9]+)?", "syz-executor"),
    (r"syzkaller[0-9]+((/|:)[0-9]+)?", "syzkaller"),
    (r"([^a-zA-Z0-9])(?:0x)?[0-9a-f]{6,}", "${1}ADDR"),
    (r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", "IP"),
    (r"(\.\w+)(:[0-9]+)+", "${1}:LINE"),
    (r"([a-zA-Z][a-zA-Z0-9_.]+)\+0x[0-9a-z]+/0x[0-9a-z]+", "${1}"),
    (r"CPU#[0-9]+", "CPU"),
    (r"(\W)(\d+)(\W|$)", "${1}NUM${3}"),
];

/// A line without numbers, addresses and control characters, at most 120 characters long.
pub fn clean(title: &str) -> String {
    static REGEXES: LazyLock<Vec<(Regex, &str)>> =
        LazyLock::new(|| CHANGING.iter().filter_map(|(r, to)| Some((Regex::new(r).ok()?, *to))).collect());
    let mut text: String = title.chars().take(2000).collect();
    for (regex, to) in REGEXES.iter() {
        for _ in 0..64 {
            let next = regex.replace_all(&text, *to);
            if next == text {
                break;
            }
            text = next.into_owned();
        }
    }
    let printable =
        text.chars().take(120).map(|c| if c == '\t' { ' ' } else { c }).filter(|c| (' '..='~').contains(c));
    let mut out = String::new();
    printable.for_each(|c| {
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    });
    out.trim().to_owned()
}

/// The kind of line that a message is; its pattern's name. For those who only want to know whether a line means something.
pub fn kind_of(message: &str) -> Option<&'static str> {
    MATCHER.find(message).map(|(p, _)| p.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_changes() {
        assert_eq!(
            clean("a at ffff8801c7f8d1b0 on CPU#3:  12,13 x.c:12:3"),
            "a at ADDR on CPU: NUM,NUM x.c:LINE"
        );
        assert_eq!(clean("in foo+0x12/0x34 at 10.0.0.1"), "in foo at IP");
        assert!(clean(&"x ".repeat(5000)).len() <= 120);
    }
}

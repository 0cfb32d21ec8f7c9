//! Running a command line.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;

use necropsy_base::Exhausted;

use crate::similar::{What, explained};
use crate::{Args, COMMANDS, Command, CommandError, Context, JsonSink, Shape, Sink, TextSink, aliases};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As crash writes it.
    Text,
    /// One JSON line per command.
    Json,
}

/// Runs one line; whether it succeeded. Errors and notes go to `err` in text mode.
pub fn run_line(cx: &Context, line: &str, mode: Mode, out: &mut dyn Write, err: &mut dyn Write) -> bool {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let words = aliases::expand(Some(cx), &words(line));
    let (words, mode) = match without_json(&words) {
        Some(words) => (aliases::expand(Some(cx), &words), Mode::Json),
        None => (words, mode),
    };
    let found = resolve(cx, &words).map_err(|e| explained(cx, e));
    // Each command has its own notes: what an earlier one or the opening noted is told already.
    cx.target.take_recent_notes();
    match mode {
        Mode::Json => json(cx, line, found, out),
        Mode::Text => text(cx, found, out, err),
    }
}

/// The words without what asks for JSON: `json ps`, `ps -j -m`, `ps -m -j`.
fn without_json(words: &[String]) -> Option<Vec<String>> {
    let (name, rest) = words.split_first()?;
    if name == "json" {
        return rest.first().filter(|w| *w != "-s").map(|_| rest.to_vec());
    }
    // A type's name is a command too.
    let command = find(name).or_else(|_| find("struct")).ok()?;
    let spec = command.options();
    if spec.flags.contains('j') || spec.values.contains('j') {
        return None;
    }
    let last = !spec.raw || command.name() == "foreach";
    match rest {
        [first, rest @ ..] if first == "-j" => Some([&words[..1], rest].concat()),
        [rest @ .., end] if last && end == "-j" => Some([&words[..1], rest].concat()),
        _ => None,
    }
}

/// The command of a line and the full names of the types of the rows that it gave: to compare them with its schema.
pub fn row_types(
    cx: &Context,
    line: &str,
) -> Option<(&'static dyn Command, Shape, BTreeSet<Cow<'static, str>>)> {
    let (command, args) = resolve(cx, &aliases::expand(Some(cx), &words(line.trim()))).ok()?;
    let mut sink = JsonSink::default();
    let _ = command.run(cx, &args, &mut sink);
    Some((command, command.shape(&args), sink.types))
}

/// A command and its arguments.
pub(crate) type Found = Result<(&'static dyn Command, Args), CommandError>;

fn json(cx: &Context, line: &str, found: Found, out: &mut dyn Write) -> bool {
    let mut sink = JsonSink::new(cx.target.budget().clone());
    cx.take_opening().iter().for_each(|note| sink.note(note));
    let shape = found.as_ref().map_or(Shape::List, |(c, args)| c.shape(args));
    let end = found.and_then(|(c, args)| run(cx, c, &args, &mut sink));
    let ok = end.is_ok();
    cx.target.take_recent_notes().iter().for_each(|note| sink.note(note));
    let _ = writeln!(out, "{}", sink.finish(line, shape, end));
    ok
}

fn text(cx: &Context, found: Found, out: &mut dyn Write, err: &mut dyn Write) -> bool {
    let (name, end, notes) = match found {
        Ok((command, args)) => {
            let mut sink = TextSink { out, notes: Vec::new(), budget: cx.target.budget().clone() };
            let end = run(cx, command, &args, &mut sink);
            (command.name(), end, sink.notes)
        }
        Err(e) => ("", Err(e), Vec::new()),
    };
    // What the command printed comes before what went wrong, also when both streams end in one place.
    let _ = out.flush();
    for note in notes.iter().chain(&cx.target.take_recent_notes()) {
        let _ = writeln!(err, "{name}: note: {note}");
    }
    report(name, end, err)
}

/// Runs a command. Whatever it made of Ctrl-C, the answer is not complete.
fn run(cx: &Context, command: &dyn Command, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let end = command.run(cx, args, out);
    match cx.target.budget().is_cancelled() {
        true => Err(Exhausted::Cancelled.into()),
        false => end.map_err(|e| explained(cx, e)),
    }
}

fn report(name: &str, end: Result<(), CommandError>, err: &mut dyn Write) -> bool {
    let prefix = if name.is_empty() { String::new() } else { format!("{name}: ") };
    match end {
        Ok(()) | Err(CommandError::Closed(_)) => true,
        Err(e @ CommandError::Usage(_)) => {
            let _ = writeln!(err, "{prefix}{e}");
            if let Ok(command) = find(name) {
                let synopsis = command.synopsis();
                let _ = writeln!(err, "usage: {name} {synopsis}\nEnter \"help {name}\" for details.");
            }
            false
        }
        Err(e) => {
            let _ = writeln!(err, "{prefix}{e}");
            false
        }
    }
}

/// Whether the line ends the session.
pub fn is_exit(line: &str) -> bool {
    matches!(line.trim(), "q" | "quit" | "exit")
}

/// The command that a command's words mean, which never is one of `not`: no command runs itself without end.
pub(crate) fn resolve_inner(cx: &Context, words: &[String], not: &[&str]) -> Found {
    let words = aliases::expand(None, words);
    let (command, args) = resolve(cx, &words)?;
    if not.contains(&command.name()) {
        return Err(CommandError::Usage(format!("{} cannot run here", command.name())));
    }
    Ok((command, args))
}

/// The command that words mean: by name, or by a type's name.
fn resolve(cx: &Context, words: &[String]) -> Found {
    let name = words.first().map_or("", String::as_str);
    let (command, rest) = match find(name) {
        Ok(command) => (command, &words[1..]),
        Err(e) => match find("struct") {
            Ok(command) if names_type(cx, name) => (command, words),
            _ => return Err(e),
        },
    };
    let parsed = Args::parse(rest, command.options());
    let args = parsed.map_err(|e| CommandError::Usage(format!("{name}: {e} (see \"help {name}\")")))?;
    Ok((command, args))
}

/// `list_head`, or `task_struct.pid,comm`.
fn names_type(cx: &Context, word: &str) -> bool {
    let name = word.split('.').next().unwrap_or_default();
    !name.is_empty() && cx.target.type_named(name).is_some()
}

/// The command called `name`.
pub(crate) fn find(name: &str) -> Result<&'static dyn Command, CommandError> {
    let known = COMMANDS.iter().copied().find(|c| c.name() == name || c.aliases().contains(&name));
    known.ok_or_else(|| {
        let message = format!("no such command: {name} (\"help\" lists all)");
        CommandError::unknown(What::Command, name, message)
    })
}

/// Words of a line; quotes keep blanks together and go away.
fn words(line: &str) -> Vec<String> {
    let (mut out, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => (quote, open) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        out.push(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{without_json, words};

    #[test]
    fn json_is_asked_for_in_three_ways() {
        let without = |line: &str| without_json(&words(line)).map(|w| w.join(" "));
        for line in ["json ps -m", "ps -j -m", "ps -m -j"] {
            assert_eq!(without(line).as_deref(), Some("ps -m"), "{line}");
        }
        assert_eq!(without("foreach bt -j").as_deref(), Some("foreach bt"));
        assert_eq!(without("list_head -j").as_deref(), Some("list_head"));
        // `n -j` is a difference.
        for line in ["eval n -j", "ps", "json -s ps", "json", "gdb p n -j"] {
            assert_eq!(without(line), None, "{line}");
        }
    }

    #[test]
    fn quotes_keep_blanks() {
        assert_eq!(words("bt  'a b' \"\" c"), ["bt", "a b", "", "c"]);
        assert!(words("  ").is_empty());
    }
}

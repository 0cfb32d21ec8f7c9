//! Running a command line.

use std::io::Write;

use crate::{Args, COMMANDS, Command, CommandError, Context, JsonSink, TextSink};

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
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.is_empty() {
        return true;
    }
    let words = words(line);
    let found = find(words.first().map_or("", |w| w));
    let before = cx.target.notes().len();
    match mode {
        Mode::Json => {
            let mut sink = JsonSink::default();
            let end = found.and_then(|c| c.run(cx, &Args::parse(&words[1..], c.options())?, &mut sink));
            let shape = find(&words[0]).map_or(crate::Shape::List, Command::shape);
            let ok = end.is_ok();
            for note in cx.target.notes().iter().skip(before) {
                crate::Sink::note(&mut sink, note);
            }
            let _ = writeln!(out, "{}", sink.finish(line, shape, end));
            ok
        }
        Mode::Text => {
            let mut sink = TextSink {
                out,
                notes: Vec::new(),
            };
            let end = found.and_then(|c| c.run(cx, &Args::parse(&words[1..], c.options())?, &mut sink));
            let notes = std::mem::take(&mut sink.notes);
            for note in notes.iter().chain(cx.target.notes().iter().skip(before)) {
                let _ = writeln!(err, "{}: note: {note}", words[0]);
            }
            report(&words[0], end, err)
        }
    }
}

fn report(name: &str, end: Result<(), CommandError>, err: &mut dyn Write) -> bool {
    match end {
        Ok(()) | Err(CommandError::Closed(_)) => true,
        Err(e @ CommandError::Usage(_)) => {
            let synopsis = find(name).map(Command::synopsis).unwrap_or_default();
            let _ = writeln!(
                err,
                "{name}: {e}\nusage: {name} {synopsis}\nEnter \"help {name}\" for details."
            );
            false
        }
        Err(e) => {
            let _ = writeln!(err, "{name}: {e}");
            false
        }
    }
}

/// The command called `name`.
pub(crate) fn find(name: &str) -> Result<&'static dyn Command, CommandError> {
    let known = COMMANDS
        .iter()
        .copied()
        .find(|c| c.name() == name || c.aliases().contains(&name));
    known.ok_or_else(|| CommandError::Failed(format!("no such command: {name} (\"help\" lists all)")))
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

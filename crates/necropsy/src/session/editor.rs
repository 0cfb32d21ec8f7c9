//! A line editor: history that is kept, search in it, completion, and Ctrl-C that ends a command and not the session.

use std::io::{Error, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use necropsy_shell::{ALIASES, COMMANDS, Context, Mode, is_exit};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use super::{PROMPT, run};

/// Lines of history that are kept.
const HISTORY: usize = 10_000;
/// Completions that are shown.
const MAX_FOUND: usize = 200;

/// Set by Ctrl-C while a command runs.
static STOP: AtomicBool = AtomicBool::new(false);

/// Reads lines with the editor and runs them.
pub fn interact(cx: &Context, mode: Mode, out: &mut impl Write, err: &mut impl Write) -> Result<()> {
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed))?;
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .auto_add_history(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<Words<'_>, DefaultHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Words { cx }));
    let kept = history_file();
    if let Some(path) = &kept {
        let _ = editor.load_history(path);
    }
    loop {
        let _ = out.flush();
        match editor.readline(PROMPT) {
            Ok(line) if is_exit(&line) => break,
            Ok(line) => {
                STOP.store(false, Ordering::Relaxed);
                run(cx, line.trim(), mode, &mut Stoppable(&mut *out), err);
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(e.into()),
        }
    }
    if let Some(path) = &kept {
        let _ = editor.append_history(path);
    }
    Ok(())
}

/// Where history is kept: `$XDG_STATE_HOME/necropsy/history`.
fn history_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?.join("necropsy");
    std::fs::create_dir_all(&state).ok()?;
    Some(state.join("history"))
}

/// Output whose reader is gone once Ctrl-C was pressed, so that the command ends.
struct Stoppable<W>(W);

impl<W: Write> Write for Stoppable<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match STOP.load(Ordering::Relaxed) {
            true => Err(Error::from(ErrorKind::BrokenPipe)),
            false => self.0.write(bytes),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// What words can be completed to.
struct Words<'c> {
    cx: &'c Context,
}

impl Helper for Words<'_> {}
impl Highlighter for Words<'_> {}
impl Hinter for Words<'_> {
    type Hint = String;
}
impl Validator for Words<'_> {}

impl Completer for Words<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..at).unwrap_or(line);
        let start = typed.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |i| i + 1);
        let word = &typed[start..];
        let found = match typed[..start].trim().is_empty() {
            true => commands(word),
            false if word.len() < 2 => Vec::new(),
            false => names(self.cx, word),
        };
        Ok((start, found))
    }
}

/// Commands and short forms.
fn commands(word: &str) -> Vec<String> {
    let all = COMMANDS.iter().map(|c| c.name()).chain(ALIASES.iter().map(|(short, _)| *short));
    let mut found: Vec<String> = all.filter(|n| n.starts_with(word)).map(str::to_owned).collect();
    found.sort();
    found
}

/// Modules and symbols.
fn names(cx: &Context, word: &str) -> Vec<String> {
    let t = &cx.target;
    let modules = t.modules().list.iter().map(|m| m.name.clone()).filter(|n| n.starts_with(word));
    let table = t.kallsyms();
    let symbols = table.iter().flat_map(|k| {
        k.search(word).into_iter().filter_map(|i| k.symbol(i)).map(|s| s.name).filter(|n| n.starts_with(word))
    });
    let mut found: Vec<String> = modules.chain(symbols.map(|n| n.to_string())).take(MAX_FOUND).collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn the_beginning_of_a_command() {
        assert_eq!(commands("wha"), ["whatis"]);
        assert!(commands("p").contains(&"print".to_owned()) && commands("").len() > 40);
    }
}

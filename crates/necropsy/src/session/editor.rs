//! A line editor: history that is kept, search in it, completion, and Ctrl-C that ends a command and not the session.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use necropsy_shell::{Context, Mode, complete, is_exit};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use super::pager::{self, Paged, Screen};
use super::{PROMPT, Verdict, run};

/// Lines of history that are kept.
const HISTORY: usize = 10_000;

/// Reads lines with the editor and runs them.
pub fn interact(
    cx: &Context,
    mode: Mode,
    verdict: &mut Verdict,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<()> {
    let budget = cx.target.budget();
    let stop = budget.clone();
    ctrlc::set_handler(move || stop.cancel())?;
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
        if let Some(lines) = verdict.news() {
            let _ = out.write_all(lines.as_bytes());
        }
        let _ = out.flush();
        match editor.readline(PROMPT) {
            Ok(line) if is_exit(&line) => break,
            Ok(line) => {
                budget.resume();
                let pager = pager::command().filter(|_| cx.scroll() && mode == Mode::Text);
                match (pager, editor.dimensions()) {
                    (Some(pager), Some((columns, rows))) => {
                        let screen = Screen { columns: columns.into(), rows: rows.into() };
                        paged(cx, line.trim(), mode, Paged::new(out, screen, pager), err);
                    }
                    _ => drop(run(cx, line.trim(), mode, out, err)),
                }
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

/// Runs a line; its errors and notes wait until the pager is left.
fn paged(cx: &Context, line: &str, mode: Mode, mut out: Paged<'_, impl Write>, err: &mut impl Write) {
    let mut told = Vec::new();
    run(cx, line, mode, &mut out, &mut told);
    let _ = out.finish();
    let _ = err.write_all(&told);
}

/// Where history is kept: `$XDG_STATE_HOME/necropsy/history`.
fn history_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?.join("necropsy");
    std::fs::create_dir_all(&state).ok()?;
    Some(state.join("history"))
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
        Ok(complete(self.cx, line.get(..at).unwrap_or(line)))
    }
}

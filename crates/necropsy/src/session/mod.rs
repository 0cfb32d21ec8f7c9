//! A session of the shell: lines from a terminal, a file or a pipe, and where their answers go.

#[cfg(feature = "line-editor")]
mod editor;
mod output;
#[cfg(feature = "line-editor")]
mod pager;
mod start;
mod verdict;

use std::io::{BufRead, IsTerminal, Write};

use anyhow::Result;
use necropsy_shell::{Context, Mode, is_exit};

pub use output::run;
pub use start::lines as start_lines;
pub use verdict::Verdict;

/// What the prompt looks like.
const PROMPT: &str = "necropsy> ";

/// Reads and runs lines until one ends the session, or the input does.
pub fn interact(
    cx: &Context,
    mode: Mode,
    verdict: &mut Verdict,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<()> {
    #[cfg(feature = "line-editor")]
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return editor::interact(cx, mode, verdict, out, err);
    }
    let stdin = std::io::stdin();
    let terminal = stdin.is_terminal();
    let mut line = String::new();
    loop {
        if let Some(lines) = verdict.news() {
            let _ = out.write_all(lines.as_bytes());
        }
        if terminal {
            let _ = write!(out, "{PROMPT}");
        }
        let _ = out.flush();
        line.clear();
        if stdin.lock().read_line(&mut line)? == 0 || is_exit(&line) {
            return Ok(());
        }
        run(cx, line.trim(), mode, out, err);
    }
}

//! Where a line's answer goes: `| command`, `> file`, `>> file`; and `! command`.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use necropsy_shell::{Context, Mode, run_line};

/// Where an answer goes.
#[derive(Debug, PartialEq, Eq)]
enum To<'l> {
    Screen,
    Pipe(&'l str),
    File { path: &'l str, append: bool },
}

/// Runs a line; whether it succeeded.
pub fn run(cx: &Context, line: &str, mode: Mode, out: &mut impl Write, err: &mut impl Write) -> bool {
    if let Some(command) = line.trim().strip_prefix('!') {
        let _ = out.flush();
        return shell(command, err);
    }
    match split(line) {
        (line, To::Screen) => run_line(cx, line, mode, out, err),
        (line, To::Pipe(command)) => {
            let _ = out.flush();
            pipe(cx, line, command, mode, err)
        }
        (line, To::File { path, append }) => {
            let file =
                OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path);
            match file {
                Ok(file) => run_line(cx, line, mode, &mut BufWriter::new(file), err),
                Err(e) => failed(err, &format!("{path}: {e}")),
            }
        }
    }
}

fn failed(err: &mut impl Write, why: &str) -> bool {
    let _ = writeln!(err, "necropsy: {why}");
    false
}

fn shell(command: &str, err: &mut impl Write) -> bool {
    let mut sh = Command::new("sh");
    if !command.trim().is_empty() {
        sh.args(["-c", command]);
    }
    match sh.status() {
        Ok(status) => status.success(),
        Err(e) => failed(err, &format!("sh: {e}")),
    }
}

fn pipe(cx: &Context, line: &str, command: &str, mode: Mode, err: &mut impl Write) -> bool {
    let mut child = match Command::new("sh").args(["-c", command]).stdin(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(e) => return failed(err, &format!("sh: {e}")),
    };
    let ok = match child.stdin.take() {
        // A reader that goes early ends the command, and is no failure.
        Some(stdin) => run_line(cx, line, mode, &mut BufWriter::new(stdin), err),
        None => false,
    };
    ok & child.wait().is_ok_and(|status| status.success())
}

/// A line and where its answer goes. What is in quotes or brackets is the command's own, and so is the `>` of `->`.
fn split(line: &str) -> (&str, To<'_>) {
    let (mut quote, mut depth, mut before) = (None, 0_i32, ' ');
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, '|') if depth <= 0 => return (line[..i].trim(), To::Pipe(line[i + 1..].trim())),
            (None, '>') if depth <= 0 && before != '-' => {
                let rest = &line[i + 1..];
                let append = rest.starts_with('>');
                let path = rest.trim_start_matches('>').trim();
                return (line[..i].trim(), To::File { path, append });
            }
            _ => {}
        }
        before = c;
    }
    (line, To::Screen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_and_files() {
        assert_eq!(split("ps"), ("ps", To::Screen));
        assert_eq!(split("ps -m | head -n 3 | wc"), ("ps -m", To::Pipe("head -n 3 | wc")));
        assert_eq!(split("bt -a > /tmp/x"), ("bt -a", To::File { path: "/tmp/x", append: false }));
        assert_eq!(split("bt >>x"), ("bt", To::File { path: "x", append: true }));
    }

    #[test]
    fn expressions_keep_their_signs() {
        for line in ["p init_task.mm->pgd", "eval (1 | 2)", "p (1 >> 2)", "search -c 'a|b'", "p a[1 > 0]"] {
            assert_eq!(split(line), (line, To::Screen));
        }
    }
}

//! The shell: commands from the command line, from a file, or from standard input.

use std::io::{BufRead, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use necropsy_shell::{Context, Mode, Sources, is_exit, run_line};

use crate::cli::{ModeArg, ShellArgs};
use crate::open::open;

/// Runs the commands given, or reads them.
pub fn run(args: &ShellArgs) -> Result<ExitCode> {
    let (target, name) = open(&args.files, &args.open)?;
    let notes = target.notes();
    let release = target.release();
    let sources = Sources::new(&args.source_dir, args.source_map.clone(), &release);
    let cx = Context::new(target, name).with_sources(sources);
    let mode = if args.format == ModeArg::Json { Mode::Json } else { Mode::Text };
    let mut lines = args.command.clone();
    if let Some(path) = &args.input {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        lines.extend(text.lines().map(str::to_owned));
    }
    let (mut out, mut err) = (BufWriter::new(std::io::stdout().lock()), std::io::stderr().lock());
    if mode == Mode::Text {
        notes.iter().for_each(|n| _ = writeln!(err, "necropsy: note: {n}"));
    }
    if !lines.is_empty() || args.input.is_some() {
        let mut ok = true;
        for line in lines.iter().take_while(|line| !is_exit(line)) {
            ok &= run_line(&cx, line, mode, &mut out, &mut err);
            let _ = out.flush();
        }
        let _ = out.flush();
        return Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !args.silent {
        run_line(&cx, "sys", mode, &mut out, &mut err);
    }
    interact(&cx, mode, &mut out, &mut err)
}

fn interact(cx: &Context, mode: Mode, out: &mut impl Write, err: &mut impl Write) -> Result<ExitCode> {
    let stdin = std::io::stdin();
    let terminal = stdin.is_terminal();
    let mut line = String::new();
    loop {
        if terminal {
            let _ = write!(out, "necropsy> ");
        }
        let _ = out.flush();
        line.clear();
        if stdin.lock().read_line(&mut line)? == 0 || is_exit(&line) {
            return Ok(ExitCode::SUCCESS);
        }
        run_line(cx, line.trim(), mode, out, err);
    }
}

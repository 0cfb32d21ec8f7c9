//! The shell: commands from the command line, from a file, or from standard input.

use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use necropsy_shell::{Context, Mode, Sources, is_exit, run_line};

use crate::cli::{ModeArg, ShellArgs};
use crate::open::open;
use crate::session;

/// Runs the commands given, or reads them.
pub fn run(args: &ShellArgs) -> Result<ExitCode> {
    let (target, name) = open(&args.files, &args.open)?;
    let notes = target.notes();
    let release = target.release();
    let sources = Sources::new(&args.source_dir, args.source_map.clone(), &release);
    let mode = if args.format == ModeArg::Json { Mode::Json } else { Mode::Text };
    let untold = if mode == Mode::Json { notes.clone() } else { Vec::new() };
    let cx = Context::new(target, name).with_sources(sources).with_notes(untold);
    let mut lines = args.command.clone();
    if let Some(path) = &args.input {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        lines.extend(text.lines().map(str::to_owned));
    }
    let (mut out, mut err) = (BufWriter::new(std::io::stdout().lock()), std::io::stderr().lock());
    if mode == Mode::Text {
        notes.iter().for_each(|n| _ = writeln!(err, "necropsy: note: {n}"));
    }
    // Lines given one by one are a script's: what its user likes must not change what they mean.
    if args.command.is_empty() {
        start(&cx, mode, &mut out, &mut err);
    }
    if !lines.is_empty() || args.input.is_some() {
        let mut ok = true;
        for line in lines.iter().take_while(|line| !is_exit(line)) {
            ok &= session::run(&cx, line, mode, &mut out, &mut err);
            let _ = out.flush();
        }
        let _ = out.flush();
        return Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut verdict = session::Verdict::none();
    if !args.silent && mode == Mode::Text {
        verdict = session::Verdict::start(args.files.clone(), args.open.vmcoreinfo.clone());
    }
    if !args.silent {
        run_line(&cx, "sys", mode, &mut out, &mut err);
        let banner = verdict.for_banner(std::io::stdin().is_terminal());
        let _ = out.write_all(banner.as_bytes());
    }
    session::interact(&cx, mode, &mut verdict, &mut out, &mut err)?;
    let _ = out.flush();
    Ok(ExitCode::SUCCESS)
}

/// Runs the user's own start file. Its answers are nobody's JSON.
fn start(cx: &Context, mode: Mode, out: &mut impl Write, err: &mut impl Write) {
    let Some((path, lines)) = session::start_lines() else { return };
    for line in &lines {
        let done = match mode {
            Mode::Text => session::run(cx, line, mode, out, err),
            Mode::Json => session::run(cx, line, Mode::Text, &mut std::io::sink(), err),
        };
        if !done {
            let _ = writeln!(err, "necropsy: {}: \"{line}\" failed", path.display());
        }
    }
}

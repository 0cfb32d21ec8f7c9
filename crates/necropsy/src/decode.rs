//! `decode`: a kernel log again, with source lines.

use std::io::{BufRead, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use necropsy_debuginfo::FileBytes;
use necropsy_debuginfo::locate::{Debuginfod, Search};
use necropsy_decode::{Decoder, Facts};

use crate::progress;

/// Arguments of `decode`.
#[derive(Args)]
pub struct DecodeArgs {
    /// A kernel log, also compressed (gz, xz, zst); `-` or nothing: standard input, decoded as it comes.
    pub log: Option<PathBuf>,
    /// The kernel with debugging information.
    #[arg(long, value_name = "FILE")]
    pub vmlinux: Option<PathBuf>,
    /// Look here for modules with debugging information (and for the vmlinux); may be given several times.
    #[arg(long, visible_alias = "debug-dir", value_name = "DIR")]
    pub modules: Vec<PathBuf>,
    /// The contents of /proc/modules: for logs that give addresses without names.
    #[arg(long, value_name = "FILE")]
    pub proc_modules: Option<PathBuf>,
    /// How far the kernel was moved (KASLR), if the log does not tell: for addresses without names.
    #[arg(long, value_name = "NUMBER", value_parser = hex)]
    pub kernel_offset: Option<u64>,
    /// The kernel's release, if the log does not tell.
    #[arg(long)]
    pub release: Option<String>,
    /// Do not ask debuginfod servers.
    #[arg(long)]
    pub no_debuginfod: bool,
}

fn hex(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|e| format!("{text}: {e}"))
}

/// Decodes.
pub fn run(args: &DecodeArgs) -> Result<ExitCode> {
    let mut facts =
        Facts { release: args.release.clone(), kernel_offset: args.kernel_offset, ..Facts::default() };
    if let Some(path) = &args.proc_modules {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        text.split(|b| *b == b'\n').for_each(|line| facts.learn(line));
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let log = args.log.as_deref().filter(|p| *p != Path::new("-"));
    let notes = match log {
        Some(path) => {
            let bytes = FileBytes::open(path).with_context(|| path.display().to_string())?;
            // What the end of the log says may be needed for its beginning.
            bytes.split(|b| *b == b'\n').for_each(|line| facts.learn(line));
            decode(&bytes[..], search(args)?, facts, &mut out, false)
        }
        None => decode(std::io::stdin().lock(), search(args)?, facts, &mut out, true),
    }?;
    drop(out);
    let mut err = std::io::stderr().lock();
    notes.iter().for_each(|note| _ = writeln!(err, "necropsy: note: {note}"));
    Ok(ExitCode::SUCCESS)
}

/// Line by line; what `decode` says must be seen at once where the log is still being written.
fn decode(
    mut log: impl BufRead,
    search: Search,
    facts: Facts,
    out: &mut impl Write,
    at_once: bool,
) -> Result<Vec<String>> {
    /// A line of more is not one; its rest is passed on.
    const MAX: u64 = 1 << 20;
    let mut decoder = Decoder::new(Arc::new(search), facts);
    let (mut line, mut decoded) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if (&mut log).take(MAX).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let end = line.len() - ends(&line);
        decoded.clear();
        decoder.line(&line[..end], &mut decoded);
        decoded.extend_from_slice(&line[end..]);
        let written = out.write_all(&decoded).and_then(|()| if at_once { out.flush() } else { Ok(()) });
        // The reader has gone: that is no error of ours.
        if written.is_err() {
            return Ok(Vec::new());
        }
    }
    let _ = out.flush();
    Ok(decoder.notes().to_vec())
}

/// Bytes of a line's end.
fn ends(line: &[u8]) -> usize {
    match line {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

fn search(args: &DecodeArgs) -> Result<Search> {
    let mut search = Search::default();
    search.files.extend(args.vmlinux.clone());
    if let Some(missing) = search.files.iter().find(|f| !f.is_file()) {
        bail!("{}: there is no such file", missing.display());
    }
    if let Some(missing) = args.modules.iter().find(|d| !d.is_dir()) {
        bail!("{}: there is no such directory", missing.display());
    }
    search.dirs = args.modules.clone();
    search.root = Some("/".into());
    search.debuginfod = (!args.no_debuginfod).then(|| {
        let mut client = Debuginfod::from_env(|name| std::env::var_os(name));
        client.progress = progress::bar();
        client
    });
    Ok(search)
}

//! `analyze`: the verdict, on a dump or on a log alone.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use necropsy_diagnose::{Case, CaseOptions, LogCase};
use necropsy_report::Analysis;

use crate::cli::AnalyzeArgs;
use crate::open::open;
use crate::{known_issues, reports};

/// Exit code of an analysis that found no cause.
const UNKNOWN: u8 = 3;
/// How much is looked at to tell text from a dump.
const HEAD: u64 = 4096;

/// Analyses a dump or a log and writes the answer.
pub fn run(args: &AnalyzeArgs) -> Result<ExitCode> {
    let mut analysis = match log_among(&args.input)? {
        Some(log) => read_log(log)?.analyse(),
        None => analyse_dump(args)?,
    };
    let (issues, notes) = known_issues::load(&args.known_issues);
    analysis.known_issues = issues.matching(&analysis);
    analysis.notes.extend(notes);
    if args.redact {
        analysis.redact();
    }
    let text = analysis.render(args.format.into());
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| path.display().to_string())?,
        None => drop(std::io::stdout().write_all(text.as_bytes())),
    }
    let unknown = analysis.verdict.class == "unknown";
    Ok(if unknown { ExitCode::from(UNKNOWN) } else { ExitCode::SUCCESS })
}

fn analyse_dump(args: &AnalyzeArgs) -> Result<Analysis> {
    let (target, path) = open(&args.input, &args.open)?;
    let beside = args.log.as_deref().map(read_log).transpose()?.map(Arc::new);
    Ok(Case::open(target, CaseOptions { use_log: !args.no_log, path, beside }).analyse())
}

/// The log, if that is what was given: known by its content.
fn log_among(input: &[PathBuf]) -> Result<Option<&Path>> {
    let [one] = input else { return Ok(None) };
    let is_log = one == Path::new("-") || (one.is_file() && is_text(one)?);
    Ok(is_log.then_some(one))
}

fn read_log(path: &Path) -> Result<LogCase> {
    let name = path.display().to_string();
    match LogCase::read(reports::open(path)?, &name).with_context(|| name.clone())? {
        Some(case) => Ok(case),
        None => bail!("{name}: no line of a kernel's log in it"),
    }
}

/// Whether a file, perhaps compressed, begins as text does; no dump does.
fn is_text(path: &Path) -> Result<bool> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut head = Vec::new();
    let read = necropsy_klog::decompressed(file).and_then(|r| r.take(HEAD).read_to_end(&mut head));
    let text = head.iter().filter(|b| **b >= 0x20 || b"\t\n\r\x1b".contains(*b)).count();
    // A console may have received some noise.
    Ok(read.is_ok() && !head.is_empty() && text >= head.len() - head.len() / 16)
}

//! `analyze`: the verdict.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use necropsy_diagnose::{Case, CaseOptions};

use crate::cli::AnalyzeArgs;
use crate::open::open;

/// Exit code of an analysis that found no cause.
const UNKNOWN: u8 = 3;

/// Analyses a dump and writes the answer.
pub fn run(args: &AnalyzeArgs) -> Result<ExitCode> {
    let (target, name) = open(&args.input, &args.open)?;
    let mut analysis = Case::open(target, CaseOptions { use_log: !args.no_log, path: name }).analyse();
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

//! `reports`: what the kernel reported, out of a log of any form.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use necropsy_klog::{Report, Summary, read_reports};

use crate::cli::ReportsArgs;

/// Writes one line of JSON per report.
pub fn run(args: &ReportsArgs) -> Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut gone = false;
    let mut write = |report: Report| {
        let line = serde_json::to_string(&report).unwrap_or_default();
        gone |= writeln!(out, "{line}").is_err();
    };
    let standard = [std::path::PathBuf::from("-")];
    let logs = if args.logs.is_empty() { &standard[..] } else { &args.logs };
    for log in logs {
        let read = read_reports(open(log)?, &mut write).with_context(|| log.display().to_string())?;
        if read == Summary::default() {
            bail!("{}: empty", log.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A file, or standard input for `-`.
pub fn open(log: &Path) -> Result<Box<dyn Read>> {
    if log == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    Ok(Box::new(std::fs::File::open(log).with_context(|| log.display().to_string())?))
}

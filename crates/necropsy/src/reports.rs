//! `reports`: what the kernel reported, out of a log of any form.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use necropsy_klog::{Report, decompressed, is_pstore_part, read_reports};

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
    if let Some(parts) = parts(logs)? {
        read_reports(&parts[..], &mut write)?;
        return Ok(ExitCode::SUCCESS);
    }
    for log in logs {
        read_reports(open(log)?, &mut write).with_context(|| log.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// No part in a pstore is larger.
const PART: u64 = 4 << 20;

/// The text of all files, if each is a part of what a pstore kept: they are one log.
fn parts(logs: &[std::path::PathBuf]) -> Result<Option<Vec<u8>>> {
    if logs.len() < 2 || logs.iter().any(|l| l == Path::new("-")) {
        return Ok(None);
    }
    let mut all = Vec::new();
    for log in logs {
        let mut text = Vec::new();
        decompressed(open(log)?)?
            .take(PART)
            .read_to_end(&mut text)
            .with_context(|| log.display().to_string())?;
        if !is_pstore_part(&text) {
            return Ok(None);
        }
        all.extend(text);
        all.push(b'\n');
    }
    Ok(Some(all))
}

/// A file, or standard input for `-`.
pub fn open(log: &Path) -> Result<Box<dyn Read>> {
    if log == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    Ok(Box::new(std::fs::File::open(log).with_context(|| log.display().to_string())?))
}

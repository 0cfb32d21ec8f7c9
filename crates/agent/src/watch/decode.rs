//! Adds source lines to a report: by this program itself, in a child process with limits.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::child;

/// The lines again, with source lines; `None` if nothing could be added.
pub fn lines(log: &[String], dirs: &[PathBuf]) -> Result<Option<Vec<String>>> {
    if log.is_empty() {
        return Ok(None);
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("decode");
    for dir in dirs.iter().filter(|d| d.is_dir()) {
        command.arg("--modules").arg(dir);
    }
    command.args(["--no-debuginfod", "-"]).stderr(Stdio::null()).stdout(Stdio::piped());
    let text = log.join("\n") + "\n";
    let done = child::run(command, text.as_bytes(), &child::Limits::default())?;
    if !done.status.success() {
        bail!("{}", done.status);
    }
    let lines: Vec<String> = String::from_utf8_lossy(&done.output).lines().map(str::to_owned).collect();
    Ok((lines != *log).then_some(lines))
}

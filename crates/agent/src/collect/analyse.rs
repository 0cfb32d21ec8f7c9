//! Has a dump analysed, by this program itself in a child process with limits, and keeps the reports beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::has_room;
use crate::child;

/// No report is larger.
const REPORT: u64 = 64 << 20;
/// A child may map a dump of any size; what it touches is bounded by the machine.
const MEMORY: u64 = 64 << 30;

/// Who has it done.
pub struct Analyst {
    /// The program; `None`: nobody.
    pub program: Option<PathBuf>,
    /// How long one may take.
    pub patience: Duration,
    /// Bytes that stay free on the disk.
    pub keep_free: u64,
}

/// What the analysis said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// Kind of failure.
    pub class: Option<String>,
    /// In a line.
    pub title: Option<String>,
    /// How sure that is.
    pub confidence: Option<f64>,
    /// Whether somebody asked for the dump.
    pub requested: bool,
    /// What makes the same bug look the same.
    pub fingerprint: Option<String>,
    /// When the machine died.
    pub time: Option<Timestamp>,
    /// Whether the dump is whole.
    pub complete: Option<bool>,
    /// Reports that were written.
    pub reports: Vec<PathBuf>,
    /// What could not be done.
    pub notes: Vec<String>,
}

impl Analyst {
    /// Analyses a dump; an error if it cannot be opened or takes too long.
    pub fn analyse(&self, dump: &Path) -> Result<Option<Analysis>> {
        let Some(program) = &self.program else { return Ok(None) };
        let json = self.ask(program, dump, "json")?;
        let value: Value = serde_json::from_slice(&json).context("the analysis is no JSON")?;
        let mut analysis = parsed(&value);
        let text = self.ask(program, dump, "markdown").unwrap_or_default();
        let beside = dump.parent().unwrap_or(Path::new("."));
        for (name, data) in [("necropsy.json", &json), ("necropsy.md", &text)] {
            if data.is_empty() {
                continue;
            }
            let path = beside.join(name);
            if !has_room(beside, data.len() as u64, self.keep_free) {
                analysis.notes.push(format!("{}: not written, the disk is nearly full", path.display()));
                continue;
            }
            match crate::write_whole(&path, data) {
                Ok(()) => analysis.reports.push(path),
                Err(e) => analysis.notes.push(format!("{}: {e}", path.display())),
            }
        }
        Ok(Some(analysis))
    }

    fn ask(&self, program: &Path, dump: &Path, format: &str) -> Result<Vec<u8>> {
        let mut command = Command::new(program);
        command.args(["analyze", "--no-debuginfod", "--format", format, "--"]).arg(dump);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let limits = child::Limits { time: self.patience, memory: MEMORY, output: REPORT };
        let done = child::run(command, b"", &limits)?;
        // 3: analysed, but the cause is unknown.
        match done.status.code() {
            Some(0 | 3) => Ok(done.output),
            _ => bail!("it cannot be analysed ({})", done.status),
        }
    }
}

fn parsed(value: &Value) -> Analysis {
    let text =
        |at: &str| value.pointer(at).and_then(Value::as_str).map(|t| t.chars().take(300).collect::<String>());
    Analysis {
        class: text("/verdict/class").map(|c| crate::classes::class(&c).to_owned()),
        title: text("/verdict/title"),
        confidence: value.pointer("/verdict/confidence").and_then(Value::as_f64),
        requested: value.pointer("/verdict/requested").and_then(Value::as_bool).unwrap_or(false),
        fingerprint: text("/fingerprint/loose"),
        time: text("/system/date").and_then(|d| d.parse().ok()),
        complete: value.pointer("/input/complete").and_then(Value::as_bool),
        ..Analysis::default()
    }
}

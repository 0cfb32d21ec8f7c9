//! Runs a program for an event.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::variables;
use crate::child;
use crate::watch::event::Event;

/// It must be done by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs it with the event's JSON on standard input.
pub fn run(words: &[String], event: &Event) -> Result<()> {
    let (program, arguments) = words.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables(event)).stdout(Stdio::null()).stderr(Stdio::null());
    let done = child::run(
        command,
        &serde_json::to_vec(event)?,
        &child::Limits { time: PATIENCE, ..child::Limits::default() },
    )?;
    if !done.status.success() {
        bail!("{program}: {}", done.status);
    }
    Ok(())
}

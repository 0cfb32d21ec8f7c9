//! `kdump check` and `kdump test`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use necropsy_agent::Root;
use necropsy_agent::kdump::{Readiness, Status, check, test, text};

use crate::cli::ModeArg;

/// Something fails.
const FAILS: u8 = 3;
/// Nothing is known to fail, but something essential is not known.
const UNKNOWN: u8 = 4;

/// Subcommands of `kdump`.
#[derive(Subcommand)]
pub enum Kdump {
    /// Looks at everything a dump depends on, and says what is wrong and how to put it right.
    ///
    /// Exit code 0: nothing fails; 3: something fails; 4: nothing is known to fail, but something essential cannot be known from here (root
    /// sees more); 1: cannot be read; 2: wrong usage.
    Check(CheckArgs),
    /// Explains what a crash test does; with --yes-crash-this-machine, does it.
    ///
    /// After the reboot `necropsy collect` looks whether the dump arrived, opens and says what happened.
    Test(TestArgs),
}

/// Arguments of `kdump test`.
#[derive(Args)]
pub struct TestArgs {
    /// Crash this machine, now. Unsaved data is lost.
    #[arg(long)]
    pub yes_crash_this_machine: bool,
    /// Even if `kdump check` says that there will be no dump.
    #[arg(long)]
    pub force: bool,
    /// Where the test is noted.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/necropsy")]
    pub state_dir: PathBuf,
}

/// Arguments of `kdump check`.
#[derive(Args)]
pub struct CheckArgs {
    /// Look at the files below this directory: a mounted image, or an unpacked sosreport.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Warnings count as failures.
    #[arg(long)]
    pub strict: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = ModeArg::Text)]
    pub format: ModeArg,
    /// Write the answer here, whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Does what the subcommand says.
pub fn run(command: &Kdump) -> Result<ExitCode> {
    match command {
        Kdump::Check(args) => run_check(args),
        Kdump::Test(args) => run_test(args),
    }
}

fn run_test(args: &TestArgs) -> Result<ExitCode> {
    let readiness = check(&Root::new("/"));
    if args.yes_crash_this_machine {
        test::crash(&readiness, args.force, &args.state_dir, Path::new("/proc/sysrq-trigger"))?;
        return Ok(ExitCode::FAILURE);
    }
    let verdict = match readiness.ready {
        Some(true) => "By `necropsy kdump check` it would leave a dump.",
        Some(false) => "By `necropsy kdump check` it would leave NO dump: put that right first.",
        None => "Whether it would leave a dump `necropsy kdump check` cannot tell.",
    };
    drop(writeln!(std::io::stdout(), "{}\n{verdict}", test::EXPLANATION));
    Ok(ExitCode::SUCCESS)
}

fn run_check(args: &CheckArgs) -> Result<ExitCode> {
    if !args.root.is_dir() {
        bail!("{}: there is no such directory", args.root.display());
    }
    let found = check(&Root::new(&args.root));
    let answer = match args.format {
        ModeArg::Text => text(&found),
        ModeArg::Json => serde_json::to_string(&found)? + "\n",
    };
    match &args.output {
        Some(path) => necropsy_agent::write_public(path, answer.as_bytes())
            .with_context(|| path.display().to_string())?,
        None => drop(std::io::stdout().write_all(answer.as_bytes())),
    }
    Ok(exit_code(&found, args.strict))
}

fn exit_code(found: &Readiness, strict: bool) -> ExitCode {
    let fails = found.worst() == Status::Fail || strict && found.worst() == Status::Warn;
    match (fails, found.ready) {
        (true, _) | (_, Some(false)) => ExitCode::from(FAILS),
        (_, None) => ExitCode::from(UNKNOWN),
        (_, Some(true)) => ExitCode::SUCCESS,
    }
}

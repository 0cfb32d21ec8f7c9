//! `collect`: what did a crash leave?

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use necropsy_agent::Root;
use necropsy_agent::collect::{self, Collected, Options, Retention};

use crate::cli::ModeArg;

/// There is a crash that was not known.
const NEW: u8 = 3;

/// Arguments of `collect`.
#[derive(Args)]
pub struct CollectArgs {
    /// Where dumps are; without it, where kdump is told to put them.
    #[arg(long, value_name = "DIR")]
    pub crash_dir: Option<PathBuf>,
    /// Where the list of crashes is kept.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/necropsy")]
    pub state_dir: PathBuf,
    /// Where the watcher remembers; it knows when the machine was last alive.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/necropsy-watch")]
    pub watch_dir: PathBuf,
    /// Look at the files below this directory.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Only list; open no dump.
    #[arg(long)]
    pub no_analysis: bool,
    /// Give up an analysis after this.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub patience: u64,
    /// Keep at most so many dumps. The only one of a class is never removed.
    #[arg(long, value_name = "COUNT")]
    pub keep: Option<usize>,
    /// Keep at most so many MiB of dumps.
    #[arg(long, value_name = "MIB")]
    pub keep_mib: Option<u64>,
    /// Remove dumps that are older.
    #[arg(long, value_name = "DAYS")]
    pub keep_days: Option<u64>,
    /// Write nothing that would leave less MiB free.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub keep_free_mib: u64,
    /// Remove records from pstore when they are safe here.
    #[arg(long)]
    pub clear_pstore: bool,
    /// Only note that the machine goes down in order: for ExecStop= of the service.
    #[arg(long)]
    pub orderly_shutdown: bool,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = ModeArg::Text)]
    pub format: ModeArg,
}

/// Looks, and says what is new.
pub fn run(args: &CollectArgs) -> Result<ExitCode> {
    let root = Root::new(&args.root);
    if args.orderly_shutdown {
        collect::orderly_shutdown(&root, &args.state_dir)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options {
        root,
        crash_dir: args.crash_dir.clone(),
        state_dir: args.state_dir.clone(),
        watch_dir: args.watch_dir.clone(),
        program: (!args.no_analysis).then(std::env::current_exe).transpose()?,
        patience: Duration::from_secs(args.patience.max(1)),
        keep_free: args.keep_free_mib.saturating_mul(1 << 20),
        retention: Retention {
            count: args.keep,
            bytes: args.keep_mib.map(|m| m.saturating_mul(1 << 20)),
            age: args.keep_days.map(|d| Duration::from_secs(d.saturating_mul(86_400))),
        },
        clear_pstore: args.clear_pstore,
    };
    let found = collect::run(&options)?;
    let answer = match args.format {
        ModeArg::Text => text(&found),
        ModeArg::Json => serde_json::to_string(&found)? + "\n",
    };
    drop(std::io::stdout().write_all(answer.as_bytes()));
    Ok(if found.new.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NEW) })
}

fn text(found: &Collected) -> String {
    let mut lines = Vec::new();
    for crash in &found.new {
        lines.push(format!("{}  {} ({}): {}", crash.id, crash.class, crash.sources.join(", "), crash.title));
        if crash.complete == Some(false) {
            lines.push("    the dump is not whole".to_owned());
        }
        let files = crash.dump.iter().chain(&crash.reports);
        lines.extend(files.map(|f| format!("    {}", f.display())));
    }
    if found.new.is_empty() {
        lines.push("no crash that was not known".to_owned());
    }
    if let Some(alive) = &found.last_alive {
        lines.push(format!(
            "the last boot was last known to run at {} ({})",
            alive.time,
            alive.witness.words()
        ));
    }
    if let Some(test) = &found.test {
        lines.push(match test.passed {
            true => "the crash test passed".to_owned(),
            false => format!("the crash test failed: {}", test.why),
        });
    }
    lines.extend(found.removed.iter().map(|f| format!("removed {}", f.display())));
    lines.extend(found.notes.iter().map(|n| format!("note: {n}")));
    let plain = |l: &String| l.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
    lines.iter().map(|l| plain(l) + "\n").collect()
}

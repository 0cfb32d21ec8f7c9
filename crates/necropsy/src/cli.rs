//! The command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use necropsy_report::Form;
use necropsy_shell::COMMANDS;

#[cfg(feature = "agent")]
use crate::agent;
use crate::decode::{self, DecodeArgs};
use crate::{analyze, debuginfo, explain, reports, shell};

/// Opens a dead Linux kernel and says what killed it, with proof.
///
/// Given a dump (and optionally the vmlinux), starts the crash-compatible shell; `necropsy analyze DUMP` gives the verdict.
#[derive(Parser)]
#[command(name = "necropsy", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Sub>,
    #[command(flatten)]
    shell: ShellArgs,
}

#[derive(Subcommand)]
enum Sub {
    /// Why did it die? Class, culprit, confidence and proofs.
    Analyze(AnalyzeArgs),
    /// The crash-compatible shell (the same as without a subcommand).
    Shell(ShellArgs),
    /// Which files with debugging information are needed, which are there, and how to get the rest.
    ///
    /// Asks the servers in DEBUGINFOD_URLS for what is not there. Exit code 3: something is missing.
    Debuginfo(DebuginfoArgs),
    /// A kernel log again, with source lines added to its frames.
    ///
    /// Frames of modules are resolved by the module's own file; addresses without names by the places in /proc/modules.
    Decode(DecodeArgs),
    /// What the kernel reported in a log: one line of JSON per report.
    ///
    /// Takes dmesg in all its forms, journals, syslog, consoles, pstore, netconsole; compressed or not.
    Reports(ReportsArgs),
    /// What a class of failure means, how it is proved, what to do, and what would have caught it; without a class: all of them.
    Explain(ExplainArgs),
    /// What JSON looks like: a JSON schema of what `analyze`, `explain`, `reports`, or a command of the shell gives.
    Schema {
        /// `analyze`, or a command of the shell: ps, bt, log …
        name: String,
    },
    /// Is this machine ready to keep a dump when its kernel dies?
    #[cfg(feature = "agent")]
    Kdump {
        #[command(subcommand)]
        command: agent::Kdump,
    },
    /// After a crash's reboot: finds what it left, joins what is of one crash, analyses it, and writes reports beside the dumps.
    ///
    /// Exit code 0: nothing new; 3: a crash that was not known.
    #[cfg(feature = "agent")]
    Collect(agent::CollectArgs),
    /// Follows the kernel's log, and tells what it reports as it happens: journal, JSON lines, webhook, command, Prometheus.
    #[cfg(feature = "agent")]
    Watch(agent::WatchArgs),
    /// Completion scripts for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Manual pages: to standard output, or into a directory.
    Man {
        /// Where to write one file per page.
        dir: Option<PathBuf>,
    },
}

/// Options that all ways of opening a dump take.
#[derive(Args)]
pub struct OpenArgs {
    /// The kernel with debugging information; refused if it is not the dump's.
    #[arg(long, value_name = "FILE")]
    pub vmlinux: Option<PathBuf>,
    /// Look here for files with debugging information: modules, vmlinux, build ID trees, unpacked packages.
    #[arg(long, value_name = "DIR")]
    pub debug_dir: Vec<PathBuf>,
    /// Use nothing but the dump.
    #[arg(long)]
    pub no_debuginfo: bool,
    /// Ask no server, even if DEBUGINFOD_URLS names some.
    #[arg(long)]
    pub no_debuginfod: bool,
    /// Text of the kernel's VMCOREINFO, for a dump that has none.
    #[arg(long, value_name = "FILE")]
    pub vmcoreinfo: Option<PathBuf>,
}

fn source_map(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.split_once('=').ok_or("write it as FROM=TO")?;
    Ok((from.to_owned(), to.to_owned()))
}

/// Arguments of `analyze`.
#[derive(Args)]
pub struct AnalyzeArgs {
    /// A dump (or the parts of a split one), or a kernel's log as text; - is a log on standard input.
    #[arg(required = true)]
    pub input: Vec<PathBuf>,
    #[command(flatten)]
    pub open: OpenArgs,
    /// A log beside the dump: what it reports counts too.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Leave the dump's own log out: judge from memory alone.
    #[arg(long)]
    pub no_log: bool,
    /// Leave out what is private: memory bytes and text, arguments, command lines, host and task names, addresses of machines and
    /// people, lines of the log.
    #[arg(long)]
    pub redact: bool,
    /// Look here for files of known issues, too; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub known_issues: Vec<PathBuf>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = FormArg::Text)]
    pub format: FormArg,
    /// Write the answer here.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// The class, as a verdict names it: null-pointer-dereference, deadlock, bit-flip …
    pub class: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = ModeArg::Text)]
    pub format: ModeArg,
}

/// Arguments of `reports`.
#[derive(Args)]
pub struct ReportsArgs {
    /// Logs; - is standard input, which is also what is read if there are none.
    pub logs: Vec<PathBuf>,
}

/// Arguments of `debuginfo`.
#[derive(Args)]
pub struct DebuginfoArgs {
    /// A dump (or the parts of a split one).
    #[arg(required = true)]
    pub input: Vec<PathBuf>,
    #[command(flatten)]
    pub open: OpenArgs,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t = ModeArg::Text)]
    pub format: ModeArg,
}

/// Arguments of the shell.
#[derive(Args)]
pub struct ShellArgs {
    /// The dump, and optionally its vmlinux, in any order.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Run this command and exit; may be given several times. The user's start file is left out then.
    #[arg(short, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Run the commands in this file and exit, after those in ~/.necropsyrc or, without one, ~/.crashrc.
    #[arg(short, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// No banner: neither the machine nor the verdict.
    #[arg(short)]
    pub silent: bool,
    /// Form of the answers: text, or one JSON line per command.
    #[arg(long, value_enum, default_value_t = ModeArg::Text)]
    pub format: ModeArg,
    /// Look here for source files: a directory, or a linux-source tarball; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub source_dir: Vec<PathBuf>,
    /// Source paths that begin with FROM are looked for at TO.
    #[arg(long, value_name = "FROM=TO", value_parser = source_map)]
    pub source_map: Vec<(String, String)>,
    #[command(flatten)]
    pub open: OpenArgs,
}

/// Forms of an analysis.
#[derive(Clone, Copy, ValueEnum)]
#[allow(missing_docs)]
pub enum FormArg {
    Text,
    Json,
    Markdown,
    Html,
}

impl From<FormArg> for Form {
    fn from(arg: FormArg) -> Form {
        match arg {
            FormArg::Text => Form::Text,
            FormArg::Json => Form::Json,
            FormArg::Markdown => Form::Markdown,
            FormArg::Html => Form::Html,
        }
    }
}

/// Forms of an answer.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum ModeArg {
    Text,
    Json,
}

/// Does what the arguments say.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Result<ExitCode> {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return Ok(ExitCode::from(if e.use_stderr() { 2 } else { 0 }));
        }
    };
    match cli.command {
        Some(Sub::Analyze(args)) => analyze::run(&args),
        Some(Sub::Shell(args)) => shell::run(&args),
        Some(Sub::Decode(args)) => decode::run(&args),
        Some(Sub::Reports(args)) => reports::run(&args),
        Some(Sub::Debuginfo(args)) => debuginfo::run(&args),
        Some(Sub::Explain(args)) => explain::run(&args),
        Some(Sub::Schema { name }) => schema(&name),
        #[cfg(feature = "agent")]
        Some(Sub::Kdump { command }) => agent::kdump(&command),
        #[cfg(feature = "agent")]
        Some(Sub::Collect(args)) => agent::collect(&args),
        #[cfg(feature = "agent")]
        Some(Sub::Watch(args)) => agent::watch(&args),
        Some(Sub::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "necropsy", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Some(Sub::Man { dir }) => {
            match dir {
                Some(dir) => {
                    std::fs::create_dir_all(&dir)?;
                    clap_mangen::generate_to(Cli::command(), dir)?;
                }
                None => clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?,
            }
            Ok(ExitCode::SUCCESS)
        }
        None => shell::run(&cli.shell),
    }
}

/// Prints the schema of what is called `name`.
fn schema(name: &str) -> Result<ExitCode> {
    let command = COMMANDS.iter().find(|c| c.name() == name);
    let schema = match command {
        Some(command) => necropsy_shell::schema(*command),
        None if name == "analyze" => necropsy_report::schema(),
        None if name == "explain" => necropsy_diagnose::explain::schema(),
        None if name == "reports" => necropsy_klog::schema(),
        None => {
            bail!(
                "no schema {name}: there is one for analyze, explain, reports and each command of the shell"
            )
        }
    };
    let _ = writeln!(std::io::stdout(), "{schema:#}");
    Ok(ExitCode::SUCCESS)
}

//! `watch`: follows the kernel's log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use necropsy_agent::watch::{self, Config, Webhook};

/// Arguments of `watch`. What is given here counts before what the file says.
#[derive(Args)]
pub struct WatchArgs {
    /// The configuration, as TOML.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to follow: /dev/kmsg, or a pipe or file with lines of a kernel's log; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub source: Option<PathBuf>,
    /// Where to remember what was told, and to keep what is still to be sent.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What this machine is called in events; the default is what NECROPSY_NODE says, or its host name, which in a container is another.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Answer Prometheus here, at /metrics.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Append a line of JSON per event to this file.
    #[arg(long, value_name = "FILE")]
    pub lines: Option<PathBuf>,
    /// Send each event to this address, as JSON by POST.
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// Run this program for each event, with its JSON on standard input.
    #[arg(long, value_name = "PROGRAM")]
    pub command: Option<String>,
    /// Add source lines to reports, where files with debugging information are installed.
    #[arg(long)]
    pub decode: bool,
    /// Look here for such files, too: modules, vmlinux.
    #[arg(long, value_name = "DIR")]
    pub debug_dir: Vec<PathBuf>,
}

/// Runs until it is asked to stop.
pub fn run(args: &WatchArgs) -> Result<ExitCode> {
    let mut config = match &args.config {
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
            Config::parse(&text).with_context(|| name)?
        }
        None => Config::default(),
    };
    override_with(&mut config, args);
    watch::run(config, Box::new(std::io::stderr()))?;
    Ok(ExitCode::SUCCESS)
}

fn override_with(config: &mut Config, args: &WatchArgs) {
    if let Some(source) = &args.source {
        config.source.clone_from(source);
    }
    if let Some(dir) = &args.state_dir {
        config.state_dir.clone_from(dir);
        config.crashes = dir.join("crashes.json");
    }
    let named = args.node.clone().or_else(|| std::env::var("NECROPSY_NODE").ok());
    config.node = named.or(config.node.take());
    config.listen = args.listen.or(config.listen);
    config.lines = args.lines.clone().or(config.lines.take());
    if let Some(url) = &args.webhook {
        let token_file = config.webhook.take().and_then(|w| w.token_file);
        config.webhook = Some(Webhook { url: url.clone(), token_file });
    }
    if let Some(program) = &args.command {
        config.command = Some(vec![program.clone()]);
    }
    config.decode |= args.decode;
    config.debug_dirs.extend(args.debug_dir.iter().cloned());
}

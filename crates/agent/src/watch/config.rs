//! What the watcher is told to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Deserialize;

/// A place that events are sent to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `http://` or `https://`.
    pub url: String,
    /// Sent as `Authorization: Bearer …`; the file's text.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

/// The configuration, as the file has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// /dev/kmsg, or a pipe or file with lines of a kernel's log.
    pub source: PathBuf,
    /// Where it remembers.
    pub state_dir: PathBuf,
    /// What this machine is called in events; its host's name if that is not said. In a container that is another.
    pub node: Option<String>,
    /// Where Prometheus asks.
    pub listen: Option<SocketAddr>,
    /// A file that gets a line of JSON per event.
    pub lines: Option<PathBuf>,
    /// Who gets each event by HTTP.
    pub webhook: Option<Webhook>,
    /// A program that gets each event on its standard input.
    pub command: Option<Vec<String>>,
    /// Bytes that events waiting to be sent may take.
    pub spool_bytes: u64,
    /// Seconds between two events of one fingerprint.
    pub interval_seconds: u64,
    /// Whether events quote the log.
    pub quote: bool,
    /// Whether addresses of machines and people, and command lines, are taken out of what is quoted.
    pub scrub: bool,
    /// Whether source lines are added, where files with debugging information are installed.
    pub decode: bool,
    /// Where else to look for files with debugging information.
    pub debug_dirs: Vec<PathBuf>,
    /// What `necropsy kdump check --format json -o FILE` left; without it the checks are run here, and see what this user sees.
    pub kdump_report: Option<PathBuf>,
    /// Seconds between two looks at kdump; 0: never.
    pub kdump_interval_seconds: u64,
    /// What `necropsy collect` found.
    pub crashes: PathBuf,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            source: "/dev/kmsg".into(),
            state_dir: "/var/lib/necropsy".into(),
            node: None,
            listen: None,
            lines: None,
            webhook: None,
            command: None,
            spool_bytes: 16 << 20,
            interval_seconds: 600,
            quote: true,
            scrub: true,
            decode: false,
            debug_dirs: Vec::new(),
            kdump_report: None,
            kdump_interval_seconds: 3600,
            crashes: "/var/lib/necropsy/crashes.json".into(),
        }
    }
}

impl Config {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Config> {
        Ok(toml::from_str(text)?)
    }

    /// Whether it makes sense.
    pub fn check(&self) -> Result<()> {
        if let Some(hook) = &self.webhook
            && !(hook.url.starts_with("http://") || hook.url.starts_with("https://"))
        {
            bail!("webhook: {} is no http:// or https:// address", hook.url);
        }
        if self.command.as_ref().is_some_and(Vec::is_empty) {
            bail!("command: no program is named");
        }
        if self.spool_bytes < 1 << 18 {
            bail!("spool_bytes: less than 256 KiB holds no event");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_mistakes() {
        let c =
            Config::parse("listen = \"127.0.0.1:9795\"\nlines = \"/x\"\n[webhook]\nurl = \"http://h/\"\n")
                .unwrap();
        assert_eq!(c.webhook.as_ref().unwrap().url, "http://h/");
        assert!(c.check().is_ok() && Config::default().check().is_ok());
        assert!(Config::parse("lisen = 1").is_err());
        assert!(Config::parse("[webhook]\nurl = \"ftp://h\"").unwrap().check().is_err());
    }
}

//! /etc/sysconfig/kdump of SLES and openSUSE.
//!
//! Names and defaults are those of openSUSE's kdump 1.9 and 2.x (kdump-read-config.sh, dracut/kdump-save, sysconfig.kdump); the formats
//! of 0.8 and 0.9 are among them.

use super::{DumpConfig, Target, collector};
use crate::kdump::shell;

/// `KDUMP_FREE_DISK_SIZE` where it is not set: so many MiB must be left, or the dump is removed again.
const SPARE: u64 = 64;

pub fn suse(text: Option<String>) -> DumpConfig {
    let mut c = DumpConfig::new("/etc/sysconfig/kdump", "/var/crash");
    c.present = text.is_some();
    let vars = shell::assignments(&text.unwrap_or_default());
    let get = |name: &str| vars.get(name).filter(|v| !v.is_empty()).cloned();
    let number = |name: &str| get(name).and_then(|n| n.parse::<u64>().ok());
    place(&mut c, &get("KDUMP_SAVEDIR").unwrap_or_else(|| "/var/crash".to_owned()));
    c.keep = number("KDUMP_KEEP_OLD_DUMPS").filter(|n| *n > 0);
    c.append = get("KDUMP_COMMANDLINE_APPEND");
    let identities = get("KDUMP_SSH_IDENTITY").unwrap_or_default();
    c.key = identities.split_ascii_whitespace().find(|k| k.starts_with('/')).map(str::to_owned);
    c.own = get("KDUMP_TRANSFER");
    if c.target == Target::Local {
        c.spare = number("KDUMP_FREE_DISK_SIZE").unwrap_or(SPARE).saturating_mul(1 << 20);
    }
    // What is no number counts as 31, and what is no level as 0.
    let level = number("KDUMP_DUMPLEVEL").unwrap_or(31);
    let level = if level > 31 { 0 } else { level };
    let options = get("MAKEDUMPFILE_OPTIONS").unwrap_or_default();
    writer(&mut c, &get("KDUMP_DUMPFORMAT").unwrap_or_default(), level, &options);
    c
}

/// `/var/crash`, `file:///var/crash`, `nfs://server/export`, …; what comes after a blank is another place, of old versions.
fn place(c: &mut DumpConfig, text: &str) {
    let place = text.split_ascii_whitespace().next().unwrap_or("/var/crash");
    let (way, at) = place.split_once("://").unwrap_or(("", place));
    let at = at.to_owned();
    match way.to_ascii_lowercase().as_str() {
        "" if at.starts_with('/') => c.directory = at,
        "file" => c.directory = format!("/{}", at.trim_matches('/')),
        "nfs" => c.target = Target::Remote("nfs", at),
        "ssh" | "sftp" | "scp" => c.target = Target::Remote("ssh", at),
        "ftp" => c.target = Target::Remote("ftp", at),
        "cifs" | "smb" => c.target = Target::Remote("cifs", at),
        other => {
            let other: String = if other.is_empty() { at } else { format!("{other}://") };
            c.wrong.push(format!("KDUMP_SAVEDIR={}", other.chars().take(64).collect::<String>()));
        }
    }
}

/// The command that kdump-save makes of the settings.
fn writer(c: &mut DumpConfig, format: &str, level: u64, options: &str) {
    let flag = match format {
        "none" => return c.dumps = false,
        "raw" => {
            c.collector = Some("cat /proc/vmcore".to_owned());
            return;
        }
        "ELF" => "-E",
        "lzo" => "-l",
        "snappy" => "-p",
        "zstd" => "-z",
        _ => "-c",
    };
    collector(c, format!("makedumpfile -F {flag} -d {level} {options}").trim_end().to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> DumpConfig {
        suse(Some(text.to_owned()))
    }

    #[test]
    fn formats_and_places() {
        let c = of("KDUMP_SAVEDIR=\"ssh://u@h/d\"\nKDUMP_DUMPFORMAT=ELF\n");
        assert_eq!((c.compressed, c.level, c.spare), (false, Some(31), 0));
        assert_eq!(c.target, Target::Remote("ssh", "u@h/d".to_owned()));
        assert_eq!(of("KDUMP_SAVEDIR=file:///a/b").directory, "/a/b");
        assert_eq!(of("KDUMP_SAVEDIR=SMB://u:p@h/s").target, Target::Remote("cifs", "u:p@h/s".to_owned()));
        assert_eq!(of("KDUMP_SAVEDIR=gopher://h/s").wrong, ["KDUMP_SAVEDIR=gopher://"]);
        assert_eq!(of("KDUMP_SAVEDIR=var/crash").wrong, ["KDUMP_SAVEDIR=var/crash"]);
        assert!(!of("KDUMP_DUMPFORMAT=none").dumps);
        assert_eq!(of("KDUMP_DUMPFORMAT=raw").level, None);
        assert_eq!(of("KDUMP_TRANSFER=\"scp /proc/vmcore h:\"").own.as_deref(), Some("scp /proc/vmcore h:"));
    }

    #[test]
    fn levels() {
        let level = |text: &str| of(text).level;
        assert_eq!([level("KDUMP_DUMPLEVEL=1"), level("KDUMP_DUMPLEVEL=x")], [Some(1), Some(31)]);
        assert_eq!(level("KDUMP_DUMPLEVEL=63"), Some(0));
        // The last one counts.
        assert_eq!(level("MAKEDUMPFILE_OPTIONS=\"--num-threads 2 -d 17\""), Some(17));
    }

    /// As the package installs it, but for comments.
    #[test]
    fn the_installed_file() {
        let c = of(
            "KDUMP_KERNELVER=\"\"\nKDUMP_CPUS=1\nKDUMP_COMMANDLINE=\"\"\nKDUMP_COMMANDLINE_APPEND=\"\"\nKDUMP_AUTO_RESIZE=\"false\"\n\
             KEXEC_OPTIONS=\"\"\nKDUMP_IMMEDIATE_REBOOT=\"true\"\nKDUMP_TRANSFER=\"\"\nKDUMP_SAVEDIR=\"/var/crash\"\n\
             KDUMP_KEEP_OLD_DUMPS=0\nKDUMP_FREE_DISK_SIZE=64\nKDUMP_VERBOSE=0\nKDUMP_DUMPLEVEL=31\nKDUMP_DUMPFORMAT=\"compressed\"\n\
             KDUMP_CONTINUE_ON_ERROR=\"true\"\nKDUMP_NETCONFIG=\"auto\"\nKDUMP_NET_TIMEOUT=30\nKDUMP_SSH_IDENTITY=\"\"\n",
        );
        assert_eq!((c.directory.as_str(), c.target, c.wrong.len()), ("/var/crash", Target::Local, 0));
        assert_eq!((c.level, c.compressed, c.keep, c.spare), (Some(31), true, None, 64 << 20));
        assert_eq!((c.dumps, c.own, c.key, c.append), (true, None, None, None));
    }
}

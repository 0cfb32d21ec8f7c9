//! What the distribution's kdump is told to do: /etc/default/kdump-tools, /etc/kdump.conf, /etc/sysconfig/kdump.

mod red_hat;
mod suse;

use super::{Family, shell};
use crate::Root;

/// Where a dump goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A directory on a file system that the machine has mounted.
    Local,
    /// A directory on a file system that is mounted for the dump alone: its type and device.
    Device(String, String),
    /// A raw partition.
    Raw(String),
    /// A machine elsewhere: the way (`nfs`, `ssh`, `ftp`, `cifs`) and the address.
    Remote(&'static str, String),
}

/// What kdump is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpConfig {
    /// The file that says so.
    pub file: &'static str,
    /// Whether it is there.
    pub present: bool,
    /// Whether it is switched on in that file.
    pub enabled: bool,
    /// Where a dump goes.
    pub target: Target,
    /// The directory on the target.
    pub directory: String,
    /// The command that writes the dump, or its options.
    pub collector: Option<String>,
    /// Which pages are left out (`makedumpfile -d`).
    pub level: Option<u32>,
    /// Whether the dump is compressed.
    pub compressed: bool,
    /// How many dumps are kept; `None`: all.
    pub keep: Option<u64>,
    /// A private key for `ssh`.
    pub key: Option<String>,
    /// What is added to the capture kernel's command line.
    pub append: Option<String>,
    /// Its kernel and initramfs, where the file names them.
    pub kernel: Option<String>,
    /// The same of its initramfs.
    pub initramfs: Option<String>,
    /// The release of the kernel that is booted to capture, where that is another.
    pub release: Option<String>,
    /// Bytes that must be free when the dump is written, or it is removed again.
    pub spare: u64,
    /// Whether a dump is written, and not only the log.
    pub dumps: bool,
    /// A command of somebody's own that does all of it.
    pub own: Option<String>,
    /// What kdump would refuse, one sentence each.
    pub wrong: Vec<String>,
    /// What only some versions of it refuse.
    pub doubtful: Vec<String>,
}

impl DumpConfig {
    fn new(file: &'static str, directory: &str) -> DumpConfig {
        DumpConfig {
            file,
            present: false,
            enabled: true,
            target: Target::Local,
            directory: directory.to_owned(),
            collector: None,
            level: None,
            compressed: false,
            keep: None,
            key: None,
            append: None,
            kernel: None,
            initramfs: None,
            release: None,
            spare: 0,
            dumps: true,
            own: None,
            wrong: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    /// Reads the configuration of a machine.
    pub fn of(root: &Root, family: Family) -> Option<DumpConfig> {
        match family {
            Family::Debian => Some(debian(root.text("/etc/default/kdump-tools"))),
            Family::RedHat => {
                let sysconfig = root.text("/etc/sysconfig/kdump").unwrap_or_default();
                Some(red_hat::red_hat(root.text("/etc/kdump.conf"), &sysconfig))
            }
            Family::Suse => Some(suse::suse(root.text("/etc/sysconfig/kdump"))),
            Family::Other => None,
        }
    }
}

/// kdump-config's defaults are those of its own text (`${VAR:=…}`).
fn debian(text: Option<String>) -> DumpConfig {
    let mut c = DumpConfig::new("/etc/default/kdump-tools", "/var/crash");
    c.present = text.is_some();
    let vars = shell::assignments(&text.unwrap_or_default());
    let get = |name: &str| vars.get(name).filter(|v| !v.is_empty()).cloned();
    c.enabled = get("USE_KDUMP").is_some_and(|v| v != "0");
    c.directory = get("KDUMP_COREDIR").unwrap_or(c.directory);
    let arguments = get("MAKEDUMP_ARGS").unwrap_or_else(|| "-c -d 31".to_owned());
    let compression = get("KDUMP_COMPRESSION");
    collector(&mut c, arguments);
    c.compressed |= compression.is_some();
    c.keep = get("KDUMP_NUM_DUMPS").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    c.key = get("SSH_KEY");
    c.append = get("KDUMP_CMDLINE_APPEND");
    (c.kernel, c.initramfs) = (get("KDUMP_KERNEL"), get("KDUMP_INITRD"));
    let remote = [("SSH", "ssh"), ("NFS", "nfs"), ("FTP", "ftp")];
    if let Some((way, address)) = remote.iter().find_map(|(name, way)| Some((*way, get(name)?))) {
        c.target = Target::Remote(way, address);
    }
    c
}

/// Takes the level and the compression out of makedumpfile's options.
fn collector(c: &mut DumpConfig, command: String) {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    // The last one counts, as getopt(3) has it.
    let at = words.iter().rposition(|w| w.starts_with("-d"));
    let level = at.and_then(|at| match words[at].strip_prefix("-d").filter(|n| !n.is_empty()) {
        Some(attached) => Some(attached),
        None => words.get(at + 1).copied(),
    });
    let makes = words.first().is_some_and(|w| w.ends_with("makedumpfile") || w.starts_with('-'));
    c.level = level.and_then(|n| n.split(',').next()?.parse().ok());
    if c.level.is_none() && makes {
        c.level = Some(0);
    }
    let short = |w: &&&str| w.starts_with('-') && !w.starts_with("--") && w.len() <= 4;
    c.compressed = words.iter().filter(short).any(|w| w.contains(['c', 'l', 'p', 'z']));
    c.collector = Some(command);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians() {
        let c = debian(Some(
            "USE_KDUMP=1\nKDUMP_COREDIR=\"/dump\"\n#NFS=\"x\"\nMAKEDUMP_ARGS=\"-d 1\"".to_owned(),
        ));
        assert_eq!((c.directory.as_str(), c.level, c.compressed), ("/dump", Some(1), false));
        assert!(c.enabled && c.target == Target::Local);
        let c = debian(Some("USE_KDUMP=0\nSSH=\"u@h\"\n".to_owned()));
        assert_eq!((c.enabled, c.level, c.compressed), (false, Some(31), true));
        assert_eq!(c.target, Target::Remote("ssh", "u@h".to_owned()));
        assert!(!debian(None).present && !debian(None).enabled);
    }
}

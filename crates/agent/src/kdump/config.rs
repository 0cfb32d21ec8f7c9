//! What the distribution's kdump is told to do: /etc/default/kdump-tools, /etc/kdump.conf, /etc/sysconfig/kdump.

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
    /// Lines that mean nothing.
    pub unknown: Vec<String>,
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
            unknown: Vec::new(),
        }
    }

    /// Reads the configuration of a machine.
    pub fn of(root: &Root, family: Family) -> Option<DumpConfig> {
        match family {
            Family::Debian => Some(debian(root.text("/etc/default/kdump-tools"))),
            Family::RedHat => {
                let sysconfig = root.text("/etc/sysconfig/kdump").unwrap_or_default();
                Some(red_hat(root.text("/etc/kdump.conf"), &sysconfig))
            }
            Family::Suse => Some(suse(root.text("/etc/sysconfig/kdump"))),
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

const FILE_SYSTEMS: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "minix", "vfat", "virtiofs"];
/// The other words of kdump.conf(5).
const OPTIONS: &[&str] = &[
    "kdump_post",
    "kdump_pre",
    "extra_bins",
    "extra_modules",
    "failure_action",
    "default",
    "final_action",
    "force_rebuild",
    "force_no_rebuild",
    "dracut_args",
    "fence_kdump_args",
    "fence_kdump_nodes",
    "auto_reset_crashkernel",
    "override_resettable",
];

fn red_hat(text: Option<String>, sysconfig: &str) -> DumpConfig {
    let mut c = DumpConfig::new("/etc/kdump.conf", "/var/crash");
    c.present = text.is_some();
    c.append = shell::assignments(sysconfig).get("KDUMP_COMMANDLINE_APPEND").cloned();
    let text = text.unwrap_or_default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (word, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let value = value.trim().to_owned();
        match word {
            "" => {}
            "path" => c.directory = format!("/{}", value.trim_matches('/')),
            "core_collector" => collector(&mut c, value),
            "raw" => c.target = Target::Raw(value),
            "nfs" => c.target = Target::Remote("nfs", value),
            "ssh" => c.target = Target::Remote("ssh", value),
            "sshkey" => c.key = Some(value),
            fs if FILE_SYSTEMS.contains(&fs) => c.target = Target::Device(fs.to_owned(), value),
            known if OPTIONS.contains(&known) => {}
            other => c.unknown.push(other.chars().take(64).collect()),
        }
    }
    if c.collector.is_none() {
        collector(&mut c, "makedumpfile -l --message-level 7 -d 31".to_owned());
    }
    c.unknown.truncate(16);
    c
}

fn suse(text: Option<String>) -> DumpConfig {
    let mut c = DumpConfig::new("/etc/sysconfig/kdump", "/var/crash");
    c.present = text.is_some();
    let vars = shell::assignments(&text.unwrap_or_default());
    let get = |name: &str| vars.get(name).filter(|v| !v.is_empty()).cloned();
    let place = get("KDUMP_SAVEDIR").unwrap_or_else(|| "/var/crash".to_owned());
    let place = place.split_ascii_whitespace().next().unwrap_or("/var/crash").to_owned();
    match place.split_once("://") {
        None => c.directory = place,
        Some(("file", path)) => c.directory = format!("/{}", path.trim_matches('/')),
        Some(("nfs", at)) => c.target = Target::Remote("nfs", at.to_owned()),
        Some(("ssh" | "sftp", at)) => c.target = Target::Remote("ssh", at.to_owned()),
        Some(("ftp", at)) => c.target = Target::Remote("ftp", at.to_owned()),
        Some(("cifs", at)) => c.target = Target::Remote("cifs", at.to_owned()),
        Some((other, _)) => c.unknown.push(format!("KDUMP_SAVEDIR={other}://")),
    }
    c.level = get("KDUMP_DUMPLEVEL").map_or(Some(31), |l| l.parse().ok());
    let format = get("KDUMP_DUMPFORMAT").unwrap_or_else(|| "lzo".to_owned());
    c.compressed = matches!(format.as_str(), "compressed" | "lzo" | "snappy" | "zstd");
    c.collector = Some(format!("makedumpfile: format {format}, dump level {}", c.level.unwrap_or_default()));
    c.keep = get("KDUMP_KEEP_OLD_DUMPS").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    c.append = get("KDUMP_COMMANDLINE_APPEND");
    c
}

/// Takes the level and the compression out of makedumpfile's options.
fn collector(c: &mut DumpConfig, command: String) {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    let attached = words.iter().find_map(|w| w.strip_prefix("-d").filter(|n| !n.is_empty()));
    let apart = words.iter().position(|w| *w == "-d" || *w == "--dump-level").and_then(|i| words.get(i + 1));
    let makes = words.first().is_some_and(|w| w.ends_with("makedumpfile") || w.starts_with('-'));
    c.level = attached.or(apart.copied()).and_then(|n| n.split(',').next()?.parse().ok());
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

    #[test]
    fn red_hats() {
        let text =
            "# comment\nxfs /dev/sdb1\npath dumps # here\ncore_collector makedumpfile -l -d31\nnonsense 1\n";
        let c = red_hat(Some(text.to_owned()), "");
        assert_eq!(c.target, Target::Device("xfs".to_owned(), "/dev/sdb1".to_owned()));
        assert_eq!((c.directory.as_str(), c.level, c.compressed), ("/dumps", Some(31), true));
        assert_eq!(c.unknown, ["nonsense"]);
        let c = red_hat(Some("core_collector scp\nssh k@h".to_owned()), "");
        assert_eq!((c.level, c.target), (None, Target::Remote("ssh", "k@h".to_owned())));
    }

    #[test]
    fn suses() {
        let c = suse(Some("KDUMP_SAVEDIR=\"ssh://u@h/d\"\nKDUMP_DUMPFORMAT=ELF\n".to_owned()));
        assert_eq!(
            (c.target, c.compressed, c.level),
            (Target::Remote("ssh", "u@h/d".to_owned()), false, Some(31))
        );
        assert_eq!(suse(Some("KDUMP_SAVEDIR=file:///a/b".to_owned())).directory, "/a/b");
    }
}

//! /etc/kdump.conf of Fedora, RHEL and their like.
//!
//! The words, what is refused and what is the default are those of kdump-utils (kdumpctl's `parse_config`/`check_config`, dracut's
//! kdump.sh and gen-kdump-conf.sh; kexec-tools 2.0.20 of RHEL 8 to kdump-utils 1.0.6x).

use std::collections::BTreeSet;

use super::{DumpConfig, Target, collector};
use crate::kdump::shell;

const FILE_SYSTEMS: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "minix", "virtiofs"];
/// The words that change nothing here.
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
    "fence_kdump_args",
    "fence_kdump_nodes",
    "auto_reset_crashkernel",
    "override_resettable",
];
/// What is done where nothing else is said.
const COLLECTOR: &str = "makedumpfile -l --message-level 7 -d 31";
const FLATTENED: &str = "makedumpfile -F -l --message-level 7 -d 31";

pub fn red_hat(text: Option<String>, sysconfig: &str) -> DumpConfig {
    let mut c = DumpConfig::new("/etc/kdump.conf", "/var/crash");
    c.present = text.is_some();
    let vars = shell::assignments(sysconfig);
    let get = |name: &str| vars.get(name).filter(|v| !v.is_empty()).cloned();
    c.append = get("KDUMP_COMMANDLINE_APPEND");
    c.release = get("KDUMP_KERNELVER").filter(|r| !r.contains('/'));
    let mut seen = BTreeSet::new();
    for line in text.unwrap_or_default().lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (word, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if !word.is_empty() && c.wrong.len() + c.doubtful.len() < 16 {
            read(&mut c, word, value.trim(), &mut seen);
        }
    }
    if c.collector.is_none() {
        let flat = matches!(c.target, Target::Raw(_) | Target::Remote("ssh", _));
        collector(&mut c, if flat { FLATTENED } else { COLLECTOR }.to_owned());
    }
    c
}

/// One line of it.
fn read(c: &mut DumpConfig, word: &str, value: &str, seen: &mut BTreeSet<String>) {
    let target = target(word, value);
    let known = target.is_some() || OPTIONS.contains(&word);
    if !known && !matches!(word, "path" | "core_collector" | "sshkey" | "dracut_args") {
        return c.wrong.push(format!("a word that kdump does not know: {}", short(word)));
    }
    if value.is_empty() {
        return c.wrong.push(format!("{word} without a value"));
    }
    if target.is_some() && !seen.insert("a target".to_owned()) {
        return c.wrong.push("more than one target".to_owned());
    }
    // Since 2.0.22 of kexec-tools; before, the last one counted.
    if !seen.insert(word.to_owned()) {
        c.doubtful.push(format!("{} more than once", short(word)));
    }
    match (target, word) {
        (Some(target), _) => c.target = target,
        (_, "path") => c.directory = format!("/{}", value.trim_matches('/')),
        (_, "core_collector") => collector(c, value.to_owned()),
        (_, "sshkey") => c.key = Some(value.to_owned()),
        _ => {}
    }
}

/// Where a line sends the dump, if it does.
fn target(word: &str, value: &str) -> Option<Target> {
    match word {
        "raw" => Some(Target::Raw(value.to_owned())),
        "nfs" => Some(Target::Remote("nfs", value.to_owned())),
        "ssh" => Some(Target::Remote("ssh", value.to_owned())),
        "dracut_args" => mount(value),
        fs if FILE_SYSTEMS.contains(&fs) => Some(Target::Device(fs.to_owned(), value.to_owned())),
        _ => None,
    }
}

/// `--mount "DEVICE DIRECTORY TYPE OPTIONS"` among dracut's arguments.
fn mount(arguments: &str) -> Option<Target> {
    let (_, rest) = arguments.split_once("--mount")?;
    let plain = rest.trim_start_matches('=').replace(['"', '\''], " ");
    let mut words = plain.split_ascii_whitespace();
    let (device, kind) = (words.next()?, words.nth(1)?);
    Some(match kind {
        "nfs" | "nfs4" => Target::Remote("nfs", device.to_owned()),
        _ => Target::Device(kind.to_owned(), device.to_owned()),
    })
}

fn short(word: &str) -> String {
    word.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> DumpConfig {
        red_hat(Some(text.to_owned()), "")
    }

    #[test]
    fn targets_and_words() {
        let c = of(
            "# comment\nxfs /dev/sdb1\npath dumps # here\ncore_collector makedumpfile -l -d31\nnonsense 1\n",
        );
        assert_eq!(c.target, Target::Device("xfs".to_owned(), "/dev/sdb1".to_owned()));
        assert_eq!((c.directory.as_str(), c.level, c.compressed), ("/dumps", Some(31), true));
        assert_eq!(c.wrong, ["a word that kdump does not know: nonsense"]);
        let c = of("core_collector scp\nssh k@h");
        assert_eq!((c.level, c.target), (None, Target::Remote("ssh", "k@h".to_owned())));
    }

    /// As kdump-utils' package installs it, but for comments.
    #[test]
    fn the_installed_file() {
        let c = red_hat(
            Some("auto_reset_crashkernel yes\npath /var/crash\ncore_collector makedumpfile -l --message-level 7 -d 31\n".into()),
            "KDUMP_KERNELVER=\"\"\nKDUMP_COMMANDLINE_APPEND=\"irqpoll nr_cpus=1\"\nKEXEC_ARGS=\"-s\"\nKDUMP_IMG=\"vmlinuz\"\n",
        );
        assert_eq!((c.wrong.len(), c.release, c.target), (0, None, Target::Local));
        assert_eq!((c.directory.as_str(), c.level, c.compressed), ("/var/crash", Some(31), true));
    }

    #[test]
    fn what_kdumpctl_refuses() {
        let wrong = |text: &str| of(text).wrong;
        assert_eq!(of("path /a\npath /b").doubtful, ["path more than once"]);
        assert_eq!(of("path /a\npath /b").directory, "/b");
        assert_eq!(wrong("xfs /dev/a\nnfs h:/x"), ["more than one target"]);
        assert_eq!(wrong("core_collector"), ["core_collector without a value"]);
        assert_eq!(wrong("vfat /dev/a"), ["a word that kdump does not know: vfat"]);
        assert_eq!(wrong("blacklist nouveau\n").len(), 1);
        assert_eq!(of(&"x 1\n".repeat(100)).wrong.len(), 16);
    }

    #[test]
    fn defaults_follow_the_target() {
        assert!(of("ssh k@h").collector.unwrap().contains(" -F "));
        assert!(!of("nfs h:/x").collector.unwrap().contains(" -F "));
        let c = of("dracut_args --omit-drivers \"snd\" --mount \"/dev/sdc1 /mnt ext4 defaults\"");
        assert_eq!(c.target, Target::Device("ext4".to_owned(), "/dev/sdc1".to_owned()));
        assert_eq!(red_hat(None, "KDUMP_KERNELVER=6.1-kdump").release.as_deref(), Some("6.1-kdump"));
    }
}

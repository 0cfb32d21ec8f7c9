//! A file system that panicked because of its disk: it was removed, given up, or did not read or write.

use necropsy_kernel::block::{self, Health};
use necropsy_kernel::vfs::{self, SuperBlock, first_error};
use necropsy_target::Target;

use super::panic_site::{self, told};
use crate::crash::{Crash, base_name};
use crate::{Case, Class, Detective, Findings, Hypothesis, reported};

pub const LOST_DISK: Detective = Detective {
    id: "lost-disk",
    title: "the disk below a file system that panicked",
    doc: "A function of a file system called panic for an error. Whether its disk is still there is read from the disk and its SCSI device; what \
          the first error was is read from what ext4 notes of it: an error of the disk comes before damage to the file system.",
    examine,
};

/// What is to be known of a file system.
struct Below {
    super_block: SuperBlock,
    name: String,
    health: Health,
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some((site, index)) = panic_site::site(t, crash).filter(|(s, _)| s.class == Class::FilesystemError)
    else {
        return;
    };
    let Some(kind) = base_name(&crash.stack.frames[index]).and_then(kind_of) else { return };
    let supers =
        vfs::super_blocks(t).inspect_err(|e| t.note(format!("file systems: {e}"))).unwrap_or_default();
    let of_kind = supers.into_iter().filter(|s| s.kind == kind).collect();
    let Some(super_block) = panicked(t, crash, index, of_kind) else { return };
    let Some(below) = below(t, super_block) else { return };
    match below.health {
        Health::Well => unread(case, &below, site.function, found),
        _ => gone(case, &below, site.function, found),
    }
}

/// The file system that panicked: the one that was passed to who says so, else the only one that noted an error, or that there is.
fn panicked(t: &Target, crash: &Crash, index: usize, mut all: Vec<SuperBlock>) -> Option<SuperBlock> {
    let passed = [index + 1, index + 2].map(|i| reported::argument(t, &crash.stack, i, 0));
    let kept = [index, index + 1].map(|i| reported::received(t, &crash.stack, i, 0));
    let told: Vec<u64> = passed.into_iter().chain(kept).flatten().collect();
    if let Some(one) = all.iter().position(|s| told.contains(&s.at.0)) {
        return Some(all.swap_remove(one));
    }
    if all.len() > 1 {
        all.retain(|s| first_error(t, s.info).is_some());
    }
    all.pop().filter(|_| all.is_empty())
}

/// The file system that a function is of: `__ext4_error`, `f2fs_handle_critical_error`.
fn kind_of(function: &str) -> Option<&'static str> {
    let kinds = ["ext4", "ext2", "f2fs", "btrfs", "jfs", "reiserfs", "ocfs2", "gfs2", "nilfs", "ufs", "xfs"];
    let plain = function.trim_start_matches('_');
    kinds.into_iter().find(|k| plain.starts_with(k)).map(|k| if k == "nilfs" { "nilfs2" } else { k })
}

fn below(t: &Target, super_block: SuperBlock) -> Option<Below> {
    let disk = super_block.disk?;
    let health = block::health(t, disk).inspect_err(|e| t.note(format!("disk {disk:#x}: {e}"))).ok()?;
    Some(Below { name: super_block.id.clone(), super_block, health })
}

/// The disk is not there any more.
fn gone(case: &Case, below: &Below, function: &str, found: &mut Findings) {
    const CLASS: Class = Class::DeviceFailure;
    let name = &below.name;
    let (what, claim, shown) = match &below.health {
        Health::Well => return,
        Health::Removed { shown } => ("was removed".to_owned(), "it is marked as removed".to_owned(), shown),
        Health::OffLine { state, shown } => {
            ("was off line".to_owned(), format!("its SCSI device is {state}"), shown)
        }
    };
    let kind = &below.super_block.kind;
    let mut h = Hypothesis::new(
        CLASS,
        format!("the disk of the {kind} on {name} {what}, and {kind} panicked for the errors"),
        format!(
            "The disk {name} {what} while {kind} was mounted on it: what it still wanted to read or write failed, and {function}, told to panic on \
             errors, ended the kernel. The file system is not what is broken first."
        ),
    );
    h.advice = vec![
        format!("find out why {name} went away: its cable, its power, its path to the storage; log"),
        "check the file system before the next mount (fsck)".into(),
    ];
    h.separate = Some("whether the disk was removed before the first error".into());
    found.hypotheses.push(h);
    let claim = format!("{name}, on which the file system is, is gone: {claim}");
    found.add_to_all(
        &[(CLASS, 4.5), (Class::FilesystemError, -4.0)],
        "memory:the disk",
        format!("struct {shown}"),
        claim,
    );
    let claim = format!("{function} called the panic for an error of {kind}");
    found.add(CLASS, 1.0, "stack", "bt".to_owned(), claim);
    told(case, CLASS, found);
}

/// The disk is there, but did not read or write.
fn unread(case: &Case, b: &Below, function: &str, found: &mut Findings) {
    const CLASS: Class = Class::IoError;
    let t = &case.target;
    let Some(error) = first_error(t, b.super_block.info).filter(|_| b.super_block.kind == "ext4") else {
        return;
    };
    if !error.io {
        let claim = format!(
            "the first error that ext4 noted on {}, in {}, is none of the disk's (code {})",
            b.name, error.function, error.code
        );
        let proof = format!("struct {}.{} {:x}", error.of, error.member, error.at.0);
        return found.add(
            Class::FilesystemError,
            1.0,
            format!("memory:{} {:#x}", error.of, error.at.0),
            proof,
            claim,
        );
    }
    let block = if error.block == 0 { String::new() } else { format!(" block {} of", error.block) };
    let mut h = Hypothesis::new(
        CLASS,
        format!("{} could not read or write{block} the ext4 on {0}, which panics for errors", b.name)
            .replace("of the", "of the"),
        format!(
            "The first error of the file system on {} was the disk's: an input/output error, which {} (line {}) met{}. {function}, told to panic on \
             errors, ended the kernel. The file system itself need not be damaged.",
            b.name,
            error.function,
            error.line,
            if error.block == 0 { String::new() } else { format!(" at block {}", error.block) },
        ),
    );
    h.advice = vec![
        format!(
            "look at the disk of {}: smartctl, the storage's own log, and what its driver says: log",
            b.name
        ),
        "check the file system before the next mount (fsck)".into(),
    ];
    h.separate = Some("what the disk or the storage noted itself".into());
    found.hypotheses.push(h);
    let claim = format!(
        "the first error that ext4 noted on {} is an input/output error (code {})",
        b.name, error.code
    );
    let proof = format!("struct {}.{} {:x}", error.of, error.member, error.at.0);
    let bears = [(CLASS, 4.5), (Class::FilesystemError, -4.0)];
    found.add_to_all(&bears, format!("memory:{} {:#x}", error.of, error.at.0), proof, claim);
    let claim = format!("{function} called the panic for an error of ext4");
    found.add(CLASS, 1.0, "stack", "bt".to_owned(), claim);
    told(case, CLASS, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_file_systems() {
        assert_eq!(kind_of("__ext4_error_inode"), Some("ext4"));
        assert_eq!(kind_of("nilfs_handle_error"), Some("nilfs2"));
        assert_eq!(kind_of("mount_root"), None);
    }
}

//! A file system that panicked because of its disk: it was removed, given up, or did not read or write.

use necropsy_debuginfo::{Kind, Type};
use necropsy_kernel::block::{self, Health};
use necropsy_kernel::vfs::{self, FirstError, SuperBlock, first_error};
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
        Health::Well => unread(case, crash, &below, index, found),
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

/// An error that a file system met.
struct Met {
    /// Whether it is the disk's.
    io: bool,
    /// The function that met it.
    by: String,
    /// The block it was about; 0 if that is not known.
    block: u64,
    claim: String,
    source: String,
    proof: String,
}

impl Met {
    /// What ext4 noted of the first.
    fn noted(e: FirstError, on: &str) -> Met {
        let what = if e.io { "an input/output error" } else { "none of the disk's" };
        Met {
            io: e.io,
            claim: format!(
                "the first error that ext4 noted on {on}, in {} at line {}, is {what} (code {})",
                e.function, e.line, e.code
            ),
            source: format!("memory:{} {:#x}", e.of, e.at.0),
            proof: format!(
                "struct {}.{},{},{} {:x}",
                e.of, e.member, "s_first_error_func", "s_first_error_line", e.at.0
            ),
            by: e.function,
            block: e.block,
        }
    }

    /// What was passed on to who called the panic: the argument that its prototype calls `error`.
    fn passed(t: &Target, crash: &Crash, index: usize) -> Option<Met> {
        const EIO: i32 = 5;
        let frames = &crash.stack.frames;
        (index..(index + DEEP).min(frames.len().saturating_sub(1))).find_map(|i| {
            let error =
                reported::argument(t, &crash.stack, i + 1, parameter(t, base_name(&frames[i])?, "error")?)?;
            let code = (error as i32).wrapping_abs();
            let (by, of) = (frames[i + 1].name()?.to_owned(), frames[i].name()?);
            Some(Met {
                io: code == EIO,
                block: 0,
                claim: format!("{by} called {of} for the error {code}"),
                source: format!("text:{by}"),
                proof: format!("dis -r {:x}", frames[i + 1].pc?.0),
                by,
            })
        })
    }
}

/// Functions from the one that calls panic to the one that met the error.
const DEEP: usize = 4;

/// Which parameter of a function has a name.
fn parameter(t: &Target, function: &str, name: &str) -> Option<usize> {
    let table = t.types().ok()?;
    let Type::Func { proto, .. } = table.get(table.find(Kind::Func, function)?).ok()? else { return None };
    let Type::FuncProto { params, .. } = table.strip(proto).ok()?.1 else { return None };
    params.iter().position(|(n, _)| n.as_ref().is_some_and(|n| n.as_str() == name))
}

/// The disk is there, but did not read or write.
fn unread(case: &Case, crash: &Crash, b: &Below, index: usize, found: &mut Findings) {
    const CLASS: Class = Class::IoError;
    let (t, name) = (&case.target, &b.name);
    let noted = first_error(t, b.super_block.info).filter(|_| b.super_block.kind == "ext4");
    let Some(met) = noted.map(|e| Met::noted(e, name)).or_else(|| Met::passed(t, crash, index)) else {
        let claim = format!(
            "what error it was that the file system on {name} met is not in the dump: it may be the disk's"
        );
        return found.add(Class::FilesystemError, -1.5, "memory:super block", None, claim);
    };
    if !met.io {
        return found.add(Class::FilesystemError, 1.0, met.source, met.proof, met.claim);
    }
    let function = crash.stack.frames[index].name().unwrap_or_default();
    let (block, at) = match met.block {
        0 => (String::new(), String::new()),
        n => (format!(" block {n} of"), format!(" at block {n}")),
    };
    let kind = &b.super_block.kind;
    let mut h = Hypothesis::new(
        CLASS,
        format!("the disk could not read or write{block} the {kind} on {name}, which panics for errors"),
        format!(
            "The error that the file system on {name} met was the disk's: an input/output error, in {}{at}. {function}, told to panic on errors, \
             ended the kernel. The file system itself need not be damaged.",
            met.by
        ),
    );
    h.advice = vec![
        format!("look at the disk of {name}: smartctl, the storage's own log, and what its driver says: log"),
        "check the file system before the next mount (fsck)".into(),
    ];
    h.separate = Some("what the disk or the storage noted itself".into());
    found.hypotheses.push(h);
    let bears = [(CLASS, 4.5), (Class::FilesystemError, -4.0)];
    found.add_to_all(&bears, met.source, met.proof, met.claim);
    let claim = format!("{function} called the panic for an error of {kind}");
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

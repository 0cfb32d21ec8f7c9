//! Files that exist in memory only: those of tmpfs and ramfs file systems, shared memory segments, memfds (mm/shmem.c).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, Target};

use crate::containers;

/// Kinds of file systems whose files are in memory only.
const IN_MEMORY: &[&[u8]] = &[b"tmpfs", b"ramfs", b"rootfs", b"devtmpfs"];
/// No more files of one file system are named.
const MAX_NAMED: usize = 32;
/// No path is deeper.
const MAX_DEPTH: usize = 64;

/// A file system in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its `struct super_block`.
    pub at: VirtAddr,
    /// `tmpfs`, `ramfs`, …
    pub kind: String,
    /// Pages that its files have.
    pub pages: u64,
    /// How many files.
    pub files: u64,
    /// The largest, the largest first.
    pub largest: Vec<File>,
}

/// A file in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its `struct inode`.
    pub inode: VirtAddr,
    /// Its path from the top of its file system, escaped; empty if it has no name any more.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Pages that it has in memory.
    pub pages: u64,
}

#[derive(Load)]
#[kernel(name = "super_block")]
struct SuperBlock {
    s_type: VirtAddr,
    s_inodes: At,
}

#[derive(Load)]
#[kernel(name = "file_system_type")]
struct Kind {
    name: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "inode")]
struct Inode {
    i_size: u64,
    #[kernel(path = "i_data.nrpages")]
    pages: u64,
    #[kernel(any = "i_dentry.first|i_dentry")]
    names: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "dentry")]
struct Dentry {
    d_parent: VirtAddr,
    #[kernel(any = "d_name.name|__d_name.name")]
    name: VirtAddr,
}

/// All file systems in memory, those with the most pages first.
pub fn shared_files(t: &Target) -> Vec<FileSystem> {
    let offsets = (t.symbol("super_blocks"), t.offset_of("super_block", "s_list"));
    let (Some(head), Ok(link)) = offsets else { return Vec::new() };
    let blocks = containers::list(t, head, link).or_note(t, "file systems");
    let mut all: Vec<_> = blocks.into_iter().filter_map(|at| file_system(t, at)).collect();
    all.sort_by_key(|fs| std::cmp::Reverse(fs.pages));
    all
}

fn file_system(t: &Target, at: VirtAddr) -> Option<FileSystem> {
    let raw: SuperBlock = t.load(at).ok()?;
    let kind = t.memory().cstr(t.load::<Kind>(raw.s_type).ok()?.name, 32).ok()?;
    if !IN_MEMORY.contains(&kind.as_slice()) {
        return None;
    }
    let link = t.offset_of("inode", "i_sb_list").ok()?;
    let inodes = containers::list(t, raw.s_inodes.0, link).or_note(t, "files in memory");
    let mut files: Vec<(VirtAddr, Inode)> =
        inodes.into_iter().filter_map(|at| Some((at, t.load(at).ok()?))).collect();
    let pages = files.iter().fold(0, |sum: u64, (_, inode)| sum.saturating_add(inode.pages));
    let count = files.len() as u64;
    files.sort_by_key(|(_, inode)| std::cmp::Reverse(inode.pages));
    let largest = files.iter().take(MAX_NAMED).filter(|(_, inode)| inode.pages > 0);
    let largest = largest.map(|(at, inode)| File {
        inode: *at,
        path: path(t, inode.names),
        size: inode.i_size,
        pages: inode.pages,
    });
    let kind = kind.escape_ascii().to_string();
    Some(FileSystem { at, kind, pages, files: count, largest: largest.collect() })
}

/// The path of the file whose first name is linked at `name` (`dentry.d_u.d_alias`), within its file system.
fn path(t: &Target, name: VirtAddr) -> String {
    let Ok(link) = t.offset_of("dentry", "d_u.d_alias|d_alias") else { return String::new() };
    if !t.arch().is_kernel(name) {
        return String::new();
    }
    let (mut at, mut parts, mut seen) = (name.moved(-(link as i64)), Vec::new(), HashSet::new());
    while seen.insert(at) && parts.len() < MAX_DEPTH {
        let Ok(dentry) = t.load::<Dentry>(at) else { break };
        if dentry.d_parent == at {
            break;
        }
        let part = t.memory().cstr(dentry.name, 256).unwrap_or_default();
        parts.push(part.escape_ascii().to_string());
        at = dentry.d_parent;
    }
    parts.iter().rev().map(|part| format!("/{part}")).collect()
}

/// Pages that cache block devices themselves (`nr_blockdev_pages()`, block/bdev.c): those of the inodes of their own file system.
pub fn buffers(t: &Target) -> u64 {
    let at = t.symbol("blockdev_superblock").and_then(|at| t.memory().ptr(at).ok());
    let pages = at.and_then(|at| {
        let block: SuperBlock = t.load(at).ok()?;
        let inodes = containers::list(t, block.s_inodes.0, t.offset_of("inode", "i_sb_list").ok()?);
        Some(inodes.items.into_iter().filter_map(|at| Some(t.load::<Inode>(at).ok()?.pages)).sum())
    });
    pages.unwrap_or(0)
}

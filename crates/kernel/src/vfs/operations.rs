//! The function that serves reading, writing or controlling an open file: the file's own, or that behind a file in /proc.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{LoadError, Target};

use super::inode_of;

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// read() and its kin.
    Read,
    /// write() and its kin.
    Write,
    /// ioctl().
    Control,
}

impl Operation {
    /// Members of `struct file_operations`, the first that is set counts.
    fn of_file(self) -> [&'static str; 2] {
        match self {
            Operation::Read => ["read", "read_iter"],
            Operation::Write => ["write", "write_iter"],
            Operation::Control => ["unlocked_ioctl", "compat_ioctl"],
        }
    }

    /// Members of `struct proc_ops` (5.6 and later).
    fn of_proc(self) -> [&'static str; 2] {
        match self {
            Operation::Read => ["proc_read", "proc_read_iter"],
            Operation::Write => ["proc_write", "proc_write"],
            Operation::Control => ["proc_ioctl", "proc_ioctl"],
        }
    }
}

/// The function that serves an operation of the `struct file` at an address.
pub fn serves(t: &Target, file: VirtAddr, what: Operation) -> Result<Option<VirtAddr>, LoadError> {
    let table = t.memory().ptr(file.offset(t.offset_of("file", "f_op")?))?;
    let own = first(t, table, "file_operations", what.of_file())?;
    let by_proc = |at: &VirtAddr| t.near(*at).is_some_and(|n| n.name.starts_with("proc_reg_"));
    match own {
        Some(at) if by_proc(&at) => behind(t, file, what),
        own => Ok(own),
    }
}

/// What a file in /proc calls (`struct proc_dir_entry`, fs/proc/internal.h).
fn behind(t: &Target, file: VirtAddr, what: Operation) -> Result<Option<VirtAddr>, LoadError> {
    let inode = inode_of(t, file)?;
    let holder = inode.moved(-(t.offset_of("proc_inode", "vfs_inode")? as i64));
    let entry = t.memory().ptr(holder.offset(t.offset_of("proc_inode", "pde")?))?;
    match t.offset_of("proc_dir_entry", "proc_ops") {
        Ok(offset) => first(t, t.memory().ptr(entry.offset(offset))?, "proc_ops", what.of_proc()),
        Err(_) => {
            let table = t.memory().ptr(entry.offset(t.offset_of("proc_dir_entry", "proc_fops")?))?;
            first(t, table, "file_operations", what.of_file())
        }
    }
}

fn first(t: &Target, table: VirtAddr, of: &str, members: [&str; 2]) -> Result<Option<VirtAddr>, LoadError> {
    for member in members {
        let at = t.memory().ptr(table.offset(t.offset_of(of, member)?))?;
        if t.is_text(at) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

//! Open files of tasks.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Bytes, Load, LoadError, Target};

use super::path::{Dentry, path};
use super::{Kind, inode};
use crate::tasks::Task;

/// More descriptors than are looked at.
const MAX_FILES: u64 = 1 << 20;

/// A `struct file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub at: VirtAddr,
    /// Its dentry.
    pub dentry: VirtAddr,
    /// Its inode.
    pub inode: VirtAddr,
    /// What that is.
    pub kind: Kind,
    /// Its path, or what the kernel calls it.
    pub path: String,
}

/// A file with its descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFile {
    /// The descriptor.
    pub fd: u64,
    /// The file.
    pub file: File,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Of {
    files: VirtAddr,
    fs: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "files_struct")]
struct Table {
    fdt: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "fdtable")]
struct Descriptors {
    max_fds: u32,
    fd: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "fs_struct")]
pub(super) struct Places {
    pub root: At,
    pub pwd: At,
}

#[derive(Load)]
#[kernel(name = "path")]
pub(super) struct Path {
    pub mnt: VirtAddr,
    pub dentry: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "file")]
struct RawFile {
    f_path: At,
}

#[derive(Load)]
#[kernel(name = "socket_alloc")]
struct SocketAlloc {
    #[kernel(path = "socket.sk")]
    sk: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "sock")]
struct Sock {
    #[kernel(path = "__sk_common.skc_prot")]
    protocol: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "proto")]
struct Proto {
    name: Bytes<32>,
}

/// The root and the working directory of a task; `None` once it has let them go.
pub fn root_and_cwd(t: &Target, task: &Task) -> Result<Option<(String, String)>, LoadError> {
    let of: Of = t.load(task.at)?;
    if of.fs.is_null() {
        return Ok(None);
    }
    let places: Places = t.load(of.fs)?;
    let text = |at: VirtAddr| t.load::<Path>(at).and_then(|p| path(t, p.mnt, p.dentry));
    Ok(Some((text(places.root.0)?, text(places.pwd.0)?)))
}

/// The open files of a task, by descriptor; `None` once it has let its table go. What cannot be read costs a note.
pub fn of_task(t: &Target, task: &Task) -> Result<Option<Vec<OpenFile>>, LoadError> {
    let of: Of = t.load(task.at)?;
    if of.files.is_null() {
        return Ok(None);
    }
    let table: Descriptors = t.load(t.load::<Table>(of.files)?.fdt)?;
    let mut found = Vec::new();
    for fd in 0..u64::from(table.max_fds).min(MAX_FILES) {
        match t.memory().ptr(table.fd.offset(fd * 8)) {
            Ok(at) if at.is_null() => {}
            Ok(at) => match file(t, at) {
                Ok(file) => found.push(OpenFile { fd, file }),
                Err(e) => t.note(format!("file {fd} of task {}: {e}", task.pid)),
            },
            Err(e) => {
                t.note(format!("the table of files of task {}: {e}", task.pid));
                break;
            }
        }
    }
    Ok(Some(found))
}

/// The inode of the `struct file` at an address.
pub fn inode_of(t: &Target, file: VirtAddr) -> Result<VirtAddr, LoadError> {
    let place: Path = t.load(t.load::<RawFile>(file)?.f_path.0)?;
    Ok(t.load::<Dentry>(place.dentry)?.d_inode)
}

/// A `struct file` by its address.
pub fn file(t: &Target, at: VirtAddr) -> Result<File, LoadError> {
    let raw: RawFile = t.load(at)?;
    let place: Path = t.load(raw.f_path.0)?;
    let dentry: Dentry = t.load(place.dentry)?;
    let kind = inode(t, dentry.d_inode).map_or(Kind::Unknown, |i| i.kind);
    let path = match kind {
        Kind::Socket => socket_protocol(t, dentry.d_inode).unwrap_or_default(),
        Kind::Fifo if dentry.length == 0 => String::new(),
        _ => path(t, place.mnt, place.dentry)?,
    };
    Ok(File { at, dentry: place.dentry, inode: dentry.d_inode, kind, path })
}

/// The protocol of a socket's inode: `TCP`, `UNIX-STREAM`.
pub fn socket_protocol(t: &Target, inode: VirtAddr) -> Result<String, LoadError> {
    let at = inode.moved(-(t.offset_of("socket_alloc", "vfs_inode")? as i64));
    let sock: Sock = t.load(t.load::<SocketAlloc>(at)?.sk)?;
    Ok(t.load::<Proto>(sock.protocol)?.name.0.escape_ascii().to_string())
}

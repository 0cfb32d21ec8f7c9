//! The mounts of a namespace.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, LoadError, Target};

use super::path::path;
use crate::containers;
use crate::tasks::Task;

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its `struct mount`.
    pub at: VirtAddr,
    /// The super block of what is mounted.
    pub super_block: VirtAddr,
    /// The type of the file system, escaped.
    pub kind: String,
    /// What it is mounted from, escaped.
    pub device: String,
    /// Where, escaped.
    pub directory: String,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Of {
    nsproxy: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "nsproxy")]
struct Spaces {
    mnt_ns: VirtAddr,
}

#[derive(Load)]
#[kernel(one_of)]
enum Namespace {
    // First: what a tree is called was a count before.
    Tree(Tree),
    List(List),
}

/// 6.8 and later.
#[derive(Load)]
#[kernel(name = "mnt_namespace")]
struct Tree {
    #[kernel(path = "mounts.rb_node")]
    top: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "mnt_namespace")]
struct List {
    list: At,
}

#[derive(Load)]
#[kernel(name = "mount")]
struct Raw {
    mnt: At,
    mnt_devname: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "vfsmount")]
struct VfsMount {
    mnt_root: VirtAddr,
    mnt_sb: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "super_block")]
struct Super {
    s_type: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "file_system_type")]
struct Type {
    name: VirtAddr,
}

/// The mounts that a task sees, in the order of the namespace; those that cannot be read cost a note.
pub fn of_namespace(t: &Target, task: &Task) -> Result<Vec<Mount>, LoadError> {
    let of: Of = t.load(task.at)?;
    if of.nsproxy.is_null() {
        return Ok(Vec::new());
    }
    let space = t.load::<Spaces>(of.nsproxy)?.mnt_ns;
    let found: Vec<VirtAddr> = match t.load::<Namespace>(space)? {
        Namespace::Tree(tree) => {
            let node = t.offset_of("mount", "mnt_node")? as i64;
            let walk = containers::rbtree(t, tree.top)?.or_note(t, "mounts");
            walk.into_iter().map(|n| n.moved(-node)).collect()
        }
        Namespace::List(list) => {
            containers::list(t, list.list.0, t.offset_of("mount", "mnt_list")?).or_note(t, "mounts")
        }
    };
    let mut mounts = Vec::new();
    for at in found {
        match read(t, at) {
            Ok(mount) => mounts.push(mount),
            Err(e) => t.note(format!("mount {at:#x}: {e}")),
        }
    }
    Ok(mounts)
}

fn read(t: &Target, at: VirtAddr) -> Result<Mount, LoadError> {
    let raw: Raw = t.load(at)?;
    let mnt: VfsMount = t.load(raw.mnt.0)?;
    let text =
        |at: VirtAddr| t.memory().cstr(at, 256).map(|s| s.escape_ascii().to_string()).unwrap_or_default();
    let kind = t.load::<Super>(mnt.mnt_sb).and_then(|s| t.load::<Type>(s.s_type)).map(|k| text(k.name));
    let directory = path(t, raw.mnt.0, mnt.mnt_root)?;
    Ok(Mount {
        at,
        super_block: mnt.mnt_sb,
        kind: kind.unwrap_or_default(),
        device: text(raw.mnt_devname),
        directory,
    })
}

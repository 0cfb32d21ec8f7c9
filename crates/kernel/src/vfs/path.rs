//! Names of files: from a dentry up through the mounts to the root (fs/d_path.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

/// No path has more parts, no name is longer (`PATH_MAX`, `NAME_MAX`).
const MAX_PARTS: usize = 2048;
const MAX_NAME: usize = 255;

#[derive(Load)]
#[kernel(name = "dentry")]
pub(super) struct Dentry {
    pub d_parent: VirtAddr,
    pub d_inode: VirtAddr,
    /// 6.16 made the writable one `__d_name`.
    #[kernel(path = "d_name.name")]
    pub name: VirtAddr,
    #[kernel(path = "d_name.len")]
    pub length: u32,
}

#[derive(Load)]
#[kernel(name = "vfsmount")]
pub(super) struct VfsMount {
    pub mnt_root: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "mount")]
pub(super) struct Parent {
    pub mnt_parent: VirtAddr,
    pub mnt_mountpoint: VirtAddr,
}

/// The last part of a name, as it is stored.
pub fn dentry_name(t: &Target, dentry: VirtAddr) -> Result<Vec<u8>, LoadError> {
    name(t, &t.load(dentry)?)
}

fn name(t: &Target, dentry: &Dentry) -> Result<Vec<u8>, LoadError> {
    Ok(t.memory().bytes(dentry.name, (dentry.length as usize).min(MAX_NAME))?)
}

/// The path of a dentry in a mount, bytes that are not printable escaped. Files without a place in any directory (pipes, sockets,
/// anonymous inodes) have only a name.
pub fn path(t: &Target, vfsmount: VirtAddr, dentry: VirtAddr) -> Result<String, LoadError> {
    let into = t.offset_of("mount", "mnt")?;
    let mut mount = vfsmount.moved(-(into as i64));
    let (mut at, mut parts, mut rooted) = (dentry, Vec::new(), false);
    for _ in 0..MAX_PARTS {
        let root = t.load::<VfsMount>(mount.offset(into))?.mnt_root;
        if at == root {
            let up: Parent = t.load(mount)?;
            if up.mnt_parent == mount {
                rooted = true;
                break;
            }
            (mount, at) = (up.mnt_parent, up.mnt_mountpoint);
            continue;
        }
        let here: Dentry = t.load(at)?;
        parts.push(name(t, &here)?.escape_ascii().to_string());
        if here.d_parent == at {
            break; // it hangs in the air
        }
        at = here.d_parent;
    }
    parts.reverse();
    let joined = parts.join("/");
    Ok(if rooted { format!("/{joined}") } else { joined })
}

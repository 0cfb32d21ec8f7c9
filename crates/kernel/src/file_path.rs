//! The path of an open file: the names of its dentry and those above, across mounts (`d_path()`, fs/d_path.c; 4.19 to 7.2).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, Target};

/// No path is deeper.
const MAX_DEPTH: usize = 256;

#[derive(Load)]
#[kernel(name = "file")]
struct File {
    #[kernel(any = "f_path.dentry|__f_path.dentry")]
    dentry: VirtAddr,
    #[kernel(any = "f_path.mnt|__f_path.mnt")]
    mnt: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "dentry")]
struct Dentry {
    d_parent: VirtAddr,
    #[kernel(any = "d_name.name|__d_name.name")]
    name: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "mount")]
struct Mount {
    mnt_parent: VirtAddr,
    mnt_mountpoint: VirtAddr,
    #[kernel(path = "mnt")]
    inner: At,
    #[kernel(path = "mnt.mnt_root")]
    root: VirtAddr,
}

/// The path of the `struct file` at an address, escaped; what has no place in a file system has its bare name.
pub fn of_file(t: &Target, file: VirtAddr) -> Option<String> {
    let file: File = t.load(file).ok()?;
    let inner = t.offset_of("mount", "mnt").ok()?;
    let mut mount: Mount = t.load(file.mnt.moved(-(inner as i64))).ok()?;
    let (mut at, mut parts, mut seen) = (file.dentry, Vec::new(), HashSet::new());
    while parts.len() < MAX_DEPTH && seen.insert((at, mount.inner.0)) {
        if at == mount.root {
            let above: Mount = t.load(mount.mnt_parent).ok()?;
            if above.inner == mount.inner {
                break;
            }
            (at, mount) = (mount.mnt_mountpoint, above);
            continue;
        }
        let dentry: Dentry = t.load(at).ok()?;
        let name = t.memory().cstr(dentry.name, 256).ok()?.escape_ascii().to_string();
        if dentry.d_parent == at {
            return parts.is_empty().then_some(name);
        }
        parts.push(name);
        at = dentry.d_parent;
    }
    let path: String = parts.iter().rev().map(|part| format!("/{part}")).collect();
    Some(if path.is_empty() { "/".into() } else { path })
}

//! The virtual file system: paths, mounts, open files.

mod ext4;
mod files;
mod mounts;
mod operations;
mod path;
mod supers;
mod users;

pub use ext4::{FirstError, first_error};
pub use files::{File, OpenFile, file, inode_of, of_task, root_and_cwd, socket_protocol};
pub use mounts::{Mount, of_namespace};
pub use operations::{Operation, serves};
pub use path::{dentry_name, path};
pub use supers::{SuperBlock, super_blocks};
pub use users::{Use, User, users};

use necropsy_base::VirtAddr;
use necropsy_target::{Load, LoadError, Target};

/// What an inode is, by its mode (include/uapi/linux/stat.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A pipe or FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// None of these: an anonymous inode of the kernel.
    Unknown,
}

impl Kind {
    /// By the mode.
    pub fn of(mode: u32) -> Kind {
        match mode & 0xf000 {
            0x8000 => Kind::Regular,
            0x4000 => Kind::Directory,
            0xa000 => Kind::Link,
            0x2000 => Kind::Character,
            0x6000 => Kind::Block,
            0x1000 => Kind::Fifo,
            0xc000 => Kind::Socket,
            _ => Kind::Unknown,
        }
    }

    /// Three or four letters.
    pub fn letters(self) -> &'static str {
        match self {
            Kind::Regular => "REG",
            Kind::Directory => "DIR",
            Kind::Link => "LNK",
            Kind::Character => "CHR",
            Kind::Block => "BLK",
            Kind::Fifo => "FIFO",
            Kind::Socket => "SOCK",
            Kind::Unknown => "UNKN",
        }
    }
}

/// An inode in a few facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub kind: Kind,
    /// Its super block.
    pub super_block: VirtAddr,
    /// Its `struct address_space`.
    pub mapping: VirtAddr,
    /// Pages of it that are cached.
    pub cached: u64,
}

#[derive(Load)]
#[kernel(name = "inode")]
struct RawInode {
    i_mode: u32,
    i_sb: VirtAddr,
    i_mapping: VirtAddr,
}

/// `TMPFS_MAGIC` (include/uapi/linux/magic.h).
const TMPFS: u64 = 0x0102_1994;

#[derive(Load)]
#[kernel(name = "super_block")]
struct Super {
    s_magic: u64,
}

#[derive(Load)]
#[kernel(name = "address_space")]
struct Mapping {
    nrpages: u64,
}

/// The inode at an address.
pub fn inode(t: &Target, at: VirtAddr) -> Result<Inode, LoadError> {
    let raw: RawInode = t.load(at)?;
    let cached = t.load::<Mapping>(raw.i_mapping).map_or(0, |m| m.nrpages);
    Ok(Inode { kind: Kind::of(raw.i_mode), super_block: raw.i_sb, mapping: raw.i_mapping, cached })
}

/// What a tmpfs or shared memory file has of its pages in swap, by their index: numbers as [`crate::swap::by_value`] wants them.
pub fn swapped_pages(t: &Target, inode: &Inode) -> Result<Vec<(u64, u64)>, LoadError> {
    use necropsy_base::MemoryExt;
    // Other files leave numbers of their own where pages were (mm/workingset.c).
    if t.load::<Super>(inode.super_block)?.s_magic != TMPFS {
        return Ok(Vec::new());
    }
    let root = t.offset_of("address_space", "i_pages.xa_head")?;
    let head = t.memory().word(inode.mapping.offset(root))?;
    Ok(crate::containers::xarray_values(t, head)?.or_note(t, "pages of a file in swap"))
}

/// The pages that an inode has in the page cache, by their index; pages that are in swap are left out.
pub fn cached_pages(t: &Target, inode: &Inode) -> Result<Vec<(u64, VirtAddr)>, LoadError> {
    use necropsy_base::MemoryExt;
    let root = t.offset_of("address_space", "i_pages.xa_head|page_tree.rnode")?;
    let head = t.memory().word(inode.mapping.offset(root))?;
    Ok(crate::containers::xarray(t, head)?.or_note(t, "page cache"))
}

//! All file systems that are mounted, each with its disk (fs/super.c).

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Bytes, Load, LoadError, Target};

use crate::containers;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuperBlock {
    /// Its `struct super_block`.
    pub at: VirtAddr,
    /// Its type, escaped: `ext4`.
    pub kind: String,
    /// What it calls itself, escaped: `vda`.
    pub id: String,
    /// The `struct gendisk` of its disk.
    pub disk: Option<VirtAddr>,
    /// Its private part.
    pub info: VirtAddr,
    /// How far it is frozen (`SB_FREEZE_*`, include/linux/fs.h): 0 if it is not, 4 if nobody may write.
    pub frozen: u64,
    /// Where those who want to write to a frozen one wait: `s_writers`.
    pub writers: Range<u64>,
}

#[derive(Load)]
#[kernel(name = "super_block")]
struct Raw {
    s_type: VirtAddr,
    s_id: Bytes<32>,
    s_bdev: VirtAddr,
    s_fs_info: VirtAddr,
    #[kernel(path = "s_writers.frozen")]
    frozen: Option<u32>,
}

#[derive(Load)]
#[kernel(name = "file_system_type")]
struct Type {
    name: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "block_device")]
struct Device {
    bd_disk: VirtAddr,
}

/// All mounted file systems; what cannot be read costs a note.
pub fn super_blocks(t: &Target) -> Result<Vec<SuperBlock>, LoadError> {
    let all = containers::list(t, t.need_symbol("super_blocks")?, t.offset_of("super_block", "s_list")?);
    let read = |at| one(t, at).inspect_err(|e| t.note(format!("super block {at:#x}: {e}"))).ok();
    Ok(all.or_note(t, "super blocks").into_iter().filter_map(read).collect())
}

fn one(t: &Target, at: VirtAddr) -> Result<SuperBlock, LoadError> {
    let raw: Raw = t.load(at)?;
    let name = t.memory().cstr(t.load::<Type>(raw.s_type)?.name, 64)?;
    let disk = (!raw.s_bdev.is_null()).then(|| t.load::<Device>(raw.s_bdev)).transpose()?;
    let writers = t.offset_of("super_block", "s_writers").and_then(|by| Ok((by, t.size_of("sb_writers")?)));
    let (by, size) = writers.unwrap_or((0, 0));
    Ok(SuperBlock {
        at,
        kind: name.escape_ascii().to_string(),
        id: raw.s_id.0.escape_ascii().to_string(),
        disk: disk.map(|d| d.bd_disk).filter(|at| !at.is_null()),
        info: raw.s_fs_info,
        frozen: u64::from(raw.frozen.unwrap_or(0)),
        writers: at.0.wrapping_add(by)..at.0.wrapping_add(by).wrapping_add(size),
    })
}

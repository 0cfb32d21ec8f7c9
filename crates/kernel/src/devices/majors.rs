//! Major numbers and who took them (fs/char_dev.c, drivers/base/map.c, block/genhd.c).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Bytes, Load, LoadError, Target};

/// Slots of the tables (`CHRDEV_MAJOR_HASH_SIZE`, `BLKDEV_MAJOR_HASH_SIZE`).
const SLOTS: u64 = 255;
/// No chain is longer.
const MAX_CHAIN: usize = 1 << 12;
/// `MINORBITS`.
const MINOR_BITS: u32 = 20;

/// A range of character devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharMajor {
    /// The major number.
    pub major: u32,
    /// The first minor number.
    pub minor: u32,
    /// How many minors.
    pub count: u32,
    /// Its name, escaped.
    pub name: String,
    /// The `struct cdev` that answers for it.
    pub cdev: Option<VirtAddr>,
    /// That one's `struct file_operations`.
    pub operations: Option<VirtAddr>,
}

/// A major number of block devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMajor {
    /// The number.
    pub major: u32,
    /// Its name, escaped.
    pub name: String,
}

#[derive(Load)]
#[kernel(name = "char_device_struct")]
struct RawChar {
    next: VirtAddr,
    major: u32,
    baseminor: u32,
    minorct: u32,
    name: Bytes<64>,
    cdev: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "blk_major_name")]
struct RawBlock {
    next: VirtAddr,
    major: u32,
    name: Bytes<16>,
}

#[derive(Load)]
#[kernel(name = "kobj_map")]
struct Map {
    probes: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "probe")]
struct Probe {
    next: VirtAddr,
    dev: u32,
    data: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "cdev")]
struct Cdev {
    ops: VirtAddr,
}

/// The ranges of character devices by major and minor number; what cannot be read costs a note.
pub fn char_majors(t: &Target) -> Result<Vec<CharMajor>, LoadError> {
    let table = t.need_symbol("chrdevs")?;
    let probes = probes(t).inspect_err(|e| t.note(format!("cdev_map: {e}"))).unwrap_or_default();
    let raw = chains(t, table, "chrdevs", |raw: &RawChar| raw.next);
    let mut all: Vec<CharMajor> = raw.into_iter().map(|raw| char_major(t, &raw, &probes)).collect();
    all.sort_by_key(|m| (m.major, m.minor));
    Ok(all)
}

fn char_major(t: &Target, raw: &RawChar, probes: &[Probe]) -> CharMajor {
    let number = raw.major << MINOR_BITS | raw.baseminor;
    // Drivers that take numbers and cdevs one after the other leave the member empty.
    let mapped = || probes.iter().find(|p| p.dev == number).map(|p| p.data);
    let cdev = Some(raw.cdev).filter(|at| !at.is_null()).or_else(mapped);
    CharMajor {
        major: raw.major,
        minor: raw.baseminor,
        count: raw.minorct,
        name: raw.name.0.escape_ascii().to_string(),
        cdev,
        operations: cdev.and_then(|at| Some(t.load::<Cdev>(at).ok()?.ops)),
    }
}

/// What answers for device numbers. One that answers for many majors is in many chains.
fn probes(t: &Target) -> Result<Vec<Probe>, LoadError> {
    let map = t.memory().ptr(t.need_symbol("cdev_map")?)?;
    let table = t.load::<Map>(map)?.probes.at;
    Ok(chains(t, table, "cdev_map", |raw: &Probe| raw.next))
}

/// The major numbers of block devices, in the order of the table; what cannot be read costs a note.
pub fn block_majors(t: &Target) -> Result<Vec<BlockMajor>, LoadError> {
    let raw = chains(t, t.need_symbol("major_names")?, "major_names", |raw: &RawBlock| raw.next);
    let major = |raw: RawBlock| BlockMajor { major: raw.major, name: raw.name.0.escape_ascii().to_string() };
    Ok(raw.into_iter().map(major).collect())
}

/// The entries of a table of chains. Where the table cannot be read is said once.
fn chains<L: Load>(t: &Target, table: VirtAddr, what: &str, next: impl Fn(&L) -> VirtAddr) -> Vec<L> {
    let (mut found, mut unread) = (Vec::new(), None);
    for slot in 0..SLOTS {
        match t.memory().ptr(table.offset(slot * u64::from(t.abi().word))) {
            Ok(first) => chain(t, first, what, &next, &mut found),
            Err(e) => {
                unread.get_or_insert(e);
            }
        }
    }
    if let Some(e) = unread {
        t.note(format!("{what}: {e}"));
    }
    found
}

fn chain<L: Load>(
    t: &Target,
    mut at: VirtAddr,
    what: &str,
    next: &impl Fn(&L) -> VirtAddr,
    found: &mut Vec<L>,
) {
    let mut seen = HashSet::new();
    while !at.is_null() {
        if !seen.insert(at) || seen.len() > MAX_CHAIN {
            return t.note(format!("{what} loops at {at:#x}"));
        }
        match t.load::<L>(at) {
            Ok(raw) => {
                at = next(&raw);
                found.push(raw);
            }
            Err(e) => return t.note(format!("{what}: {e}")),
        }
    }
}

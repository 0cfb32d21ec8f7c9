//! Block devices: which disk a task waits for that sleeps until a page or a buffer is read or written.
//!
//! The waiter lies on the task's stack: `struct wait_page_queue` names the page or folio, `struct wait_bit_queue_entry` the word whose bit
//! is waited for, which for a buffer is the start of its `buffer_head` (mm/filemap.c, kernel/sched/wait_bit.c).

mod disks;
mod health;

pub use disks::{DiskInfo, InFlight, disks, in_flight};
pub use health::{Health, health};

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Bytes, Load, LoadError, Target};

use crate::tasks::Task;

/// `S_IFMT`, `S_IFBLK` (include/uapi/linux/stat.h).
const FORMAT: u32 = 0xf000;
const BLOCK: u32 = 0x6000;

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its `struct gendisk`.
    pub at: VirtAddr,
    /// Its name, escaped: `sda`.
    pub name: String,
    /// The driver's function that takes requests (`queue_rq`) or bios (`submit_bio`).
    pub driver: Option<VirtAddr>,
    /// Where the pointer to it is kept: in the driver's table of operations.
    pub driver_at: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "page")]
struct Page {
    mapping: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "address_space")]
struct Mapping {
    host: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "inode")]
struct Inode {
    i_mode: u32,
    i_sb: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "super_block")]
struct Super {
    s_bdev: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "block_device")]
struct Device {
    bd_disk: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "gendisk")]
struct Gendisk {
    disk_name: Bytes<32>,
    fops: VirtAddr,
    queue: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "block_device_operations")]
struct Operations {
    submit_bio: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "request_queue")]
struct Queue {
    mq_ops: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "blk_mq_ops")]
struct MqOperations {
    queue_rq: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "buffer_head")]
struct Buffer {
    b_bdev: VirtAddr,
}

/// The disk that a sleeping task waits for, if it waits for a page or a buffer of one.
pub fn waited_for(t: &Target, task: &Task) -> Option<Disk> {
    let of_page = waiters(t, task, "wait_page_queue", "wait.private").find_map(|at| {
        let page = t.memory().ptr(at.offset(t.offset_of("wait_page_queue", "folio|page").ok()?)).ok()?;
        disk_of_page(t, page).filter(is_disk)
    });
    let of_buffer = || {
        waiters(t, task, "wait_bit_queue_entry", "wq_entry.private").find_map(|at| {
            let word = t.offset_of("wait_bit_queue_entry", "key.flags").ok()?;
            let buffer: Buffer = t.load(t.memory().ptr(at.offset(word)).ok()?).ok()?;
            disk_of_device(t, buffer.b_bdev).ok().filter(is_disk)
        })
    };
    of_page.or_else(of_buffer)
}

/// Whether what words of a stack led to can be a disk: it has a name, as files in /dev have.
fn is_disk(disk: &Disk) -> bool {
    !disk.name.is_empty() && disk.name.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// Where on the task's stack a struct may lie whose member points at the task.
fn waiters<'a>(
    t: &'a Target,
    task: &Task,
    of: &str,
    member: &str,
) -> impl Iterator<Item = VirtAddr> + use<'a> {
    let (me, word) = (task.at, u64::from(t.abi().word));
    let offset = t.offset_of(of, member).ok();
    let range = offset.map_or(0..0, |_| task.stack_range(t));
    let words = range.step_by(word as usize).map(VirtAddr);
    words
        .filter(move |at| t.memory().ptr(*at).is_ok_and(|p| p == me))
        .filter_map(move |at| Some(at.moved(-(offset? as i64))))
}

/// The disk that holds what a page of the page cache caches.
pub fn disk_of_page(t: &Target, page: VirtAddr) -> Option<Disk> {
    let mapping = t.load::<Page>(page).ok()?.mapping;
    // The low bits mark anonymous pages and the like, which no disk holds.
    if mapping.is_null() || mapping.0 & 3 != 0 {
        return None;
    }
    let host = t.load::<Mapping>(mapping).ok()?.host;
    disk_of_inode(t, host).ok()
}

fn disk_of_inode(t: &Target, at: VirtAddr) -> Result<Disk, LoadError> {
    let inode: Inode = t.load(at)?;
    if inode.i_mode & FORMAT == BLOCK {
        let offset = t.offset_of("bdev_inode", "vfs_inode")?;
        let device = at.moved(-(offset as i64)).offset(t.offset_of("bdev_inode", "bdev")?);
        return disk_of_device(t, device);
    }
    disk_of_device(t, t.load::<Super>(inode.i_sb)?.s_bdev)
}

/// The disk of a `struct block_device`.
pub fn disk_of_device(t: &Target, at: VirtAddr) -> Result<Disk, LoadError> {
    let at = t.load::<Device>(at)?.bd_disk;
    let disk: Gendisk = t.load(at)?;
    let bios = || {
        let function = t.load::<Operations>(disk.fops).ok()?.submit_bio.filter(|f| t.is_text(*f))?;
        let offset = t.offset_of("block_device_operations", "submit_bio").ok()?;
        Some((function, disk.fops.offset(offset)))
    };
    let requests = || {
        let ops = t.load::<Queue>(disk.queue).ok()?.mq_ops.filter(|at| !at.is_null())?;
        let function = Some(t.load::<MqOperations>(ops).ok()?.queue_rq).filter(|f| t.is_text(*f))?;
        Some((function, ops.offset(t.offset_of("blk_mq_ops", "queue_rq").ok()?)))
    };
    let name = disk.disk_name.0.escape_ascii().to_string();
    let (driver, driver_at) = bios().or_else(requests).unzip();
    Ok(Disk { at, name, driver, driver_at })
}

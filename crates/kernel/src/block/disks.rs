//! All disks, and how many requests each has in flight.
//!
//! Disks are the devices of `block_class` whose type is `disk_type` (block/genhd.c); since 6.4 the private half of a class is found in
//! `class_kset` (drivers/base/class.c). Requests of blk-mq are in flight while their state says so (block/blk-mq.c,
//! `blk_mq_check_inflight`); of disks that take bios each CPU keeps counters (`part_in_flight`).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Bytes, Load, LoadError, Target};

use crate::containers;

/// No more are looked at.
const MAX_QUEUES: u64 = 1 << 14;
const MAX_TAGS: u64 = 1 << 16;

/// A disk among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskInfo {
    /// Its `struct gendisk`.
    pub at: VirtAddr,
    /// The major number of its device.
    pub major: u32,
    /// Its name, escaped.
    pub name: String,
    /// Its `struct block_device_operations`.
    pub operations: VirtAddr,
    /// Its `struct request_queue`.
    pub queue: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "gendisk")]
struct Gendisk {
    major: u32,
    disk_name: Bytes<32>,
    fops: VirtAddr,
    queue: VirtAddr,
    /// A pointer to a `block_device`; before 5.11 a `struct hd_struct` in place.
    part0: At,
}

#[derive(Load)]
#[kernel(name = "device_private")]
struct Private {
    device: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "device")]
struct Device {
    #[kernel(path = "type")]
    kind: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "subsys_private")]
struct Subsystem {
    #[kernel(path = "klist_devices.k_list")]
    devices: At,
}

#[derive(Load)]
#[kernel(name = "block_device")]
struct BlockDevice {
    bd_disk: VirtAddr,
}

/// All disks in the order in which they came; what cannot be read costs a note.
pub fn disks(t: &Target) -> Result<Vec<DiskInfo>, LoadError> {
    let subsystem: Subsystem = t.load(private_of_class(t, t.need_symbol("block_class")?)?)?;
    let disk_type = t.need_symbol("disk_type")?;
    let link = t.offset_of("device_private", "knode_class.n_node")?;
    let all = containers::list(t, subsystem.devices.0, link).or_note(t, "block devices");
    let disk = |private: VirtAddr| -> Result<Option<DiskInfo>, LoadError> {
        let device = t.load::<Private>(private)?.device;
        if t.load::<Device>(device)?.kind != disk_type {
            return Ok(None); // a partition
        }
        info(t, disk_of(t, device)?).map(Some)
    };
    let read = |at: VirtAddr| {
        let disk = disk(at);
        disk.inspect_err(|e| t.note(format!("block device {at:#x}: {e}"))).ok().flatten()
    };
    Ok(all.into_iter().filter_map(read).collect())
}

fn info(t: &Target, at: VirtAddr) -> Result<DiskInfo, LoadError> {
    let raw: Gendisk = t.load(at)?;
    let name = raw.disk_name.0.escape_ascii().to_string();
    Ok(DiskInfo { at, major: raw.major, name, operations: raw.fops, queue: raw.queue })
}

/// The disk of a `struct device`: part of its `block_device` since 5.11, of the disk itself before.
fn disk_of(t: &Target, device: VirtAddr) -> Result<VirtAddr, LoadError> {
    if let Ok(into) = t.offset_of("block_device", "bd_device") {
        return Ok(t.load::<BlockDevice>(device.moved(-(into as i64)))?.bd_disk);
    }
    Ok(device.moved(-(t.offset_of("gendisk", "part0.__dev")? as i64)))
}

fn private_of_class(t: &Target, class: VirtAddr) -> Result<VirtAddr, LoadError> {
    if let Ok(p) = t.offset_of("class", "p") {
        return Ok(t.memory().ptr(class.offset(p))?);
    }
    let set = t.memory().ptr(t.need_symbol("class_kset")?)?;
    let head = set.offset(t.offset_of("kset", "list")?);
    let link = t.offset_of("subsys_private", "subsys.kobj.entry")?;
    let own = t.offset_of("subsys_private", "class")?;
    let all = containers::list(t, head, link).or_note(t, "classes of devices");
    let found = all.into_iter().find(|at| t.memory().ptr(at.offset(own)).is_ok_and(|c| c == class));
    found.ok_or_else(|| LoadError::NoSymbol("block_class".into()))
}

/// Requests in flight: how many read, how many write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// That read.
    pub reads: u64,
    /// That write.
    pub writes: u64,
}

#[derive(Load)]
#[kernel(name = "request_queue")]
struct Queue {
    mq_ops: Option<VirtAddr>,
    tag_set: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "blk_mq_tag_set")]
struct TagSet {
    nr_hw_queues: u32,
    tags: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "blk_mq_tags")]
struct Tags {
    nr_tags: u32,
    rqs: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "request")]
struct Request {
    q: VirtAddr,
    cmd_flags: u32,
    state: u32,
}

#[derive(Load)]
#[kernel(name = "disk_stats")]
struct Stats {
    in_flight: ArrayAt,
}

/// How many requests a disk has in flight.
pub fn in_flight(t: &Target, disk: &DiskInfo) -> Result<InFlight, LoadError> {
    let set = |at: Option<VirtAddr>| at.filter(|at| !at.is_null());
    let queue: Queue = t.load(disk.queue)?;
    match set(queue.mq_ops).and(set(queue.tag_set)) {
        Some(tags) => of_requests(t, disk.queue, tags),
        None => counted(t, disk),
    }
}

fn of_requests(t: &Target, queue: VirtAddr, set: VirtAddr) -> Result<InFlight, LoadError> {
    let set: TagSet = t.load(set)?;
    let word = u64::from(t.abi().word);
    let (mut seen, mut found) = (HashSet::new(), InFlight::default());
    for i in 0..u64::from(set.nr_hw_queues).min(MAX_QUEUES) {
        let at = t.memory().ptr(set.tags.offset(i * word))?;
        // Queues may share their tags.
        if at.is_null() || !seen.insert(at) {
            continue;
        }
        let tags: Tags = t.load(at)?;
        for tag in 0..u64::from(tags.nr_tags).min(MAX_TAGS) {
            let request = t.memory().ptr(tags.rqs.offset(tag * word))?;
            if !request.is_null() && seen.insert(request) {
                add(t, request, queue, &mut found);
            }
        }
    }
    Ok(found)
}

fn add(t: &Target, at: VirtAddr, queue: VirtAddr, found: &mut InFlight) {
    let flying = t.enumerator("mq_rq_state", "MQ_RQ_IN_FLIGHT").unwrap_or(1);
    match t.load::<Request>(at) {
        Ok(r) if r.q != queue || u64::from(r.state) != flying => {}
        // The lowest bit of an operation says which way data goes (`op_is_write`).
        Ok(r) if r.cmd_flags & 1 == 1 => found.writes += 1,
        Ok(_) => found.reads += 1,
        Err(e) => t.note(format!("request {at:#x}: {e}")),
    }
}

fn counted(t: &Target, disk: &DiskInfo) -> Result<InFlight, LoadError> {
    let part0 = t.load::<Gendisk>(disk.at)?.part0.0;
    let stats = match t.offset_of("block_device", "bd_stats") {
        Ok(bd_stats) => t.memory().ptr(t.memory().ptr(part0)?.offset(bd_stats))?,
        Err(_) => t.memory().ptr(part0.offset(t.offset_of("hd_struct", "dkstats")?))?,
    };
    let mut sums = [0i64; 2];
    for (cpu, _) in t.cpus() {
        let Some(at) = t.percpu(stats, *cpu) else { continue };
        let counters = t.load::<Stats>(at)?.in_flight;
        for (sum, counter) in sums.iter_mut().zip(counters.iter()) {
            *sum = sum.wrapping_add(t.memory().word(counter)? as i64);
        }
    }
    Ok(InFlight { reads: sums[0].max(0) as u64, writes: sums[1].max(0) as u64 })
}

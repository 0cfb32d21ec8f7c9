//! Whether a disk is still there.
//!
//! A disk that was removed is marked in `gendisk.state` (`GD_DEAD`, since 5.14) or no longer `GENHD_FL_UP` (before; include/linux/genhd.h). A
//! SCSI disk that the error handler or a person gave up is off line (`enum scsi_device_state`, include/scsi/scsi_device.h).

use necropsy_base::VirtAddr;
use necropsy_debuginfo::Type;
use necropsy_target::{Load, LoadError, Target, Value};

/// `GD_DEAD`, `GD_ADDED`: numbers of bits.
const DEAD: u32 = 2;
/// `GENHD_FL_UP`.
const UP: u64 = 0x10;

/// How a disk is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known to be wrong.
    Well,
    /// It was removed: its driver, or the bus, took it away.
    Removed {
        /// The command's argument that shows it: `gendisk.state ADDRESS`.
        shown: String,
    },
    /// Its SCSI device does not take commands.
    OffLine {
        /// The name of the state: `SDEV_OFFLINE`.
        state: String,
        /// The command's argument that shows it.
        shown: String,
    },
}

#[derive(Load)]
#[kernel(name = "gendisk")]
struct Disk {
    state: Option<u64>,
    flags: u64,
    queue: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "request_queue")]
struct Queue {
    mq_ops: Option<VirtAddr>,
    queuedata: Option<VirtAddr>,
}

/// How the disk whose `struct gendisk` is at `at` is doing.
pub fn health(t: &Target, at: VirtAddr) -> Result<Health, LoadError> {
    let disk: Disk = t.load(at)?;
    let removed = match disk.state {
        Some(state) => state >> DEAD & 1 == 1,
        None => disk.flags & UP == 0,
    };
    if removed {
        let member = if disk.state.is_some() { "state" } else { "flags" };
        return Ok(Health::Removed { shown: format!("gendisk.{member} {:x}", at.0) });
    }
    let queue: Queue = t.load(disk.queue)?;
    Ok(off_line(t, &queue).unwrap_or(Health::Well))
}

/// A SCSI disk that is not running or at least waiting.
fn off_line(t: &Target, queue: &Queue) -> Option<Health> {
    let operations = t.describe(queue.mq_ops?);
    operations.starts_with("scsi_mq_ops").then_some(())?;
    let device = queue.queuedata.filter(|d| !d.is_null())?;
    let state = Value::new(t.type_named("struct scsi_device")?, device).member("sdev_state").ok()?;
    let number = state.number(t).ok()?;
    let Type::Enum { values, .. } = state.ty.strip().ok()? else { return None };
    let name = values.into_iter().find(|(_, value)| *value == number)?.0.to_string();
    let gone = ["SDEV_OFFLINE", "SDEV_TRANSPORT_OFFLINE", "SDEV_CANCEL", "SDEV_DEL"].contains(&name.as_str());
    gone.then(|| Health::OffLine { state: name, shown: format!("scsi_device.sdev_state {:x}", device.0) })
}

//! Locks, and who holds them.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};
use serde::Serialize;

use super::scene::Scene;
use super::{WaitKind, hex, name, waiter::Found};
use crate::tasks::{Task, Tasks};
use crate::workqueue::{self, Flush};

/// The low bits of an owner are flags: of a mutex waiters, handoff, pickup; of a rw_semaphore readers, not spinnable
/// (kernel/locking/mutex.h, rwsem.c). Tasks are aligned to more than that.
const FLAGS: u64 = 7;
/// `RWSEM_READER_OWNED`.
const READER_OWNED: u64 = 1;
/// `RWSEM_READER_SHIFT`.
const READER_SHIFT: u32 = 8;

#[derive(Load)]
#[kernel(name = "mutex")]
struct Mutex {
    #[kernel(any = "owner.counter|owner|rtmutex.owner|lock.owner")]
    owner: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "rw_semaphore")]
struct RwSemaphore {
    #[kernel(any = "owner.counter|owner")]
    owner: Option<VirtAddr>,
    /// An owner that is a number came with a count of readers (5.3).
    #[kernel(path = "owner.counter")]
    counted: Option<VirtAddr>,
    #[kernel(any = "count.counter|count")]
    count: Option<i64>,
}

#[derive(Load)]
#[kernel(name = "semaphore")]
struct Semaphore {
    count: u32,
    last_holder: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "rt_mutex_base|rt_mutex")]
struct RtMutex {
    owner: VirtAddr,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Owner {
    /// A task.
    Task {
        /// Its address.
        #[serde(serialize_with = "hex")]
        task: VirtAddr,
        /// Its thread ID.
        pid: i32,
        /// Whether the lock says so, or only that it was the last to get it.
        certain: bool,
    },
    /// A task that is not there any more: it ended, and did not give the lock back.
    Gone {
        /// Where it was.
        #[serde(serialize_with = "hex")]
        task: VirtAddr,
    },
    /// Nobody.
    Nobody,
    /// The lock does not tell.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A lock that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// What it is.
    pub kind: &'static str,
    /// Where it lies.
    #[serde(serialize_with = "hex")]
    pub at: VirtAddr,
    /// Its symbol, or the object it lies in.
    pub name: Option<String>,
    /// Who holds it.
    pub owner: Owner,
    /// How many hold it to read, where it counts them.
    pub readers: Option<u64>,
    /// Thread IDs of those known to wait for it.
    pub waiters: Vec<i32>,
}

/// The lock of that kind at an address, whoever waits for it.
pub fn lock_at(t: &Target, tasks: &Tasks, kind: WaitKind, at: VirtAddr) -> Result<Lock, LoadError> {
    let scene = Scene::new(t, tasks);
    let (owner, readers) = owner(&scene, kind, at)?;
    let name = name::of(t, tasks, at);
    Ok(Lock { kind: kind.struct_name().unwrap_or("lock"), at, name, owner, readers, waiters: Vec::new() })
}

impl Lock {
    /// The lock that was found from a waiter; its waiters are still to be added.
    pub(super) fn read(scene: &Scene<'_>, found: &Found) -> Result<Lock, LoadError> {
        let flush = flush(scene, found);
        let ends = if flush.is_none() { task_that_ends(scene, found) } else { None };
        let (owner, readers) = match (&flush, ends) {
            (Some(flush), _) => (flush_owner(scene, flush), None),
            (None, Some(task)) => (Owner::Task { task: task.at, pid: task.pid, certain: true }, None),
            (None, None) => owner(scene, found.kind, found.lock)?,
        };
        let name = match (&flush, ends) {
            (Some(flush), _) => {
                Some(format!("of work item {}", scene.t.describe(flush.function).replace("+0x0", "")))
            }
            (None, Some(task)) => Some(format!("of the end of {} ({})", task.comm_text(), task.pid)),
            (None, None) => name::of(scene.t, scene.tasks, found.lock),
        };
        Ok(Lock {
            kind: found.kind.struct_name().unwrap_or("lock"),
            at: found.lock,
            name,
            owner,
            readers,
            waiters: Vec::new(),
        })
    }

    /// `mutex journal_lock [jbd2]`, or `mutex at 0xffff888004a1c0a8`.
    pub fn text(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {name}", self.kind),
            None => format!("{} at {:#x}", self.kind, self.at),
        }
    }

    /// The same with its address in any case.
    pub fn text_and_address(&self) -> String {
        match &self.name {
            Some(_) => format!("{} at {:#x}", self.text(), self.at),
            None => self.text(),
        }
    }

    /// The task that holds it: its address, and whether that is certain.
    pub fn holder(&self) -> Option<(VirtAddr, bool)> {
        match self.owner {
            Owner::Task { task, certain, .. } => Some((task, certain)),
            _ => None,
        }
    }
}

/// The flush of a work item that a completion is the end of.
fn flush(scene: &Scene<'_>, found: &Found) -> Option<Flush> {
    let (_, waiter) = found.waiters.first().filter(|_| found.kind == WaitKind::Completion)?;
    workqueue::flush(scene.t, scene.tasks, found.lock, *waiter)
}

/// The task whose end completes this: `kthread_stop()` and `vfork()` wait for that (`task_struct.vfork_done`, kernel/kthread.c and fork.c).
fn task_that_ends<'a>(scene: &Scene<'a>, found: &Found) -> Option<&'a Task> {
    let t = scene.t;
    let offset =
        t.offset_of("task_struct", "vfork_done").ok().filter(|_| found.kind == WaitKind::Completion)?;
    let ends = |task: &&Task| t.memory().ptr(task.at.offset(offset)).is_ok_and(|done| done == found.lock);
    scene.tasks.all.iter().find(ends)
}

/// Who must end before the item has run.
fn flush_owner(scene: &Scene<'_>, flush: &Flush) -> Owner {
    match flush.worker.and_then(|at| scene.task(at)) {
        Some(task) => Owner::Task { task: task.at, pid: task.pid, certain: flush.certain },
        None => Owner::Unknown { why: "no worker runs what the work item is queued behind".into() },
    }
}

fn owner(scene: &Scene<'_>, kind: WaitKind, at: VirtAddr) -> Result<(Owner, Option<u64>), LoadError> {
    let t = scene.t;
    let unknown = |why: &str| Owner::Unknown { why: why.to_owned() };
    Ok(match kind {
        WaitKind::Mutex => match t.load::<Mutex>(at)?.owner {
            Some(owner) => (held(scene, owner, true), None),
            None => (unknown("this kernel's mutexes do not name their owner"), None),
        },
        WaitKind::Read | WaitKind::Write => rw_owner(scene, &t.load::<RwSemaphore>(at)?),
        WaitKind::RtMutex => (held(scene, t.load::<RtMutex>(at)?.owner, true), None),
        WaitKind::Semaphore => {
            let s: Semaphore = t.load(at)?;
            match s.last_holder.filter(|o| s.count == 0 && o.0 & !FLAGS != 0) {
                Some(owner) => (held(scene, owner, false), None),
                None => (unknown("semaphores have no owner"), None),
            }
        }
        _ => (unknown("nobody holds a completion: somebody should have completed it"), None),
    })
}

/// A writer is its owner; of readers only the last one is known, and that one may have given it back.
fn rw_owner(scene: &Scene<'_>, s: &RwSemaphore) -> (Owner, Option<u64>) {
    let Some(owner) = s.owner else {
        return (Owner::Unknown { why: "this kernel's rw_semaphores do not name their owner".into() }, None);
    };
    let readers = s.counted.and(s.count).map(|count| (count >> READER_SHIFT).max(0) as u64);
    if owner.0 & READER_OWNED == 0 {
        return (held(scene, owner, true), readers);
    }
    match readers {
        Some(0) => (Owner::Nobody, readers),
        _ if owner.0 & !FLAGS == 0 => (Owner::Unknown { why: "readers hold it".into() }, readers),
        _ => match held(scene, owner, false) {
            // The last reader may have ended in peace.
            Owner::Gone { .. } => {
                (Owner::Unknown { why: "readers hold it; the last one ended".into() }, readers)
            }
            owner => (owner, readers),
        },
    }
}

fn held(scene: &Scene<'_>, owner: VirtAddr, certain: bool) -> Owner {
    let task = VirtAddr(owner.0 & !FLAGS);
    match scene.task(task) {
        _ if task.is_null() => Owner::Nobody,
        Some(found) => Owner::Task { task, pid: found.pid, certain },
        None => Owner::Gone { task },
    }
}

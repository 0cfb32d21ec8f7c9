//! Workqueues: which worker runs what, and whom a task that flushes a work item waits for.
//!
//! `flush_work()` puts a barrier, which lies on the flusher's stack, behind the item: on the list of the worker that runs it, or on
//! the list where it is queued (kernel/workqueue.c, `insert_wq_barrier`). So the barrier's links lead to the item or its worker.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

use crate::tasks::{Task, Tasks};

/// `PF_WQ_WORKER` (include/linux/sched.h).
const WORKER: u64 = 0x20;
/// Bits below a `pool_workqueue` in `work_struct.data`: 8 and, since 6.10, 9.
const FLAGS: [u64; 2] = [0x1ff, 0xff];
/// More barriers behind one item than anybody queues.
const MAX_LINKS: usize = 256;

/// A worker thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Address of its `struct worker`.
    pub at: VirtAddr,
    /// Its task.
    pub task: VirtAddr,
    /// The item it runs.
    pub work: VirtAddr,
    /// That item's function.
    pub function: VirtAddr,
    /// The queue the item is of.
    pub queue: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "worker")]
struct RawWorker {
    task: VirtAddr,
    current_work: VirtAddr,
    current_func: VirtAddr,
    current_pwq: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct ThreadOf {
    /// 5.17 and later; before, `set_child_tid` held it.
    #[kernel(any = "worker_private|set_child_tid")]
    kthread: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "kthread")]
struct Thread {
    data: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "wq_barrier")]
struct Barrier {
    task: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "work_struct")]
struct Work {
    /// Signed, as atomics are.
    #[kernel(path = "data.counter")]
    data: i64,
    func: VirtAddr,
}

/// The worker of a task, if it is one.
pub fn worker(t: &Target, task: &Task) -> Option<Worker> {
    if u64::from(task.flags) & WORKER == 0 {
        return None;
    }
    let thread: ThreadOf = t.load(task.at).ok()?;
    let at = t.load::<Thread>(thread.kthread).ok()?.data;
    let raw: RawWorker = t.load(at).ok()?;
    (raw.task == task.at).then_some(Worker {
        at,
        task: raw.task,
        work: raw.current_work,
        function: raw.current_func,
        queue: raw.current_pwq,
    })
}

/// A pool of workers that has work waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Address of its `struct worker_pool`.
    pub at: VirtAddr,
    /// Its CPU; negative for those of no CPU.
    pub cpu: i32,
    /// When a worker of it last took an item, in ticks.
    pub progress: u64,
    /// The functions of the items that wait, the first ones.
    pub waiting: Vec<VirtAddr>,
    /// Those of its workers that run an item.
    pub busy: Vec<Worker>,
}

#[derive(Load)]
#[kernel(name = "worker_pool")]
struct RawPool {
    cpu: i32,
    /// Renamed in 7.x.
    #[kernel(any = "watchdog_ts|last_progress_ts")]
    progress: u64,
}

/// So many waiting items are looked at.
const MAX_WAITING: usize = 64;

/// The pools in which items wait for a worker, found by the workers; the one without progress for longest first.
pub fn waiting(t: &Target, tasks: &Tasks) -> Result<Vec<Pool>, LoadError> {
    waiting_behind(t, tasks.all.iter().filter_map(|task| worker(t, task)))
}

/// The same by these workers.
pub fn waiting_behind(t: &Target, workers: impl Iterator<Item = Worker>) -> Result<Vec<Pool>, LoadError> {
    let (of, list) = (t.offset_of("worker", "pool")?, t.offset_of("worker_pool", "worklist")?);
    let (entry, function) = (t.offset_of("work_struct", "entry")?, t.offset_of("work_struct", "func")?);
    let mut pools: Vec<Pool> = Vec::new();
    for worker in workers {
        let Ok(at) = t.memory().ptr(worker.at.offset(of)) else { continue };
        let known = pools.iter().position(|p| p.at == at);
        let index = match known {
            Some(index) => index,
            None => {
                let Ok(raw) = t.load::<RawPool>(at) else { continue };
                let items =
                    crate::containers::list(t, at.offset(list), entry).items.into_iter().take(MAX_WAITING);
                let waiting = items.filter_map(|item| t.memory().ptr(item.offset(function)).ok()).collect();
                pools.push(Pool { at, cpu: raw.cpu, progress: raw.progress, waiting, busy: Vec::new() });
                pools.len() - 1
            }
        };
        if !worker.work.is_null() {
            pools[index].busy.push(worker);
        }
    }
    pools.retain(|p| !p.waiting.is_empty());
    pools.sort_by_key(|p| p.progress);
    Ok(pools)
}

/// Whom a flush waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flush {
    /// The function of the item that is flushed.
    pub function: VirtAddr,
    /// The task of the worker that runs it, or that runs what stands before it.
    pub worker: Option<VirtAddr>,
    /// Whether that is certain: it runs the item itself, or is the only one that its queue has running.
    pub certain: bool,
}

/// What the completion at `done`, which `waiter` waits for, is the end of; `None` if it is no barrier of a workqueue.
pub fn flush(t: &Target, tasks: &Tasks, done: VirtAddr, waiter: VirtAddr) -> Option<Flush> {
    try_flush(t, tasks, done, waiter).ok().flatten()
}

fn try_flush(
    t: &Target,
    tasks: &Tasks,
    done: VirtAddr,
    waiter: VirtAddr,
) -> Result<Option<Flush>, LoadError> {
    let barrier = done.moved(-(t.offset_of("wq_barrier", "done")? as i64));
    if t.load::<Barrier>(barrier)?.task != waiter {
        return Ok(None);
    }
    let entry = t.offset_of("work_struct", "entry")?;
    let own: Work = t.load(barrier)?;
    let scheduled = t.offset_of("worker", "scheduled")?;
    let workers: Vec<Worker> = tasks.all.iter().filter_map(|task| worker(t, task)).collect();
    let mut node = barrier.offset(entry);
    for _ in 0..MAX_LINKS {
        node = t.memory().ptr(node.offset(u64::from(t.abi().word)))?;
        if let Some(w) = workers.iter().find(|w| w.at.offset(scheduled) == node) {
            return Ok(Some(Flush { function: w.function, worker: Some(w.task), certain: true }));
        }
        let item: Work = t.load(node.moved(-(entry as i64)))?;
        if item.func != own.func {
            return Ok(Some(queued(&item, &workers)));
        }
    }
    Ok(None)
}

/// An item that waits for its turn: behind what its queue has running.
fn queued(item: &Work, workers: &[Worker]) -> Flush {
    let of_queue =
        |w: &&Worker| FLAGS.iter().any(|flags| item.data as u64 & !flags == w.queue.0) && !w.queue.is_null();
    let running: Vec<&Worker> = workers.iter().filter(of_queue).collect();
    Flush { function: item.func, worker: running.first().map(|w| w.task), certain: running.len() == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_behind_the_only_worker_of_its_queue() {
        let worker = |task: u64, queue: u64| Worker {
            at: VirtAddr(task + 0x100),
            task: VirtAddr(task),
            work: VirtAddr(0),
            function: VirtAddr(0x10),
            queue: VirtAddr(queue),
        };
        let item = Work { data: (0xffff_8880_0123_4500_u64 | 5) as i64, func: VirtAddr(0x20) };
        let all = [worker(1, 0xffff_8880_0123_4500), worker(2, 0xffff_8880_0123_4600), worker(3, 0)];
        let found = queued(&item, &all);
        assert_eq!(found, Flush { function: VirtAddr(0x20), worker: Some(VirtAddr(1)), certain: true });
        let two = [worker(1, 0xffff_8880_0123_4500), worker(2, 0xffff_8880_0123_4500)];
        assert!(!queued(&item, &two).certain);
        assert_eq!(queued(&item, &[]).worker, None);
    }
}

//! What is known while the blocked tasks are looked at: each lock is found once, however many wait for it.

use std::collections::HashMap;
use std::ops::Range;

use necropsy_base::VirtAddr;
use necropsy_target::Target;

use super::shape::shape;
use super::{Lock, WaitKind, waiter};
use crate::tasks::{Task, Tasks};

/// The kernel, its tasks by address, and the locks found so far.
pub(super) struct Scene<'a> {
    pub t: &'a Target,
    pub tasks: &'a Tasks,
    by_address: HashMap<VirtAddr, &'a Task>,
    pub locks: Vec<Lock>,
    /// Which lock each waiter waits for.
    known: HashMap<(VirtAddr, &'static str), usize>,
}

/// Where a task is queued.
#[derive(Clone, Copy)]
pub(super) struct Queued {
    /// Index of the lock.
    pub lock: usize,
    /// The waiter on the task's stack.
    pub waiter: VirtAddr,
}

impl<'a> Scene<'a> {
    pub fn new(t: &'a Target, tasks: &'a Tasks) -> Scene<'a> {
        let by_address = tasks.all.iter().map(|task| (task.at, task)).collect();
        Scene { t, tasks, by_address, locks: Vec::new(), known: HashMap::new() }
    }

    /// The task at this address.
    pub fn task(&self, at: VirtAddr) -> Option<&'a Task> {
        self.by_address.get(&at).copied()
    }

    /// The lock of this kind that `task` waits for, by the waiter in `span` of its stack; else why it cannot be told.
    pub fn queued(&mut self, task: &Task, kind: WaitKind, span: Range<u64>) -> Result<Queued, String> {
        let shape = shape(self.t, kind).map_err(|e| e.to_string())?;
        let of = kind.struct_name().unwrap_or("lock");
        let mut candidates = waiter::candidates(self.t, task, &shape, span.clone());
        if let Some(waiter) = candidates.clone().find(|at| self.known.contains_key(&(*at, of))) {
            let lock = self.known.get(&(waiter, of)).copied().unwrap_or_default();
            return Ok(Queued { lock, waiter });
        }
        let found = candidates.find_map(|at| waiter::found(self, task, kind, &shape, at, &span));
        self.add(found.ok_or_else(|| format!("no waiter of a {} is on its stack", kind.text()))?)
    }

    /// The rt_mutex that `task` says it waits for.
    pub fn queued_on_rt_mutex(&mut self, task: &Task) -> Option<Result<Queued, String>> {
        let found = waiter::rt_mutex(self.t, task)?;
        Some(self.add(found))
    }

    fn add(&mut self, found: waiter::Found) -> Result<Queued, String> {
        let of = found.kind.struct_name().unwrap_or("lock");
        let known = self.locks.iter().position(|l| l.at == found.lock && l.kind == of);
        let index = match known {
            Some(index) => index,
            None => {
                self.locks.push(Lock::read(self, &found).map_err(|e| e.to_string())?);
                self.locks.len() - 1
            }
        };
        for (waiter, task) in &found.waiters {
            self.known.insert((*waiter, of), index);
            let pid = self.task(*task).map_or(0, |task| task.pid);
            let waiters = &mut self.locks[index].waiters;
            // An rt_mutex's waiters come one by one.
            if found.kind != WaitKind::RtMutex && known.is_none() || !waiters.contains(&pid) {
                waiters.push(pid);
            }
        }
        Ok(Queued { lock: index, waiter: found.waiter })
    }
}

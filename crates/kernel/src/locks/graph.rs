//! The wait-for graph: each blocked task, the lock it waits for, the task that holds it, and what that one waits for.

use std::collections::{BTreeMap, HashSet};

use necropsy_base::VirtAddr;
use necropsy_target::Target;
use serde::Serialize;

use super::lock::{Lock, Owner};
use super::scene::Scene;
use super::wait::Wait;
use crate::cpus;
use crate::tasks::{Task, Tasks};

/// `TASK_INTERRUPTIBLE`, `TASK_UNINTERRUPTIBLE`, `TASK_NOLOAD` (include/linux/sched.h).
const INTERRUPTIBLE: u64 = 0x1;
const UNINTERRUPTIBLE: u64 = 0x2;
const NOLOAD: u64 = 0x400;
/// More blocked tasks than are looked at.
const MAX_WAITS: usize = 1 << 14;

/// Tasks that wait for each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cycle {
    /// Indices of waits: each waits for a lock that the next holds, the last for one of the first.
    pub waits: Vec<usize>,
    /// Whether every lock says who holds it; readers and semaphores only tell who got them last.
    pub certain: bool,
    /// Indices of the waits that lead into the circle and are no part of it.
    pub behind: Vec<usize>,
}

/// Where a chain of waits ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Index of the last wait of the chain; where several wait for the same lock, the first of them.
    pub wait: usize,
    /// The task that holds the lock and does not wait for one; `None` if it is gone, or the wait is not for a lock.
    #[serde(skip)]
    pub holder: Option<VirtAddr>,
    /// Indices of all waits that lead there, the last one included.
    pub behind: Vec<usize>,
}

/// All that wait, and for whom.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Waits {
    /// The blocked tasks.
    pub waits: Vec<Wait>,
    /// The locks they wait for.
    pub locks: Vec<Lock>,
    /// Circles: deadlocks.
    pub cycles: Vec<Cycle>,
    /// Ends of chains, the one with most tasks behind it first.
    pub roots: Vec<Root>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Whether a task is blocked: in an uninterruptible sleep that counts as load.
pub fn is_blocked(task: &Task) -> bool {
    task.exit_state == 0 && task.state & UNINTERRUPTIBLE != 0 && task.state & NOLOAD == 0
}

impl Waits {
    /// Looks at all blocked tasks, and at the tasks that those wait for.
    pub fn read(t: &Target, tasks: &Tasks) -> Waits {
        let (mut found, mut scene) = (Waits::default(), Scene::new(t, tasks));
        let running: HashSet<VirtAddr> = tasks.current.values().copied().collect();
        let now = cpus::present(t).into_iter().filter_map(|cpu| cpus::run_queue_clock(t, cpu)).max();
        let blocked = |task: &&Task| is_blocked(task) && !running.contains(&task.at);
        let mut todo: Vec<&Task> = tasks.all.iter().filter(blocked).collect();
        let mut seen: HashSet<VirtAddr> = todo.iter().map(|task| task.at).collect();
        todo.reverse();
        while let Some(task) = todo.pop() {
            if found.waits.len() >= MAX_WAITS || t.budget().step().is_err() {
                found.notes.push(format!("of the blocked tasks only {} were looked at", found.waits.len()));
                break;
            }
            let wait = Wait::of(&mut scene, task, now);
            found.notes.extend(wait.unknown.as_ref().map(|why| format!("task {}: {why}", task.pid)));
            let holder = wait.lock.and_then(|l| scene.locks[l].holder()).and_then(|(at, _)| scene.task(at));
            // Tasks that hold something and sleep elsewhere wait for nothing that is known.
            if wait.lock.is_some() || is_blocked(task) {
                found.waits.push(wait);
            }
            // One that sleeps interruptibly may wait for a lock too (mutex_lock_interruptible).
            let asleep = |task: &&Task| task.state & INTERRUPTIBLE != 0 && !running.contains(&task.at);
            todo.extend(holder.filter(asleep).filter(|task| seen.insert(task.at)));
        }
        found.locks = scene.locks;
        let next = found.edges();
        found.cycles = cycles(&next).into_iter().map(|waits| found.cycle(waits)).collect();
        found.chains(&next);
        found
    }

    /// The lock of a wait.
    pub fn lock(&self, wait: &Wait) -> Option<&Lock> {
        self.locks.get(wait.lock?)
    }

    /// The wait at this task.
    pub fn of(&self, task: VirtAddr) -> Option<&Wait> {
        self.waits.iter().find(|w| w.task == task)
    }

    /// For each wait the wait of the task that holds its lock.
    fn edges(&self) -> Vec<Option<usize>> {
        let index: BTreeMap<VirtAddr, usize> =
            self.waits.iter().enumerate().map(|(i, w)| (w.task, i)).collect();
        let next = |w: &Wait| {
            let (holder, _) = self.lock(w)?.holder()?;
            index.get(&holder).copied().filter(|to| self.waits[*to].lock.is_some())
        };
        self.waits.iter().map(next).collect()
    }

    fn cycle(&self, waits: Vec<usize>) -> Cycle {
        let sure =
            |i: &usize| self.lock(&self.waits[*i]).and_then(Lock::holder).is_some_and(|(_, sure)| sure);
        let certain = waits.iter().all(sure);
        Cycle { waits, certain, behind: Vec::new() }
    }

    /// Follows each wait to where it ends: in a circle, or at a root.
    fn chains(&mut self, next: &[Option<usize>]) {
        let members = self.cycles.iter().enumerate().flat_map(|(n, c)| c.waits.iter().map(move |i| (*i, n)));
        let in_cycle: BTreeMap<usize, usize> = members.collect();
        let mut behind: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        // One end for all that wait for the same lock: the first of them.
        let mut first: BTreeMap<usize, usize> = BTreeMap::new();
        for (i, wait) in self.waits.iter().enumerate() {
            wait.lock.map(|lock| *first.entry(lock).or_insert(i));
        }
        let mut ends: Vec<Option<usize>> = vec![None; next.len()];
        for start in 0..self.waits.len() {
            let at = end_of(start, next, &in_cycle, &mut ends);
            match in_cycle.get(&at) {
                None => {
                    let end = self.waits[at].lock.and_then(|lock| first.get(&lock)).copied().unwrap_or(at);
                    behind.entry(end).or_default().push(start);
                }
                Some(cycle) if at != start => self.cycles[*cycle].behind.push(start),
                Some(_) => {}
            }
        }
        self.roots = behind.into_iter().map(|(wait, behind)| self.root(wait, behind)).collect();
        self.roots.sort_by_key(|r| std::cmp::Reverse(r.behind.len()));
    }

    fn root(&self, wait: usize, behind: Vec<usize>) -> Root {
        let holder = match self.lock(&self.waits[wait]).map(|l| &l.owner) {
            Some(Owner::Task { task, .. }) => Some(*task),
            _ => None,
        };
        Root { wait, holder, behind }
    }
}

/// Where the chain from `start` ends: at a member of a circle, or where nothing follows. Each node is walked over once.
fn end_of(
    start: usize,
    next: &[Option<usize>],
    in_cycle: &BTreeMap<usize, usize>,
    ends: &mut [Option<usize>],
) -> usize {
    let (mut at, mut path) = (start, Vec::new());
    let end = loop {
        match (ends[at], next[at]) {
            (Some(end), _) => break end,
            (None, Some(to)) if !in_cycle.contains_key(&at) && path.len() <= next.len() => {
                path.push(at);
                at = to;
            }
            _ => break at,
        }
    };
    path.into_iter().for_each(|node| ends[node] = Some(end));
    end
}

/// The circles of a graph where each node leads to at most one other. Each once, from its lowest node on.
fn cycles(next: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![usize::MAX; next.len()]; // by whose walk
    let mut found = Vec::new();
    for start in 0..next.len() {
        let mut at = start;
        while seen[at] == usize::MAX {
            seen[at] = start;
            match next[at] {
                Some(to) => at = to,
                None => break,
            }
        }
        if seen[at] == start && next[at].is_some() {
            found.push(circle(next, at));
        }
    }
    found
}

/// The circle that `at` is on; nothing but `at` is known to be on it.
fn circle(next: &[Option<usize>], at: usize) -> Vec<usize> {
    let mut nodes = vec![at];
    let mut here = at;
    while let Some(to) = next[here].filter(|to| *to != at && nodes.len() <= next.len()) {
        nodes.push(to);
        here = to;
    }
    let lowest = nodes.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(i, _)| i);
    nodes.rotate_left(lowest);
    nodes
}

#[cfg(test)]
mod tests {
    use super::cycles;

    #[test]
    fn circles_are_found_once_and_chains_are_none() {
        let two = [Some(1), Some(0), Some(0)];
        assert_eq!(cycles(&two), [vec![0, 1]]);
        let with_tail = [Some(1), Some(2), Some(3), Some(1), None, Some(4)];
        assert_eq!(cycles(&with_tail), [vec![1, 2, 3]]);
        assert_eq!(cycles(&[Some(0), Some(2), None]), [vec![0]]);
        assert!(cycles(&[Some(1), Some(2), None]).is_empty());
        assert!(cycles(&[]).is_empty());
    }
}

//! From a blocked task's stack to the lock: the waiter that lies there, and the list it is linked into.

use std::collections::HashSet;
use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::list::list;
use necropsy_target::{Load, Target};

use super::WaitKind;
use super::scene::Scene;
use super::shape::{Begin, Shape};
use crate::tasks::Task;

/// A lock that a task provably waits for.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// What lies there.
    pub kind: WaitKind,
    /// Address of the lock.
    pub lock: VirtAddr,
    /// Address of the waiter on the task's stack.
    pub waiter: VirtAddr,
    /// All waiters that are known from this one, and their tasks.
    pub waiters: Vec<(VirtAddr, VirtAddr)>,
}

/// More of a stack than any lock function uses.
const MAX_SPAN: u64 = 4096;

/// The part of a span that is the task's stack.
fn inside(t: &Target, task: &Task, span: &Range<u64>) -> Range<u64> {
    let bounds = task.stack_range(t);
    let start = span.start.max(bounds.start).checked_next_multiple_of(u64::from(t.abi().word));
    let start = start.unwrap_or(u64::MAX);
    start..span.end.min(bounds.end).min(start.saturating_add(MAX_SPAN))
}

/// Where a waiter of this shape may lie: a word of the stack points at the task itself.
pub(super) fn candidates<'a>(
    t: &'a Target,
    task: &Task,
    shape: &Shape,
    span: Range<u64>,
) -> impl Iterator<Item = VirtAddr> + Clone + use<'a> {
    let (me, offset) = (task.at, shape.task as i64);
    let words = inside(t, task, &span).step_by(usize::from(t.abi().word));
    words
        .map(VirtAddr)
        .filter(move |at| t.memory().ptr(*at).is_ok_and(|p| p == me))
        .map(move |at| at.moved(-offset))
}

/// The lock behind the waiter at `waiter`, if that is one.
pub(super) fn found(
    scene: &Scene<'_>,
    task: &Task,
    kind: WaitKind,
    shape: &Shape,
    waiter: VirtAddr,
    span: &Range<u64>,
) -> Option<Found> {
    let ring = Ring::read(scene, shape, waiter)?;
    let lock = match shape.begin {
        Begin::Head(offset) => ring.head?.moved(-(offset as i64)),
        Begin::First(offset) => pointed_at(scene.t, task, &ring, offset, inside(scene.t, task, span))?,
    };
    Some(Found { kind, lock, waiter, waiters: ring.waiters })
}

/// The circle of links that a waiter is in.
struct Ring {
    /// The one node that is no waiter: the list's head, in the lock.
    head: Option<VirtAddr>,
    /// The waiters, and their tasks.
    waiters: Vec<(VirtAddr, VirtAddr)>,
}

impl Ring {
    /// Follows the links from `waiter`; nothing if they are not those of a healthy list: a stale waiter's are not.
    fn read(scene: &Scene<'_>, shape: &Shape, waiter: VirtAddr) -> Option<Ring> {
        let t = scene.t;
        let links = waiter.offset(shape.list);
        let (next, prev) =
            (t.memory().ptr(links).ok()?, t.memory().ptr(links.offset(u64::from(t.abi().word))).ok()?);
        let back = t.memory().ptr(next.offset(u64::from(t.abi().word))).ok()?;
        if back != links || t.memory().ptr(prev).ok()? != links {
            return None;
        }
        let walk = list(t, links, 0);
        if walk.problem.is_some() {
            return None;
        }
        let mut ring = Ring { head: None, waiters: Vec::new() };
        for node in std::iter::once(links).chain(walk.items) {
            let at = node.moved(-(shape.list as i64));
            match waits_there(scene, shape, at) {
                Some(task) => ring.waiters.push((at, task)),
                None if ring.head.is_none() => ring.head = Some(node),
                None => return None, // two that are no waiters: no list of waiters
            }
        }
        let one_head = ring.head.is_some() == matches!(shape.begin, Begin::Head(_));
        one_head.then_some(ring)
    }
}

/// The task of the waiter at `at`, if that lies on the very task's stack.
fn waits_there(scene: &Scene<'_>, shape: &Shape, at: VirtAddr) -> Option<VirtAddr> {
    let task = scene.t.memory().ptr(at.offset(shape.task)).ok()?;
    scene.task(task)?.stack_range(scene.t).contains(&at.0).then_some(task)
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct BlockedOn {
    blocked_on: Option<VirtAddr>,
    blocker: Option<VirtAddr>,
}

/// The lock whose first waiter is in the ring: the task says which (`blocked_on`, `blocker`, whose low bits are a type), or a
/// word on its stack leads there.
fn pointed_at(t: &Target, task: &Task, ring: &Ring, first: u64, span: Range<u64>) -> Option<VirtAddr> {
    let told = t.load::<BlockedOn>(task.at).ok();
    let told = told.iter().flat_map(|b| [b.blocked_on, b.blocker]).flatten().map(|at| VirtAddr(at.0 & !3));
    let words = span.step_by(usize::from(t.abi().word)).filter_map(|at| t.memory().ptr(VirtAddr(at)).ok());
    let mut seen = HashSet::new();
    told.chain(words).filter(|at| t.arch().is_kernel(*at) && seen.insert(*at)).find(|at| {
        // The lock itself, not a waiter or a pointer into the ring.
        let leads =
            t.memory().ptr(at.offset(first)).is_ok_and(|w| ring.waiters.iter().any(|(at, _)| *at == w));
        leads && !task.stack_range(t).contains(&at.0)
    })
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct PiBlocked {
    pi_blocked_on: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "rt_mutex_waiter")]
struct RtWaiter {
    task: VirtAddr,
    lock: VirtAddr,
}

/// The rt_mutex that the task says it waits for.
pub(super) fn rt_mutex(t: &Target, task: &Task) -> Option<Found> {
    let waiter = t.load::<PiBlocked>(task.at).ok()?.pi_blocked_on.filter(|at| !at.is_null())?;
    let found: RtWaiter = t.load(waiter).ok()?;
    let fits = found.task == task.at && task.stack_range(t).contains(&waiter.0);
    fits.then(|| Found {
        kind: WaitKind::RtMutex,
        lock: found.lock,
        waiter,
        waiters: vec![(waiter, task.at)],
    })
}

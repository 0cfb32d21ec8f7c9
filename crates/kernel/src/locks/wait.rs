//! What one task waits for.

use std::ops::Range;

use necropsy_base::VirtAddr;
use necropsy_target::unwind::{Frame, Stack};
use serde::Serialize;

use super::functions::{WaitKind, is_scheduler, wait_function};
use super::hex;
use super::scene::{Queued, Scene};
use crate::tasks::{self, Task};

/// A task that waits.
#[derive(Clone, Debug, Serialize)]
pub struct Wait {
    /// The task.
    #[serde(serialize_with = "hex")]
    pub task: VirtAddr,
    /// Its thread ID.
    pub pid: i32,
    /// Its name, escaped.
    pub comm: String,
    /// What it waits for.
    pub kind: WaitKind,
    /// The function that waits.
    pub function: Option<String>,
    /// Index of the lock, if memory proves which.
    pub lock: Option<usize>,
    /// Where on its stack it is queued.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_hex")]
    pub waiter: Option<VirtAddr>,
    /// Why the lock is not known.
    pub unknown: Option<String>,
    /// When it last got a CPU, in ns of the scheduler's clock: it waits since shortly after.
    pub since: Option<u64>,
    /// How long that was ago, in ns.
    pub waited: Option<u64>,
    /// Index of the first frame that is no part of the waiting.
    pub caller: usize,
    /// Its stack.
    #[serde(skip)]
    pub stack: Stack,
}

fn some_hex<S: serde::Serializer>(at: &Option<VirtAddr>, s: S) -> Result<S::Ok, S::Error> {
    hex(&at.unwrap_or_default(), s)
}

impl Wait {
    /// Looks at a task that does not run. `now` is the scheduler's clock.
    pub(super) fn of(scene: &mut Scene<'_>, task: &Task, now: Option<u64>) -> Wait {
        let stack = tasks::stack(scene.t, task, None);
        let part = Waiting::find(&stack.frames);
        let (queued, unknown) = match queued(scene, task, &part, &stack.frames) {
            Some(Ok(queued)) => (Some(queued), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Wait {
            task: task.at,
            pid: task.pid,
            comm: task.comm_text(),
            kind: part.kind,
            function: stack.frames.get(part.first).and_then(Frame::name).map(str::to_owned),
            lock: queued.map(|q| q.lock),
            waiter: queued.map(|q| q.waiter),
            unknown,
            since: task.last_run,
            waited: now.zip(task.last_run).map(|(now, then)| now.saturating_sub(then)),
            caller: part.caller,
            stack,
        }
    }

    /// The function that called for the wait.
    pub fn caller(&self) -> Option<&Frame> {
        self.stack.frames.get(self.caller)
    }
}

/// The part of a stack that waits.
struct Waiting {
    kind: WaitKind,
    /// All kinds that functions in it tell.
    kinds: Vec<WaitKind>,
    /// The innermost frame of it that is not the scheduler.
    first: usize,
    /// The first frame that is not part of it.
    caller: usize,
}

impl Waiting {
    fn find(frames: &[Frame]) -> Waiting {
        let is_scheduler = |f: &&Frame| f.name().is_some_and(is_scheduler);
        let first = frames.iter().take_while(is_scheduler).count();
        let told = |f: &Frame| f.name().and_then(wait_function);
        let kinds: Vec<WaitKind> = frames[first..].iter().map_while(told).collect();
        let lock = kinds.iter().find(|k| k.is_lock());
        // The outermost says what for: `flush_work` waits by a completion.
        let kind = lock.or(kinds.last()).copied().unwrap_or(WaitKind::Other);
        Waiting { kind, caller: first + kinds.len(), kinds, first }
    }

    /// Where the waiter can lie: in the frames of the lock's functions. (arm64 keeps them above the frame record, so one more.)
    fn span(&self, frames: &[Frame]) -> Option<Range<u64>> {
        let low = |f: &Frame| f.slot.unwrap_or(f.sp).0;
        let start = low(frames.get(self.first)?);
        let end = frames.get(self.caller + 1).map_or(u64::MAX, low);
        Some(start..end)
    }
}

/// Where the task is queued, or why that cannot be told; nothing if it waits for nothing that has a queue.
fn queued(
    scene: &mut Scene<'_>,
    task: &Task,
    part: &Waiting,
    frames: &[Frame],
) -> Option<Result<Queued, String>> {
    if let Some(queued) = scene.queued_on_rt_mutex(task) {
        return Some(queued);
    }
    let kind = part.kinds.iter().find(|k| k.struct_name().is_some()).copied()?;
    Some(scene.queued(task, kind, part.span(frames)?))
}

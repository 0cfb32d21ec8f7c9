//! Where the parts of waiters and locks lie in this kernel.

use necropsy_target::{LoadError, Target};

use super::WaitKind;

/// A kind of lock whose waiters are on a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// From the start of the waiter to its task.
    pub task: u64,
    /// From the start of the waiter to its list links.
    pub list: u64,
    /// From the start of the lock to where its waiters begin.
    pub begin: Begin,
}

/// How a lock leads to its waiters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begin {
    /// The head of the list lies in the lock, at this offset.
    Head(u64),
    /// The lock points at its first waiter (7.2); the waiters alone make the circle.
    First(u64),
}

/// Names of a waiter: its structs, the member with the task, the member with the links.
type Names = (&'static str, &'static str, &'static str);

/// How waiters and locks of this kind look; an error if this kernel has none of that kind.
pub(super) fn shape(t: &Target, kind: WaitKind) -> Result<Shape, LoadError> {
    let lock = kind.struct_name().ok_or_else(|| LoadError::NoStruct(kind.text().into()))?;
    match kind {
        WaitKind::Mutex => one(t, ("mutex_waiter", "task", "list"), lock),
        WaitKind::Read | WaitKind::Write => one(t, ("rwsem_waiter", "task", "list"), lock),
        WaitKind::Semaphore => one(t, ("semaphore_waiter", "task", "list"), lock),
        WaitKind::Completion => completion(t, lock),
        _ => Err(LoadError::NoStruct(lock.into())),
    }
}

fn one(t: &Target, waiter: Names, lock: &str) -> Result<Shape, LoadError> {
    let (of, task, list) = waiter;
    let begin = match t.offset_of(lock, "first_waiter") {
        Ok(offset) => Begin::First(offset),
        Err(_) => Begin::Head(t.offset_of(lock, "wait_list")?),
    };
    Ok(Shape { task: t.offset_of(of, task)?, list: t.offset_of(of, list)?, begin })
}

/// A completion is waited for on a simple wait queue since 5.7, on an ordinary one before (`__wait_queue` up to 4.12).
fn completion(t: &Target, lock: &str) -> Result<Shape, LoadError> {
    // Ordinary heads have `head` since 4.13; a completion whose `wait` has none is simple then.
    let ordinary_is_told = t.offset_of("wait_queue_head", "head").is_ok();
    if ordinary_is_told && t.offset_of(lock, "wait.head").is_err() {
        return Ok(Shape {
            task: t.offset_of("swait_queue", "task")?,
            list: t.offset_of("swait_queue", "task_list")?,
            begin: Begin::Head(t.offset_of(lock, "wait.task_list")?),
        });
    }
    let entry = if t.size_of("wait_queue_entry").is_ok() { "wait_queue_entry" } else { "__wait_queue" };
    Ok(Shape {
        task: t.offset_of(entry, "private")?,
        list: t.offset_of(entry, "entry|task_list")?,
        begin: Begin::Head(t.offset_of(lock, "wait.head|wait.task_list")?),
    })
}

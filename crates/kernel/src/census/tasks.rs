//! Tasks by other ways than the task list.
//!
//! A process is in `init_task.tasks`, in the PID table of its namespace, among its parent's children, and on a run queue while it runs.
//! `ps` of a running system walks the PID table; who hides takes a task out of one of them only, because the kernel needs the others.

use std::collections::HashSet;

use necropsy_base::VirtAddr;
use necropsy_target::{At, Load, Target};

use crate::containers::list;
use crate::tasks::{self, Task, Tasks};

/// A task that is missing somewhere.
pub struct HiddenTask {
    /// The task.
    pub task: Task,
    /// Where it is missing.
    pub missing: &'static str,
    /// Where it was found nevertheless.
    pub found: Vec<&'static str>,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Links {
    children: At,
}

/// The living tasks that one of the ways does not lead to. A list that is broken lacks what is behind the break: that hides nothing.
pub fn hidden_tasks(t: &Target, tasks: &Tasks) -> Vec<HiddenTask> {
    if !tasks.whole {
        return Vec::new();
    }
    let mut all: Vec<HiddenTask> = tasks.unlisted.iter().filter_map(|at| unlisted(t, tasks, *at)).collect();
    let nowhere = children(t, tasks).into_iter().filter_map(|at| tasks::load(t, at).ok()).filter(living);
    all.extend(nowhere.map(|task| HiddenTask {
        task,
        missing: "the task list and the PID table",
        found: vec!["its parent's list of children"],
    }));
    let unnumbered = tasks.unnumbered.iter().filter_map(|at| tasks.at(*at)).filter(|task| living(task));
    all.extend(unnumbered.map(|task| HiddenTask {
        task: task.clone(),
        missing: "the PID table",
        found: vec!["the task list"],
    }));
    all
}

fn unlisted(t: &Target, tasks: &Tasks, at: VirtAddr) -> Option<HiddenTask> {
    let task = tasks.at(at).filter(|task| living(task))?;
    let mut found = vec!["the PID table"];
    if tasks.at(task.real_parent).is_some_and(|parent| children_of(t, parent.at).contains(&at)) {
        found.push("its parent's list of children");
    }
    if tasks.running_on(task).is_some() {
        found.push("a run queue");
    }
    Some(HiddenTask { task: task.clone(), missing: "the task list", found })
}

/// A task that neither exits nor is being made.
fn living(task: &Task) -> bool {
    const DEAD_OR_NEW: u64 = 0x80 | 0x800;
    task.exit_state == 0 && task.state & DEAD_OR_NEW == 0 && task.pid > 0 && !task.comm.0.is_empty()
}

fn children_of(t: &Target, at: VirtAddr) -> Vec<VirtAddr> {
    let sibling = t.offset_of("task_struct", "sibling");
    match (t.load::<Links>(at), sibling) {
        (Ok(links), Ok(sibling)) => list(t, links.children.0, sibling).items,
        _ => Vec::new(),
    }
}

/// Children of known tasks that are not known.
fn children(t: &Target, tasks: &Tasks) -> Vec<VirtAddr> {
    let known: HashSet<VirtAddr> = tasks.all.iter().map(|task| task.at).collect();
    tasks.all.iter().flat_map(|p| children_of(t, p.at)).filter(|at| !known.contains(at)).collect()
}

//! Run queues: what each CPU runs and what waits to run there (kernel/sched/sched.h).

use necropsy_base::VirtAddr;
use necropsy_target::{At, Load, LoadError, Target};

use crate::tasks::{Task, Tasks};

/// Priorities below this are real-time (`MAX_RT_PRIO`).
const REAL_TIME: i32 = 100;
/// `TASK_ON_RQ_QUEUED`.
const QUEUED: i32 = 1;

/// A CPU's run queue.
#[derive(Clone, Debug)]
pub struct RunQueue<'t> {
    /// The CPU.
    pub cpu: usize,
    /// Its `struct rq`.
    pub at: VirtAddr,
    /// Its clock, in ns.
    pub clock: u64,
    /// The array of real-time tasks.
    pub real_time_at: VirtAddr,
    /// The fair queue.
    pub fair_at: VirtAddr,
    /// The root of its tree.
    pub tree_at: VirtAddr,
    /// What it runs.
    pub current: Option<&'t Task>,
    /// Real-time and deadline tasks that wait, the highest priority first.
    pub real_time: Vec<Waiting<'t>>,
    /// Fair tasks that wait, the next first.
    pub fair: Vec<Waiting<'t>>,
}

/// A task that waits to run.
#[derive(Clone, Debug)]
pub struct Waiting<'t> {
    /// The task.
    pub task: &'t Task,
    /// Its priority.
    pub priority: i32,
    /// Its task group.
    pub group: Option<VirtAddr>,
    runtime: u64,
}

#[derive(Load)]
#[kernel(name = "rq")]
struct Rq {
    clock: u64,
    #[kernel(path = "rt.active")]
    real_time: At,
    #[kernel(path = "cfs")]
    fair: At,
    #[kernel(path = "cfs.tasks_timeline")]
    tree: At,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct State {
    on_rq: i32,
    prio: i32,
    #[kernel(path = "se.vruntime")]
    runtime: u64,
    sched_task_group: Option<VirtAddr>,
}

/// A CPU's run queue. Who waits is read from the tasks themselves: each says whether it is queued, and where.
pub fn run_queue<'t>(t: &Target, tasks: &'t Tasks, cpu: usize) -> Result<RunQueue<'t>, LoadError> {
    let at = t.percpu_symbol("runqueues", cpu).ok_or_else(|| LoadError::NoSymbol("runqueues".into()))?;
    let rq: Rq = t.load(at)?;
    let current = tasks.on_cpu(cpu);
    let (mut real_time, mut fair) = (Vec::new(), Vec::new());
    let queued = tasks
        .all
        .iter()
        .filter(|task| task.cpu == Some(cpu as u32) && Some(task.at) != current.map(|c| c.at));
    for task in queued {
        let state: State = t.load(task.at)?;
        // The idle task is on its queue when nothing else is.
        if state.on_rq != QUEUED || task.pid == 0 {
            continue;
        }
        let waiting =
            Waiting { task, priority: state.prio, group: state.sched_task_group, runtime: state.runtime };
        if state.prio < REAL_TIME { real_time.push(waiting) } else { fair.push(waiting) }
    }
    real_time.sort_by_key(|w| w.priority);
    fair.sort_by_key(|w| w.runtime);
    Ok(RunQueue {
        cpu,
        at,
        clock: rq.clock,
        real_time_at: rq.real_time.0,
        fair_at: rq.fair.0,
        tree_at: rq.tree.0,
        current,
        real_time,
        fair,
    })
}

/// The task group of a task, and its priority.
pub fn group(t: &Target, task: &Task) -> Result<(Option<VirtAddr>, i32), LoadError> {
    let state: State = t.load(task.at)?;
    Ok((state.sched_task_group, state.prio))
}

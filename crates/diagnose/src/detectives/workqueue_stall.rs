//! A pool of workers in which work waits and nothing moves.

use necropsy_base::MemoryExt;
use necropsy_kernel::locks::is_blocked;
use necropsy_kernel::tasks;
use necropsy_kernel::workqueue::{self, Pool, Worker};
use necropsy_report::Place;

use crate::crash::base_name;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, present};

pub const WORKQUEUE_STALL: Detective = Detective {
    id: "workqueue-stall",
    title: "work that waits for a worker, and nothing moves",
    doc: "The watchdog of workqueues ended the kernel. Pools are found by their workers; the one in which items wait and no worker took one \
          for longest is what it saw. A worker of that pool that runs and does not end keeps the others from theirs (a pool runs one \
          worker at a time); workers that are all blocked wait for something that their stacks tell.",
    examine,
};

const CLASS: Class = Class::WorkqueueStall;
/// Who ends the kernel (kernel/workqueue.c, since 6.9).
const REPORTERS: &[&str] = &["panic_on_wq_watchdog", "wq_watchdog_timer_fn"];

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(index) = crash.panic_caller(t, REPORTERS) else { return };
    let reporter = base_name(&crash.stack.frames[index]).unwrap_or_default().to_owned();
    let pools = case.tasks().map(|tasks| workqueue::waiting(t, tasks));
    let pools = pools.transpose().unwrap_or_else(|e| {
        t.note(format!("pools of workers: {e}"));
        None
    });
    let pool = pools.unwrap_or_default().into_iter().next();
    let runs: Vec<&Worker> = pool.iter().flat_map(|p| &p.busy).filter(|w| is_running(case, w)).collect();
    let hog = match &runs[..] {
        [one] => place_of(case, one, 0.85),
        _ => None,
    };
    found.hypotheses.push(hypothesis(case, pool.as_ref(), hog.as_ref(), runs.first().copied()));
    let claim = format!("{reporter} called the panic: it watches over workqueues only");
    let bears = [(CLASS, 5.0), (Class::SoftLockup, -2.0), (Class::HungTask, -2.0)];
    found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
    if let Some(pool) = &pool {
        tell(case, pool, runs.first().copied(), hog.as_ref(), found);
    }
}

/// Whether a worker is not asleep: it has its pool's turn.
fn is_running(case: &Case, worker: &Worker) -> bool {
    let task = case.tasks().and_then(|all| all.at(worker.task));
    task.is_some_and(|task| !is_blocked(task) && task.state & 0x3 == 0)
}

/// Where a worker stands in the item that it runs.
fn place_of(case: &Case, worker: &Worker, sure: f64) -> Option<Place> {
    let (t, all) = (&case.target, case.tasks()?);
    let task = all.at(worker.task)?;
    let frames = tasks::stack(t, task, all.running_on(task)).frames;
    // The item's own function stands below what it called, and above what runs items.
    let own = t.near(worker.function)?.start;
    let index = frames.iter().position(|f| f.function.as_ref().is_some_and(|n| n.start == own))?;
    let from = frames[..=index].iter().rposition(|f| f.trap.is_some()).map_or(0, |i| i + 1);
    let (at, _) = blame::culprit(t, &frames, from)?;
    Some(place_in(t, &frames, at.min(index), sure))
}

fn hypothesis(case: &Case, pool: Option<&Pool>, hog: Option<&Place>, runs: Option<&Worker>) -> Hypothesis {
    let who = hog.map(named);
    let of = pool.map_or_else(|| "a pool that cannot be told from this dump".to_owned(), name);
    let title = match &who {
        Some(who) => format!("a work item does not end and lets no other run: {who}"),
        None => "work items wait and no worker takes them".into(),
    };
    let why = match &who {
        Some(who) => format!(" Its worker is in {who} and does not end; a pool runs one worker at a time."),
        None => " What its workers wait for is on their stacks.".into(),
    };
    let statement = format!(
        "Work waits in {of}, and no worker takes it: the kernel's watchdog of workqueues ended the kernel.{why}"
    );
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.culprit = hog.cloned();
    h.victim = hog.cloned().map(|p| Place { confidence: None, ..p });
    let task = runs.and_then(|w| case.tasks()?.at(w.task));
    h.task = task.map(|task| present::task_info(task, case.tasks().and_then(|all| all.running_on(task))));
    h.advice = vec![
        "queue what takes long to a queue with WQ_CPU_INTENSIVE or WQ_UNBOUND, or let it sleep".into(),
        "see what the workers do: foreach kernel bt".into(),
    ];
    h
}

fn name(pool: &Pool) -> String {
    match pool.cpu {
        cpu if cpu >= 0 => format!("the pool of CPU {cpu}"),
        _ => "a pool of no CPU".into(),
    }
}

fn tell(case: &Case, pool: &Pool, runs: Option<&Worker>, hog: Option<&Place>, found: &mut Findings) {
    let t = &case.target;
    let (count, first) =
        (pool.waiting.len(), pool.waiting.first().map(|f| t.describe(*f).replace("+0x0", "")));
    let jiffies =
        t.symbol("jiffies").or_else(|| t.symbol("jiffies_64")).and_then(|at| t.memory().word(at).ok());
    let since =
        jiffies.map(|now| format!(", for {} ticks", now.saturating_sub(pool.progress))).unwrap_or_default();
    let claim = format!(
        "in {} at {:#x} {count} work item(s) wait, the first {}, and no worker took one{since}",
        name(pool),
        pool.at.0,
        first.unwrap_or_default()
    );
    let source = format!("memory:*(struct worker_pool *){:#x}", pool.at.0);
    let list = format!("list -o work_struct.entry -s work_struct.func -H {:x}", worklist(case, pool));
    found.add(CLASS, 1.0, source, list, claim);
    if let (Some(worker), Some(place)) = (runs, hog)
        && let Some(task) = case.tasks().and_then(|all| all.at(worker.task))
    {
        let claim = format!("its worker {} ({}) runs {}", task.comm_text(), task.pid, named(place));
        found.add(CLASS, 0.5, "stack", format!("bt {}", task.pid), claim);
    }
}

/// The head of the list of items that wait.
fn worklist(case: &Case, pool: &Pool) -> u64 {
    pool.at.0 + case.target.offset_of("worker_pool", "worklist").unwrap_or(0)
}

//! A pool of workers in which work waits and nothing moves.

use necropsy_arch::{Exception, Regs};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::locks::is_blocked;
use necropsy_kernel::tasks::{self, Task};
use necropsy_kernel::workqueue::{self, Pool, Worker};
use necropsy_report::Place;
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, present};

pub const WORKQUEUE_STALL: Detective = Detective {
    id: "workqueue-stall",
    title: "work that waits for a worker, and nothing moves",
    doc: "The watchdog of workqueues ended the kernel. Pools are found by their workers; the one in which items wait and no worker took one \
          for longest is what it saw. A worker of that pool that runs and does not end keeps the others from theirs (a pool runs one \
          worker at a time). If none of them runs, what else keeps the pool's CPU is to blame; workers that are all blocked wait for something \
          that their stacks tell.",
    examine,
};

const CLASS: Class = Class::WorkqueueStall;
/// Who ends the kernel (kernel/workqueue.c, since 6.9), by a BUG_ON() or a panic.
const REPORTERS: &[&str] = &["panic_on_wq_watchdog", "wq_watchdog_timer_fn"];

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(index) = crash.panic_caller(t, REPORTERS).or_else(|| asserted(t, crash)) else { return };
    let reporter = base_name(&crash.stack.frames[index]).unwrap_or_default().to_owned();
    let pools = case.tasks().map(|tasks| workqueue::waiting(t, tasks));
    let pools = pools.transpose().unwrap_or_else(|e| {
        t.note(format!("pools of workers: {e}"));
        None
    });
    let pool = pools.unwrap_or_default().into_iter().next();
    let hog = pool.as_ref().and_then(|pool| hog(case, crash, pool));
    found.hypotheses.push(hypothesis(case, pool.as_ref(), hog.as_ref()));
    let claim = format!("{reporter} ended the kernel: it watches over workqueues only");
    let bears =
        [(CLASS, 5.0), (Class::BugAssertion, -6.0), (Class::SoftLockup, -2.0), (Class::HungTask, -2.0)];
    found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
    if let Some(pool) = &pool {
        tell(case, pool, hog.as_ref(), found);
    }
}

/// The watchdog's frame where it ends the kernel by a BUG_ON() (6.9 and later).
fn asserted(t: &Target, crash: &Crash) -> Option<usize> {
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::InvalidOpcode && trap.fatal)?;
    let by = base_name(crash.stack.frames.get(trap.index)?)?;
    REPORTERS.contains(&by).then_some(trap.index)
}

/// Who keeps the pool's workers from their items.
struct Hog<'a> {
    task: &'a Task,
    place: Option<Place>,
    /// It is one of the pool's workers.
    worker: bool,
}

/// The worker that has its pool's turn, or else what the pool's CPU runs.
fn hog<'a>(case: &'a Case, crash: &Crash, pool: &Pool) -> Option<Hog<'a>> {
    let all = case.tasks()?;
    let awake = |w: &&Worker| all.at(w.task).is_some_and(|task| !is_blocked(task) && task.state & 0x3 == 0);
    let runs: Vec<&Worker> = pool.busy.iter().filter(awake).collect();
    let on_cpu = usize::try_from(pool.cpu).ok().and_then(|cpu| all.on_cpu(cpu));
    match &runs[..] {
        [one] => Some(Hog { task: all.at(one.task)?, place: place_of(case, one, 0.85), worker: true }),
        // Who noticed has the CPU only for that.
        [] => on_cpu.filter(|task| task.pid != 0).map(|task| {
            let frames = tasks::stack(&case.target, task, all.running_on(task)).frames;
            Hog { task, place: kept_by(case, crash, task, &frames), worker: false }
        }),
        _ => None,
    }
}

/// Where a task that is no worker keeps a CPU in the kernel.
fn kept_by(case: &Case, crash: &Crash, task: &Task, frames: &[Frame]) -> Option<Place> {
    let t = &case.target;
    let own = if task.at == crash.task.at { &crash.stack.frames[..] } else { frames };
    let from = own.iter().rposition(|f| f.trap.as_ref().is_some_and(|regs| is_kernel_code(t, regs)));
    let (at, sure) = blame::culprit(t, own, from.map_or(0, |i| i + 1))?;
    Some(place_in(t, own, at, sure.min(0.7)))
}

fn is_kernel_code(t: &Target, regs: &Regs) -> bool {
    regs.get(t.arch().pc()).is_some_and(|pc| t.is_text(VirtAddr(pc)))
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

fn hypothesis(case: &Case, pool: Option<&Pool>, hog: Option<&Hog<'_>>) -> Hypothesis {
    let place = hog.and_then(|hog| hog.place.clone());
    let who = hog.map(|hog| match &hog.place {
        Some(place) => named(place),
        None => format!("task {} ({})", hog.task.comm_text(), hog.task.pid),
    });
    let of = pool.map_or_else(|| "a pool that cannot be told from this dump".to_owned(), name);
    let worker = hog.is_some_and(|hog| hog.worker);
    let title = match &who {
        Some(who) if worker => format!("a work item does not end and lets no other run: {who}"),
        Some(who) => format!("work items wait for a CPU that {who} keeps"),
        None => "work items wait and no worker takes them".into(),
    };
    let why = match &who {
        Some(who) if worker => {
            format!(" Its worker is in {who} and does not end; a pool runs one worker at a time.")
        }
        Some(who) => format!(" None of its workers runs: {who} has the CPU."),
        None => " What its workers wait for is on their stacks.".into(),
    };
    let statement = format!(
        "Work waits in {of}, and no worker takes it: the kernel's watchdog of workqueues ended the kernel.{why}"
    );
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.victim = place.clone().map(|p| Place { confidence: None, ..p });
    h.culprit = place;
    let on = |task| case.tasks().and_then(|all| all.running_on(task));
    h.task = hog.map(|hog| present::task_info(hog.task, on(hog.task)));
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

fn tell(case: &Case, pool: &Pool, hog: Option<&Hog<'_>>, found: &mut Findings) {
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
    let Some(hog) = hog else { return };
    let (who, task) = (if hog.worker { "its worker" } else { "its CPU is kept by" }, hog.task);
    let place = hog.place.as_ref().map(|p| format!(" in {}", named(p))).unwrap_or_default();
    let claim = format!("{who} {} ({}){place}", task.comm_text(), task.pid);
    found.add(CLASS, 0.5, "stack", format!("bt {}", task.pid), claim);
}

/// The head of the list of items that wait.
fn worklist(case: &Case, pool: &Pool) -> u64 {
    pool.at.0 + case.target.offset_of("worker_pool", "worklist").unwrap_or(0)
}

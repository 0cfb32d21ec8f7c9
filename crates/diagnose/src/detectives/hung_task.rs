//! Tasks that wait for too long, though not in a circle.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::block::{self, Disk};
use necropsy_kernel::locks::{Lock, Owner, Root, Wait, WaitKind};
use necropsy_kernel::tasks::{self, Task};
use necropsy_kernel::vfs;
use necropsy_report::{Place, Related, bytes_text};
use necropsy_target::unwind::{Frame, Stack};

use crate::findings::place;
use crate::integrity::named_place;
use crate::timeline::first_event;
use crate::waiting::{
    Ending, blamed, busy_with, frame_place, how_long, named, patience, task_info, what, who,
};
use crate::{Case, Class, Detective, Findings, Hypothesis, drawing, lost_lock, present};

pub const HUNG_TASK: Detective = Detective {
    id: "hung-task",
    title: "tasks that wait for too long",
    doc: "Tasks in an uninterruptible sleep for longer than the hung task detector's patience, and no circle of waits that would \
          explain it. Who holds the lock that most of them wait for, and does not wait for a lock itself, is to be asked: what \
          its stack shows is named, with less confidence. If its holder is gone, or nobody can be seen to have a semaphore, the code of all \
          that take it is looked through for a way out that does not give it back. A dump where tasks sleep so for a moment is healthy.",
    examine,
};

const CLASS: Class = Class::HungTask;
/// Stacks of more tasks than this are not searched for who has a semaphore.
const MAX_TASKS: usize = 2048;

fn examine(case: &Case, found: &mut Findings) {
    let (waits, ending) = (case.waits(), Ending::of(case));
    if !waits.cycles.is_empty() || ending == Ending::Other {
        return;
    }
    let Some((root, longest)) = worst(case, ending) else { return };
    let last = &waits.waits[root.wait];
    let holder = root.holder.and_then(|at| case.tasks()?.at(at)).or_else(|| inside(case, last));
    let holder = holder.map(|task| Holder::new(case, task));
    let disk = if holder.is_none() { disk(case, last) } else { None };
    let mut h = hypothesis(case, root, last, longest, holder.as_ref());
    disk.iter().for_each(|d| behind_disk(case, d, last, &mut h, found));
    if holder.is_none() && disk.is_none() {
        frozen(case, last, &mut h, found);
    }
    if let Some(lock) = case.waits().lock(last) {
        lost(case, lock, last, holder.as_ref(), &mut h, found);
    }
    found.hypotheses.push(h);
    if let Some(figure) = drawing::waits(case, &[root.wait], &root.behind, false) {
        found.draw(CLASS, figure);
    }
    overdue(case, ending, root, longest, found);
    held(case, last, holder.as_ref(), found);
    if let Some((line, text)) = first_event(case.log(), &["hung-task"]) {
        found.add(CLASS, 0.5, format!("log:{line}"), "log".to_owned(), format!("the log says: {text}"));
    }
}

/// The chain to explain: one whose longest wait is overdue; locks before others, then the one with most tasks. Without the
/// detector's word only waits for a lock count: some threads sleep so for ever, by design.
fn worst(case: &Case, ending: Ending) -> Option<(&Root, &Wait)> {
    let (waits, patience) = (case.waits(), patience(&case.target));
    let overdue = |root: &'_ Root| {
        let behind = root.behind.iter().filter_map(|i| waits.waits.get(*i));
        behind.max_by_key(|w| w.waited).filter(|w| w.waited.is_none_or(|ns| ns >= patience))
    };
    let has_lock = |root: &Root| waits.waits[root.wait].lock.is_some();
    let late = waits.roots.iter().filter_map(|root| Some((root, overdue(root)?)));
    let known = late.filter(|(root, w)| ending == Ending::HungTask || has_lock(root) && w.waited.is_some());
    known.max_by_key(|(root, w)| (has_lock(root), root.behind.len(), w.waited))
}

/// The task that holds the lock.
struct Holder<'a> {
    task: &'a Task,
    stack: Stack,
    cpu: Option<usize>,
}

impl<'a> Holder<'a> {
    fn new(case: &Case, task: &'a Task) -> Holder<'a> {
        let cpu = case.tasks().and_then(|tasks| tasks.running_on(task));
        Holder { task, stack: tasks::stack(&case.target, task, cpu), cpu }
    }

    fn who(&self) -> String {
        format!("{} ({})", bytes_text(&self.task.comm.0), self.task.pid)
    }

    /// What it does.
    fn text(&self) -> String {
        let at = busy_with(&self.stack.frames).map_or("an unknown function".into(), named);
        match self.cpu {
            Some(cpu) => format!("runs on CPU {cpu}, in {at}"),
            None if self.task.state == 0 => format!("is ready to run, in {at}"),
            None => format!("sleeps in {at}"),
        }
    }
}

fn hypothesis(
    case: &Case,
    root: &Root,
    last: &Wait,
    longest: &Wait,
    holder: Option<&Holder<'_>>,
) -> Hypothesis {
    let waits = case.waits();
    let what = what(waits, last);
    let victim = blamed(&case.target, longest).map(|(f, _)| f);
    let title = match holder {
        Some(h) => format!("{} task(s) hang behind {what}, held by {}", root.behind.len(), h.who()),
        None => format!("{} task(s) hang: {} waits for {what}", root.behind.len(), who(last)),
    };
    let mut statement = format!("Task {} is blocked{}", who(longest), how_long(longest));
    statement += &match holder {
        Some(h) => {
            let told = waits.lock(last).is_some_and(|lock| lock.holder().is_some());
            let holds = if told { "holds" } else { "seems to hold: it is in a function that takes it" };
            format!("; what it needs is {what}, which {} {holds}. That task {}.", h.who(), h.text())
        }
        None => format!("; it all waits for {what}. {}", why_unknown(waits.lock(last))),
    };
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.culprit = holder.and_then(|h| culprit(case, h, waits.lock(last))).or_else(|| for_ever(case, last));
    h.victim = victim.and_then(|f| frame_place(&case.target, f, None));
    h.related = holder.map(owner).into_iter().collect();
    h.task = Some(task_info(longest));
    let holder =
        holder.map(|h| format!("look at what the holder does, and why it does not end: bt {}", h.task.pid));
    h.advice = holder.into_iter().chain([format!("see what hangs: bt {}", longest.pid)]).collect();
    h.separate = Some("whether the holder still moves: a second dump, or its CPU time, would tell".into());
    h
}

/// Semaphores do not say who has them: the only task besides those that wait that stands in a function which takes this one.
fn inside<'a>(case: &'a Case, last: &Wait) -> Option<&'a Task> {
    let (tasks, lock) = (case.tasks()?, case.waits().lock(last)?);
    let unowned = last.kind == WaitKind::Semaphore && lock.holder().is_none() && tasks.all.len() <= MAX_TASKS;
    let users = unowned.then(|| lost_lock::Users::of(&case.target, lock.at, last.kind))?;
    let stands = |task: &&Task| {
        let stack = tasks::stack(&case.target, task, tasks.running_on(task));
        !lock.waiters.contains(&task.pid) && stack.frames.iter().filter_map(|f| f.pc).any(|pc| users.has(pc))
    };
    let mut found = tasks.all.iter().filter(stands);
    let one = found.next()?;
    found.next().is_none().then_some(one)
}

/// The disk whose answer the last task of the chain waits for.
fn disk(case: &Case, last: &Wait) -> Option<Disk> {
    block::waited_for(&case.target, case.tasks()?.at(last.task)?)
}

/// Who takes a disk's requests has to end them.
fn behind_disk(case: &Case, disk: &Disk, last: &Wait, h: &mut Hypothesis, found: &mut Findings) {
    let t = &case.target;
    let driver = disk.driver.map(|f| t.describe(f).replace("+0x0", ""));
    let by = driver.as_ref().map(|d| format!(", whose requests go to {d}")).unwrap_or_default();
    h.title = format!("{} hangs behind disk {}", who(last), disk.name);
    h.statement += &format!(" It waits for disk {}{by}: a request was not answered.", disk.name);
    h.culprit = disk.driver.map(|f| place(t, f, Some(0.5)));
    h.advice.insert(0, format!("look at the disk {}, its driver and its cable or transport: log", disk.name));
    let claim =
        format!("what {} waits for is a page or buffer of disk {}, {:#x}", who(last), disk.name, disk.at.0);
    let source = format!("memory:((struct gendisk *){:#x})", disk.at.0);
    found.add(CLASS, 1.0, source, format!("struct gendisk.disk_name,fops,queue {:x}", disk.at.0), claim);
    if let Some((driver, at)) = driver.zip(disk.driver_at) {
        let claim = format!("the disk's table of operations has {driver} at {:#x} for its requests", at.0);
        found.add(CLASS, 0.1, format!("memory:{:#x}", at.0), format!("rd -s {:x} 1", at.0), claim);
    }
}

/// Who writes to a frozen file system waits until it is thawed: the stack has the place where.
fn frozen(case: &Case, last: &Wait, h: &mut Hypothesis, found: &mut Findings) {
    /// More of a stack than the way from a system call to the wait uses.
    const REACH: u64 = 4096;
    let t = &case.target;
    let Some(task) = case.tasks().and_then(|tasks| tasks.at(last.task)) else { return };
    let Some(sp) = task.sp.value().map(|sp| sp.0) else { return };
    let end = sp.saturating_add(REACH).min(task.stack_range(t).end);
    let words: Vec<u64> = (sp..end).step_by(8).filter_map(|at| t.memory().u64(VirtAddr(at)).ok()).collect();
    let all = vfs::super_blocks(t).unwrap_or_default();
    let waits = |s: &vfs::SuperBlock| s.frozen != 0 && words.iter().any(|w| s.writers.contains(w));
    let Some(s) = all.iter().find(|s| waits(s)) else { return };
    let name = format!("the {} on {}", s.kind, s.id);
    h.title = format!("{} hangs: {name} is frozen", who(last));
    h.statement = format!(
        "Task {} wants to write to {name}, which is frozen (FIFREEZE: fsfreeze, a snapshot, a backup) and was not thawed: all who write to it \
         wait. No kernel code is to blame for that.",
        who(last)
    );
    h.culprit = None;
    h.advice.insert(0, format!("find out who froze {} and did not thaw it: the backup's or the hypervisor's log; fsfreeze --unfreeze", s.id));
    let claim = format!("{} waits in the s_writers of {name}, which is frozen ({})", who(last), s.frozen);
    let proof = format!("struct super_block.s_id,s_writers.frozen {:x}", s.at.0);
    found.add(CLASS, 1.5, format!("memory:super_block {:#x}", s.at.0), proof, claim);
}

/// Where nobody is to be seen who would give the lock back (its holder is gone, or in no function that takes it): the functions that may
/// have lost it, by their code.
fn lost(
    case: &Case,
    lock: &Lock,
    last: &Wait,
    holder: Option<&Holder<'_>>,
    h: &mut Hypothesis,
    found: &mut Findings,
) {
    let t = &case.target;
    let unowned = last.kind == WaitKind::Semaphore && lock.holder().is_none() && holder.is_none();
    let gone = unowned || matches!(lock.owner, Owner::Gone { .. });
    if !gone && holder.is_none_or(|h| !h.stack.end.is_complete()) {
        return;
    }
    let users = lost_lock::Users::of(t, lock.at, last.kind);
    let frames = holder.into_iter().flat_map(|h| &h.stack.frames);
    if frames.filter_map(|f| f.pc).any(|pc| users.has(pc)) {
        return;
    }
    let losers = users.losers();
    let Some(first) = losers.first() else { return };
    let name = named_place(&Place { offset: None, ..place(t, first.taken, None) });
    if losers.len() == 1 {
        // A semaphore may be given back by somebody else, and be meant so.
        h.culprit = Some(place(t, first.left, Some(if unowned { 0.55 } else { 0.75 })));
        h.title = format!("{name} returned with {}", lock.text());
        h.statement += &format!(
            " {name} takes it and has a way out on which it does not give it back, the only function of all that take it."
        );
        h.advice.insert(0, format!("read the ways out of {name}: dis -l {name}"));
    }
    for loser in losers.iter().take(4) {
        let claim = format!(
            "{} takes {} at {} and can come to its return at {} without giving it back",
            named_place(&Place { offset: None, ..place(t, loser.taken, None) }),
            lock.text(),
            t.describe(loser.taken),
            t.describe(loser.left)
        );
        found.add(
            CLASS,
            0.7,
            format!("text:{}", loser.function.name),
            format!("dis {:x}", loser.function.start.0),
            claim,
        );
    }
}

fn why_unknown(lock: Option<&Lock>) -> String {
    match lock.map(|l| &l.owner) {
        Some(Owner::Gone { task }) => {
            format!(
                "The task that held it ({task:#x}) is not there any more: it ended without giving it back."
            )
        }
        Some(Owner::Unknown { why }) => format!("Who should end this wait cannot be told: {why}."),
        Some(Owner::Nobody) => {
            "Nobody holds it any more: the waiter was not woken, or had no time to run.".into()
        }
        _ => "Who should end this wait cannot be told from memory.".into(),
    }
}

/// What the holder is at; less sure if it may only have been the last to hold the lock.
fn culprit(case: &Case, h: &Holder<'_>, lock: Option<&Lock>) -> Option<necropsy_report::Place> {
    let certain = lock.and_then(Lock::holder).is_some_and(|(_, certain)| certain);
    let sure = if certain { 0.65 } else { 0.4 };
    frame_place(&case.target, busy_with(&h.stack.frames)?, Some(sure))
}

/// Who waits without a limit for what nobody has to give: it is where to look first, and no more than that.
fn for_ever(case: &Case, last: &Wait) -> Option<necropsy_report::Place> {
    let nobody_holds = match case.waits().lock(last) {
        Some(lock) => lock.kind == "completion",
        None => last.kind == WaitKind::Other,
    };
    let (frame, _) = blamed(&case.target, last).filter(|_| nobody_holds)?;
    frame_place(&case.target, frame, Some(0.45))
}

fn owner(h: &Holder<'_>) -> Related {
    let frame = busy_with(&h.stack.frames);
    Related {
        role: "owner",
        function: frame.and_then(Frame::name).map(str::to_owned),
        module: frame.and_then(Frame::module).map(str::to_owned),
        task: Some(present::task_info(h.task, h.cpu)),
    }
}

fn overdue(case: &Case, ending: Ending, root: &Root, longest: &Wait, found: &mut Findings) {
    if ending == Ending::HungTask {
        let claim =
            "the hung task detector (khungtaskd) ended the kernel because tasks were blocked for too long";
        found.add(CLASS, 4.5, "stack", "bt".to_owned(), claim);
    }
    let weight = if ending == Ending::HungTask { 0.5 } else { 3.5 };
    let (seconds, many) = (patience(&case.target) / 1_000_000_000, root.behind.len());
    let claim = format!(
        "{} is blocked{} (more than {seconds} s count as hung); {many} blocked task(s) in this chain",
        who(longest),
        how_long(longest)
    );
    let source = format!("memory:((struct task_struct *){:#x})->sched_info.last_arrival", longest.task.0);
    found.add(CLASS, weight, source, format!("locks {}", longest.pid), claim);
    let claim = format!("its stack: it waits for {}", what(case.waits(), longest));
    found.add(CLASS, 0.3, "stack", format!("locks {}", longest.pid), claim);
}

fn held(case: &Case, last: &Wait, holder: Option<&Holder<'_>>, found: &mut Findings) {
    let Some(lock) = case.waits().lock(last) else { return };
    let (weight, claim) = match (holder, &lock.owner) {
        (Some(h), _) if lock.holder().is_none() => {
            let at = busy_with(&h.stack.frames).map_or("an unknown function".into(), named);
            let claim =
                format!("{} is in {at}, the only one in a function that takes {}", h.who(), lock.text());
            return found.add(CLASS, 0.5, "stack", format!("bt {}", h.task.pid), claim);
        }
        (Some(h), _) => {
            (1.0, format!("{} is held by {}, which {}", lock.text_and_address(), h.who(), h.text()))
        }
        (None, Owner::Gone { task }) => {
            (1.0, format!("{} is held by {task:#x}, where no task is: it ended", lock.text_and_address()))
        }
        (None, _) => return,
    };
    let source = format!("memory:((struct {} *){:#x})->owner", lock.kind, lock.at.0);
    found.add(CLASS, weight, source, format!("locks {:x}", lock.at.0), claim);
}

//! Tasks that wait for each other in a circle.

use necropsy_kernel::locks::{Cycle, Lock, Owner, Wait, Waits};
use necropsy_target::Target;

use crate::timeline::first_event;
use crate::waiting::{Ending, blamed, frame_place, how_long, named, related, task_info, who};
use crate::{Case, Class, Detective, Findings, Hypothesis, drawing};

pub const DEADLOCK: Detective = Detective {
    id: "deadlock",
    title: "tasks that wait for each other's locks",
    doc: "Each blocked task has a waiter on its stack, linked into the list of the lock that it waits for; the lock names the \
          task that holds it. Where these lead in a circle, no task of it can ever go on. The functions that took the locks in \
          different orders are to blame; the one that came last closed the circle. Readers of a rw_semaphore and holders of a \
          semaphore are only known as the last to get it, which proves less.",
    examine,
};

const CLASS: Class = Class::Deadlock;

fn examine(case: &Case, found: &mut Findings) {
    let waits = case.waits();
    // The circle that most tasks are in; others are as good.
    let Some(cycle) = waits.cycles.iter().max_by_key(|c| (c.certain, c.waits.len() + c.behind.len())) else {
        return;
    };
    let members: Vec<&Wait> = cycle.waits.iter().filter_map(|i| waits.waits.get(*i)).collect();
    let last = waits_for_an_end(waits, &members).or_else(|| members.iter().copied().max_by_key(|w| w.since));
    let Some(last) = last else { return };
    found.hypotheses.push(hypothesis(case, waits, cycle, &members, last));
    if let Some(figure) = drawing::waits(case, &cycle.waits, &cycle.behind, true) {
        found.draw(CLASS, figure);
    }
    circle(waits, cycle, &members, found);
    members.iter().take(SHOWN).for_each(|wait| edge(&case.target, waits, wait, found));
    since(&members, found);
    ended(case, &members, found);
}

/// The one that waits for the end of another's work or thread, where all others wait for locks: it holds what they need meanwhile.
fn waits_for_an_end<'a>(waits: &Waits, members: &[&'a Wait]) -> Option<&'a Wait> {
    let mut ends = members.iter().copied().filter(|w| waits.lock(w).is_some_and(|l| l.kind == "completion"));
    ends.next().filter(|_| members.len() > 1 && ends.next().is_none())
}

/// More members of a circle than this add nothing to what is shown.
const SHOWN: usize = 4;

fn hypothesis(case: &Case, waits: &Waits, cycle: &Cycle, members: &[&Wait], last: &Wait) -> Hypothesis {
    let (title, mut statement) = match members {
        [_] => alone(&case.target, waits, last),
        _ => together(&case.target, waits, members),
    };
    match cycle.behind.len() {
        0 => {}
        1 => statement += " One more task queues behind them.",
        n => statement += &format!(" {n} more tasks queue behind them."),
    }
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.culprit = blamed(&case.target, last)
        .and_then(|(f, sure)| frame_place(&case.target, f, Some(sure * trust(cycle, members))));
    h.victim = h.culprit.clone().map(|p| necropsy_report::Place { confidence: None, ..p });
    h.related = members
        .iter()
        .filter(|w| w.task != last.task)
        .map(|w| related(&case.target, "other culprit", w))
        .collect();
    h.task = members.iter().max_by_key(|w| w.waited).map(|w| task_info(w));
    h.advice = advice(waits, members);
    h.separate = (!cycle.certain).then(|| {
        "whether the task named as the last reader still holds the rw_semaphore: its stack must show a function that took it"
            .into()
    });
    h
}

/// Two that take two locks in opposite order are equally wrong; of more, some may be right.
fn trust(cycle: &Cycle, members: &[&Wait]) -> f64 {
    // Who closed a larger circle is told by the times; without them it could be any.
    let timed = members.iter().all(|w| w.since.is_some());
    let shape = match cycle.waits.len() {
        0..=2 => 0.95,
        _ if timed => 0.75,
        n => 1.0 / n as f64,
    };
    if cycle.certain { shape } else { shape * 0.8 }
}

/// A task that waits for itself.
fn alone(t: &Target, waits: &Waits, wait: &Wait) -> (String, String) {
    let (lock, at) = (lock_text(waits, wait), place(t, wait));
    if waits.lock(wait).is_some_and(|l| l.kind == "completion") {
        return (
            format!("deadlock: {at} waits for the {lock}, which cannot run before it ends"),
            format!(
                "Task {} runs a work item and waits in {at} for the {lock}{}. That item is queued behind the one that waits: neither \
                 can ever go on.",
                who(wait),
                how_long(wait)
            ),
        );
    }
    (
        format!("deadlock: {at} takes {lock}, which its own task holds already"),
        format!(
            "Task {} waits in {at} for {lock}, and holds it itself{}. It can never go on, nor can anybody who needs that lock.",
            who(wait),
            how_long(wait)
        ),
    )
}

fn together(t: &Target, waits: &Waits, members: &[&Wait]) -> (String, String) {
    let mut places: Vec<String> = members.iter().map(|w| place(t, w)).collect();
    let held = |i: usize| lock_text(waits, members[(i + members.len() - 1) % members.len()]);
    let told = |(i, w): (usize, &&Wait)| {
        format!("{} holds {} and waits in {} for {}", who(w), held(i), place(t, w), lock_text(waits, w))
    };
    let told: Vec<String> = members.iter().enumerate().take(SHOWN).map(told).collect();
    places.dedup();
    let more = members.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; {more} more are part of it") } else { String::new() };
    let title = format!("deadlock: {} wait for each other's locks", places.join(", "));
    let order = match waits_for_an_end(waits, members) {
        Some(w) => {
            format!("{} waits for an end that cannot come while it holds what is needed for it.", place(t, w))
        }
        None if places.len() == 1 => "They take the same two objects' locks in different orders.".into(),
        None => "They take the locks in different orders.".into(),
    };
    (title, format!("{}{more}. None of them can ever go on. {order}", told.join("; ")))
}

fn place(t: &Target, wait: &Wait) -> String {
    blamed(t, wait).map_or("an unknown function".into(), |(f, _)| named(f))
}

fn lock_text(waits: &Waits, wait: &Wait) -> String {
    waits.lock(wait).map_or("a lock".into(), Lock::text)
}

fn advice(waits: &Waits, members: &[&Wait]) -> Vec<String> {
    let stacks: Vec<String> = members.iter().take(SHOWN).map(|w| format!("bt {}", w.pid)).collect();
    let fix = match members.len() {
        1 => "do not take the lock again on this path, or give it back before",
        _ if waits_for_an_end(waits, members).is_some() => {
            "give the lock back before waiting for the end of what needs it"
        }
        _ => "take the locks in one order everywhere, or give the first back before taking the second",
    };
    vec![
        fix.into(),
        format!("see who holds and who waits: {}", stacks.join("; ")),
        "a kernel with CONFIG_PROVE_LOCKING names the orders at the first chance, without a hang".into(),
    ]
}

fn circle(waits: &Waits, cycle: &Cycle, members: &[&Wait], found: &mut Findings) {
    let (weight, how) = match cycle.certain {
        true => (5.0, ""),
        false => (3.0, " (of a rw_semaphore held by readers only the last one is known)"),
    };
    let chain: Vec<String> =
        members.iter().map(|w| format!("{} -> {}", who(w), lock_text(waits, w))).collect();
    let claim = format!("the waits make a circle: {} -> {}{how}", chain.join(" -> "), who(members[0]));
    found.add(CLASS, weight, "memory", format!("locks {}", members[0].pid), claim);
}

/// The waiter on the stack, and the owner in the lock.
fn edge(t: &Target, waits: &Waits, wait: &Wait, found: &mut Findings) {
    let (Some(lock), Some(waiter)) = (waits.lock(wait), wait.waiter) else { return };
    let claim = format!(
        "{} waits in {} for {}: its waiter at {waiter:#x}, on its stack, is queued there{}",
        who(wait),
        place(t, wait),
        lock.text(),
        how_long(wait)
    );
    found.add(CLASS, 1.0, format!("memory:{waiter:#x}"), format!("locks {}", wait.pid), claim);
    let Owner::Task { task, pid, certain } = lock.owner else { return };
    let holder = waits.of(task).map_or(format!("task {pid}"), who);
    let (weight, says) = if certain { (1.0, "is held by") } else { (0.5, "was last taken by") };
    let claim = format!("{} {says} {holder}", lock.text_and_address());
    let source = format!("memory:((struct {} *){:#x})->owner", lock.kind, lock.at.0);
    found.add(CLASS, weight, source, format!("locks {:x}", lock.at.0), claim);
}

/// Since when they wait.
fn since(members: &[&Wait], found: &mut Findings) {
    let Some(first) = members.iter().filter(|w| w.waited.is_some()).min_by_key(|w| w.since) else { return };
    let claim =
        format!("{} last ran {:.1} s before the end", who(first), first.waited.unwrap_or(0) as f64 / 1e9);
    let source = format!("memory:((struct task_struct *){:#x})->sched_info.last_arrival", first.task.0);
    found.add(CLASS, 0.2, source, format!("ps -m {}", first.pid), claim);
}

/// What the end of the kernel has to do with it.
fn ended(case: &Case, members: &[&Wait], found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    match Ending::of(case) {
        Ending::HungTask => {
            let claim = "the hung task detector (khungtaskd) ended the kernel because tasks were blocked for too long";
            found.add_to_all(&[(CLASS, 1.5), (Class::HungTask, 5.0)], "stack", "bt".to_owned(), claim);
        }
        Ending::Other => {
            let claim = format!(
                "the kernel died of something else, in task {}: the deadlock was there, but did not end it",
                crash.task.comm_text()
            );
            found.add(CLASS, -8.0, "stack", "bt".to_owned(), claim);
        }
        Ending::Stopped | Ending::Alive => {}
    }
    logged(case, members, found);
}

fn logged(case: &Case, members: &[&Wait], found: &mut Findings) {
    let Some((line, text)) = first_event(case.log(), &["hung-task"]) else { return };
    let one_of_them = members.iter().any(|w| text.contains(&format!("{}:{} ", w.comm, w.pid)));
    let weight = if one_of_them { 0.5 } else { 0.2 };
    found.add(CLASS, weight, format!("log:{line}"), "log".to_owned(), format!("the log says: {text}"));
}

//! `locks`: who waits for what, and who holds it.

use necropsy_diagnose::{Case, CaseOptions, scenes};
use necropsy_report::{CircleInfo, SpinInfo, WaitInfo};

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Locks;

impl Command for Locks {
    fn name(&self) -> &'static str {
        "locks"
    }
    fn synopsis(&self) -> &'static str {
        "[pid | task | lock] ..."
    }
    fn about(&self) -> &'static str {
        "who waits for which lock, for how long, and who holds it"
    }
    fn help(&self) -> &'static str {
        "First the circles: tasks that wait for each other. Then each blocked task: since when it waits, what for, where on its stack it is queued, \
         and who holds the lock, as far as the lock says so. Then the CPUs that spin on a lock, with the function that took it and has not \
         given it back, by its code. Mutexes, rw-semaphores, semaphores, rt-mutexes, completions (of work items: who runs the item), bit waits \
         and I/O. With arguments: only what has to do with these tasks or locks.\n\
         The command is necropsy's own; crash has none like it."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "locks", what: "all that are blocked" },
            Example { line: "locks 1571", what: "what one task waits for" },
            Example { line: "locks inode_table_lock", what: "who waits for one lock, and who holds it" },
        ]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![CircleInfo, WaitInfo, SpinInfo]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let only = args.rest.iter().map(|word| Only::of(cx, word)).collect::<Result<Vec<_>, _>>()?;
        let case = Case::open(cx.target.clone(), CaseOptions::default());
        let waits = wanted(scenes::waits(&case), &only, |only, w| only.wait(w));
        let spins = wanted(scenes::spins(&case), &only, |only, s| only.spin(s));
        let in_it = |c: &CircleInfo| waits.iter().any(|w| c.circle.contains(&who(w)));
        case.lock_notes().iter().for_each(|n| out.note(n));
        for c in scenes::circles(&case).iter().filter(|c| in_it(c)) {
            out.row(c, circle)?;
        }
        for w in &waits {
            out.row(w, wait)?;
        }
        for s in &spins {
            out.row(s, spin)?;
        }
        if waits.is_empty() && spins.is_empty() {
            out.heading(if only.is_empty() {
                "no task is blocked, and no CPU spins"
            } else {
                "nobody waits there"
            })?;
        }
        Ok(())
    }
}

/// What an argument names.
struct Only {
    at: u64,
    pids: Vec<i32>,
}

impl Only {
    fn of(cx: &Context, word: &str) -> Result<Only, CommandError> {
        if let Ok(tasks) = cx.find_tasks(word) {
            return Ok(Only { at: 0, pids: tasks.iter().map(|task| task.pid).collect() });
        }
        Ok(Only { at: cx.address(word)?.0, pids: Vec::new() })
    }
    fn wait(&self, w: &WaitInfo) -> bool {
        self.pids.contains(&w.task.pid) || w.lock.is_some_and(|lock| lock.0 == self.at)
    }
    fn spin(&self, s: &SpinInfo) -> bool {
        self.pids.contains(&s.task.pid) || s.at.0 == self.at
    }
}

fn wanted<T>(all: Vec<T>, only: &[Only], is: impl Fn(&Only, &T) -> bool) -> Vec<T> {
    all.into_iter().filter(|one| only.is_empty() || only.iter().any(|o| is(o, one))).collect()
}

fn who(w: &WaitInfo) -> String {
    format!("{} ({})", w.task.comm, w.task.pid)
}

fn circle(c: &CircleInfo) -> String {
    let doubt = if c.certain { "" } else { "  (one lock only tells who took it last)" };
    format!("CIRCLE: {}{doubt}", c.circle.join(" -> "))
}

fn wait(w: &WaitInfo) -> String {
    let since = w.seconds.map(|s| format!("  BLOCKED: {s:.1} s")).unwrap_or_default();
    let mut lines =
        vec![format!("PID: {:<8} TASK: {:016x}  COMMAND: \"{}\"{since}", w.task.pid, w.at.0, w.task.comm)];
    let lock = w.lock.map(|at| format!(" at {:x}", at.0)).filter(|_| !w.waits_for.contains(" at 0x"));
    let lock = lock.unwrap_or_default();
    lines.push(format!("  WAITS FOR: {}{lock}", w.waits_for));
    lines.extend(w.waits_in.iter().map(|place| format!("         IN: {place}")));
    lines.extend(w.waiter.map(|at| format!("     WAITER: {:016x}, on its stack", at.0)));
    lines.extend(w.held_by.iter().map(|holder| format!("    HELD BY: {holder}")));
    lines.join("\n")
}

fn spin(s: &SpinInfo) -> String {
    let mut lines = vec![format!(
        "CPU {} spins on the lock {} at {:x}, in {}, task {} ({})",
        s.spinning_cpu, s.lock, s.at.0, s.wants, s.task.comm, s.task.pid
    )];
    lines.extend(s.held_by.iter().map(|holder| format!("    HELD BY: {holder}")));
    lines.join("\n")
}

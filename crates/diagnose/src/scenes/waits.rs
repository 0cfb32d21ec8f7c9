//! Who waits for what, and who holds it.

use necropsy_kernel::locks::{Cycle, Lock, Owner, Wait};
use necropsy_report::{CircleInfo, Hex, SpinInfo, WaitInfo};

use crate::spinning::{Hold, Spin, Spinning};
use crate::waiting::{blamed, named, task_info, what, who};
use crate::{Case, present};

/// The blocked tasks.
pub fn waits(case: &Case) -> Vec<WaitInfo> {
    case.waits().waits.iter().map(|wait| info(case, wait)).collect()
}

fn info(case: &Case, wait: &Wait) -> WaitInfo {
    let lock = case.waits().lock(wait);
    WaitInfo {
        task: task_info(wait),
        at: Hex(wait.task.0),
        seconds: wait.waited.map(|ns| ns as f64 / 1e9),
        waits_in: blamed(&case.target, wait).map(|(frame, _)| named(frame)),
        waits_for: what(case.waits(), wait),
        lock: lock.map(|l| Hex(l.at.0)),
        waiter: wait.waiter.map(|at| Hex(at.0)),
        held_by: lock.and_then(|l| holder(case, l)),
    }
}

fn holder(case: &Case, lock: &Lock) -> Option<String> {
    Some(match &lock.owner {
        Owner::Task { task, pid, certain } => {
            let known = case.tasks().and_then(|all| all.at(*task));
            let name = known.map_or_else(|| format!("task {pid}"), |t| format!("{} ({pid})", t.comm_text()));
            if *certain { name } else { format!("{name}, who took it last") }
        }
        Owner::Gone { task } => format!("{:#x}, where no task is: it ended", task.0),
        Owner::Nobody => "nobody".into(),
        Owner::Unknown { why } => format!("unknown: {why}"),
    })
}

/// Tasks that wait for each other in a circle.
pub fn circles(case: &Case) -> Vec<CircleInfo> {
    case.waits().cycles.iter().map(|cycle| circle(case, cycle)).collect()
}

fn circle(case: &Case, cycle: &Cycle) -> CircleInfo {
    let waits = case.waits();
    let members = || cycle.waits.iter().filter_map(|i| waits.waits.get(*i));
    let mut circle: Vec<String> = members().flat_map(|w| [who(w), what(waits, w)]).collect();
    circle.extend(members().next().map(who));
    CircleInfo { circle, certain: cycle.certain }
}

/// CPUs that spin on a lock.
pub fn spins(case: &Case) -> Vec<SpinInfo> {
    let all = case.spinning();
    all.spins.iter().zip(&all.holds).filter_map(|(spin, hold)| of(case, all, spin, hold.as_ref())).collect()
}

fn of(case: &Case, all: &Spinning, spin: &Spin, hold: Option<&Hold>) -> Option<SpinInfo> {
    let (t, on) = (&case.target, all.cpus.get(spin.on)?);
    let held = |hold: &Hold| {
        let (by, frame) = all.place(hold)?;
        let place = if hold.asleep { "asleep" } else { "running" };
        let (function, taken) = (named(frame), t.describe(hold.taken));
        Some(format!(
            "{}, {place} on CPU {}, in {function}, which took it at {taken} and has not come to the unlock",
            by.who(),
            by.cpu
        ))
    };
    Some(SpinInfo {
        spinning_cpu: on.cpu,
        task: present::task_info(&on.task, Some(on.cpu)),
        wants: on.stack.frames.get(spin.frame).map(named)?,
        lock: t.describe(spin.lock).replace("+0x0", ""),
        at: Hex(spin.lock.0),
        held_by: hold.and_then(held),
    })
}

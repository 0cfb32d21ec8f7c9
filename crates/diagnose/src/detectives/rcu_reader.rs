//! A task that waits for the end of all RCU readers, and is one.

use necropsy_base::MemoryExt;
use necropsy_kernel::locks::{Wait, WaitKind, wait_function};
use necropsy_target::Target;

use crate::waiting::{blamed, frame_place, how_long, named, task_info, who};
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const RCU_READER: Detective = Detective {
    id: "rcu-reader",
    title: "a task that waits for RCU readers and is one",
    doc: "A blocked task has a function on its stack that waits for a grace period (synchronize_rcu() and its like), and its own count of \
          read-side critical sections (rcu_read_lock_nesting, kernels with preemptible RCU) is not zero: the grace period that it waits for \
          cannot end before it goes on.",
    examine,
};

const CLASS: Class = Class::Deadlock;

fn examine(case: &Case, found: &mut Findings) {
    let t = &case.target;
    let reader = |wait: &&Wait| for_readers(wait) && nesting(t, wait).is_some_and(|n| n > 0);
    let Some(wait) = case.waits().waits.iter().find(reader) else { return };
    let (at, culprit) = match blamed(t, wait) {
        Some((frame, sure)) => (named(frame), frame_place(t, frame, Some(sure))),
        None => ("an unknown function".into(), None),
    };
    let mut h = Hypothesis::new(
        CLASS,
        format!("deadlock: {at} waits for all RCU readers to end, and is one"),
        format!(
            "Task {} waits in {at} for a grace period{}, inside of a read-side critical section of its own: it waits for itself, and \
             everything that frees memory by RCU waits with it.",
            who(wait),
            how_long(wait)
        ),
    );
    h.victim = culprit.clone().map(|p| necropsy_report::Place { confidence: None, ..p });
    h.culprit = culprit;
    h.task = Some(task_info(wait));
    h.advice = vec![
        "wait after rcu_read_unlock(), or hand what is to be freed to call_rcu() or kfree_rcu()".into(),
        "CONFIG_PROVE_RCU warns at the first chance".into(),
    ];
    found.hypotheses.push(h);
    let n = nesting(t, wait).unwrap_or(0);
    let claim = format!(
        "{} waits for a grace period, and its own count of read-side critical sections is {n}",
        who(wait)
    );
    let source = format!("memory:((struct task_struct *){:#x})->rcu_read_lock_nesting", wait.task.0);
    let bears = [(CLASS, 6.0), (Class::HungTask, -2.0), (Class::RcuStall, -1.0)];
    found.add_to_all(&bears, source, format!("task -R rcu_read_lock_nesting {}", wait.pid), claim);
    let claim = format!("{at} is what called for the grace period");
    found.add(CLASS, 0.2, "stack", format!("bt {}", wait.pid), claim);
}

/// Whether a function that waits for readers is among those that wait.
fn for_readers(wait: &Wait) -> bool {
    let names = wait.stack.frames.iter().take(wait.caller).filter_map(|f| f.name());
    names.into_iter().any(|name| wait_function(name) == Some(WaitKind::Rcu) && !name.contains("srcu"))
}

fn nesting(t: &Target, wait: &Wait) -> Option<i32> {
    let offset = t.offset_of("task_struct", "rcu_read_lock_nesting").ok()?;
    Some(t.memory().u32(wait.task.offset(offset)).ok()? as i32)
}

//! A lock that is given back by who does not have it, or was never made one, in kernels that die of what lock debugging reports.

use necropsy_arch::Exception;
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::locks::{self, Lock, Owner, WaitKind};
use necropsy_target::Target;

use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, reported};

pub const LOCK_MISUSE: Detective = Detective {
    id: "lock-misuse",
    title: "a lock used in a way that it is not made for",
    doc: "A warning in a function of the locks themselves ended the kernel: with debugging on they check that who gives a lock back has it, and \
          that it was initialised. Who called that function is to blame. Which lock is worked out from the call; its owner and its magic \
          number, as they are in memory, say what was wrong.",
    examine,
};

const CLASS: Class = Class::LockMisuse;

/// Functions that check a lock (kernel/locking/, 4.19 to 7.2), by what they begin with, and what kind of lock that is.
const CHECKED: &[(&str, WaitKind)] = &[
    ("mutex_lock", WaitKind::Mutex),
    ("__mutex_lock", WaitKind::Mutex),
    ("mutex_trylock", WaitKind::Mutex),
    ("__mutex_trylock", WaitKind::Mutex),
    ("mutex_unlock", WaitKind::Mutex),
    ("__mutex_unlock", WaitKind::Mutex),
    ("mutex_destroy", WaitKind::Mutex),
    ("debug_mutex_", WaitKind::Mutex),
    ("ww_mutex_", WaitKind::Mutex),
    ("down_read", WaitKind::Read),
    ("__down_read", WaitKind::Read),
    ("up_read", WaitKind::Read),
    ("__up_read", WaitKind::Read),
    ("down_write", WaitKind::Write),
    ("__down_write", WaitKind::Write),
    ("up_write", WaitKind::Write),
    ("__up_write", WaitKind::Write),
    ("downgrade_write", WaitKind::Write),
    ("__downgrade_write", WaitKind::Write),
    ("rwsem_", WaitKind::Write),
    ("rt_mutex_", WaitKind::RtMutex),
    ("__rt_mutex_", WaitKind::RtMutex),
    ("debug_rt_mutex_", WaitKind::RtMutex),
];

/// The same of all locks: what lockdep warns of itself.
const LOCKDEP: &[&str] =
    &["lock_acquire", "__lock_acquire", "lock_release", "lock_set_class", "lockdep_", "lock_pin"];

fn kind(name: &str) -> Option<WaitKind> {
    CHECKED.iter().find(|(begins, _)| name.starts_with(begins)).map(|(_, kind)| *kind)
}

fn checks(name: &str) -> bool {
    kind(name).is_some() || LOCKDEP.iter().any(|begins| name.starts_with(begins))
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(place) = warned(t, crash) else { return };
    let frames = &crash.stack.frames;
    let inside = frames[place].name().unwrap_or_default().to_owned();
    // The lock's own functions call each other.
    let own = frames[place..].iter().take_while(|f| base_name(f).is_some_and(checks)).count();
    let caller = place + own;
    let Some((index, sure)) = blame::culprit(t, frames, caller) else { return };
    let who = place_in(t, frames, index, sure.min(0.85));
    let outer = base_name(&frames[caller - 1]).unwrap_or_default();
    let lock = kind(outer).and_then(|kind| {
        let passed = reported::argument(t, &crash.stack, caller, 0);
        let at = VirtAddr(passed.or_else(|| reported::received(t, &crash.stack, caller - 1, 0))?);
        t.arch().is_kernel(at).then_some(())?;
        locks::lock_at(t, case.tasks()?, kind, at).ok()
    });
    let wrong = lock.as_ref().and_then(|lock| wrong(t, (crash.task.at, crash.task.pid), lock, outer));
    let name = named(&who);
    let of = lock.as_ref().map(Lock::text).unwrap_or_else(|| "a lock".into());
    let statement = format!(
        "{name} called {outer} for {of}, and the lock's own check failed: {}. The kernel was told to die of warnings.",
        wrong.as_deref().unwrap_or("what of it, its memory does not show")
    );
    let mut h = Hypothesis::new(CLASS, format!("{name} misused {of}"), statement);
    h.victim = Some(who.clone());
    h.culprit = Some(who);
    h.advice = vec!["see that who takes the lock gives it back, once, and that it is initialised before: log has the check".into()];
    found.hypotheses.push(h);
    let claim =
        format!("the warning that ended the kernel is one of {inside}: it checks the lock that it is given");
    let bears = [(CLASS, 5.0), (Class::Warning, -5.0), (Class::BugAssertion, -4.0)];
    found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
    if let (Some(lock), Some(wrong)) = (&lock, wrong) {
        let claim = format!("{}: {wrong}", lock.text_and_address());
        let source = format!("memory:*(struct {} *){:#x}", lock.kind, lock.at.0);
        found.add(CLASS, 1.5, source, format!("struct {} -x {:x}", lock.kind, lock.at.0), claim);
    }
}

/// The frame of the lock's function that warned, below the panic.
fn warned(t: &Target, crash: &Crash) -> Option<usize> {
    let frames = &crash.stack.frames;
    reported::below_panic(frames, &["__warn", "report_bug", "warn_slowpath_fmt", "check_panic_on_warn"])?;
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::InvalidOpcode);
    let place = match trap {
        Some(trap) => trap.index,
        None => reported::below_panic(frames, &["__warn", "warn_slowpath_fmt"])? + 1,
    };
    let first = |f: usize| frames.get(f).and_then(base_name);
    first(place).filter(|n| checks(n)).map(|_| place)
}

/// What is wrong with a lock that a function was given by a task, as its memory shows.
fn wrong(t: &Target, by: (VirtAddr, i32), lock: &Lock, function: &str) -> Option<String> {
    if let Ok(offset) = t.offset_of(lock.kind, "magic")
        && let Ok(magic) = t.memory().word(lock.at.offset(offset))
        && magic != lock.at.0
    {
        return Some(format!(
            "its magic number is {magic:#x} and not its own address, so it was never initialised, or was written over"
        ));
    }
    let gives_back = function.contains("unlock") || function.contains("up_");
    match &lock.owner {
        Owner::Task { task, pid, .. } if gives_back && *task != by.0 => {
            Some(format!("its owner is task {pid}, not task {} that gave it back", by.1))
        }
        Owner::Nobody if gives_back => Some("nobody has it".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use necropsy_base::Abi;
    use necropsy_synth::functions::{DATA, Functions};
    use necropsy_synth::names::BtfBuilder;

    use super::*;
    use crate::made;

    #[test]
    fn what_its_memory_says_against_a_lock() {
        let mut b = BtfBuilder::new(Abi::LE64);
        let pointer = b.pointer(0);
        b.structure(false, "mutex", 32, &[("owner", pointer, 0, 0), ("magic", pointer, 128, 0)]);
        let mut made = Functions::default();
        made.data(0, "good", &[0, 0, DATA]);
        made.data(0x40, "bad", &[0, 0, 0]);
        let t = made::typed(made, &b);
        let (me, other) =
            ((VirtAddr(0x1000), 10), Owner::Task { task: VirtAddr(0x2000), pid: 20, certain: true });
        let of = |at: u64, owner: &Owner, function: &str| {
            let (kind, at, owner) = ("mutex", VirtAddr(at), owner.clone());
            let lock = Lock { kind, at, name: None, owner, readers: None, waiters: Vec::new() };
            wrong(&t, me, &lock, function)
        };
        assert!(
            of(DATA, &other, "mutex_unlock").is_some_and(|w| w.contains("owner is task 20, not task 10"))
        );
        assert!(of(DATA, &Owner::Nobody, "mutex_unlock").is_some_and(|w| w.contains("nobody has it")));
        assert!(of(DATA + 0x40, &other, "mutex_lock").is_some_and(|w| w.contains("never initialised")));
        // To wait for who has it, and to give back what is one's own, is no misuse.
        assert_eq!(of(DATA, &other, "mutex_lock"), None);
        let own = Owner::Task { task: me.0, pid: me.1, certain: true };
        assert_eq!(of(DATA, &own, "mutex_unlock"), None);
    }

    #[test]
    fn functions_of_locks() {
        assert_eq!(kind("__mutex_unlock_slowpath"), Some(WaitKind::Mutex));
        assert_eq!(kind("up_read"), Some(WaitKind::Read));
        assert_eq!(kind("down_write_killable"), Some(WaitKind::Write));
        assert!(checks("lock_release"));
        for other in ["flow_release", "lockref_get", "update_rq_clock", "printk"] {
            assert!(!checks(other), "{other}");
        }
    }
}

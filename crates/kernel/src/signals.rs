//! Signals: what a process does with each, what is pending, what is blocked (include/linux/sched/signal.h, kernel/signal.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use crate::containers;
use crate::tasks::Task;

/// More queued signals than a process may have by default.
const MAX_QUEUED: usize = 1 << 16;

/// What a process does with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The signal's number, from 1.
    pub signal: u64,
    /// Its `struct k_sigaction`.
    pub at: VirtAddr,
    /// The handler: 0 is `SIG_DFL`, 1 `SIG_IGN`.
    pub handler: u64,
    /// The signals blocked meanwhile.
    pub mask: u64,
    /// `SA_…`.
    pub flags: u64,
}

/// A signal that waits, with what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The signal.
    pub signal: i32,
    /// Its `struct sigqueue`.
    pub at: VirtAddr,
}

/// Signals that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Their set.
    pub set: u64,
    /// Those with more than a number.
    pub queue: Vec<Queued>,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Of {
    sighand: VirtAddr,
    blocked: At,
    pending: At,
}

#[derive(Load)]
#[kernel(name = "signal_struct")]
struct Shared {
    nr_threads: i32,
    shared_pending: At,
}

#[derive(Load)]
#[kernel(name = "sighand_struct")]
struct Handlers {
    action: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "k_sigaction")]
struct RawAction {
    #[kernel(path = "sa.sa_handler")]
    handler: u64,
    #[kernel(path = "sa.sa_flags")]
    flags: u64,
    #[kernel(path = "sa.sa_mask")]
    mask: At,
}

#[derive(Load)]
#[kernel(name = "sigpending")]
struct RawPending {
    list: At,
    signal: At,
}

#[derive(Load)]
#[kernel(name = "sigqueue")]
struct RawQueued {
    #[kernel(path = "info.si_signo")]
    signal: i32,
}

/// How many threads the task's process has.
pub fn threads(t: &Target, task: &Task) -> Result<i32, LoadError> {
    Ok(t.load::<Shared>(task.signal)?.nr_threads)
}

/// What the task's process does with each signal; nothing when the task is past that (it has exited).
pub fn actions(t: &Target, task: &Task) -> Result<Vec<Action>, LoadError> {
    let of: Of = t.load(task.at)?;
    if of.sighand.is_null() {
        return Ok(Vec::new());
    }
    let handlers: Handlers = t.load(of.sighand)?;
    let one = |(i, at): (usize, VirtAddr)| {
        let raw: RawAction = t.load(at)?;
        let mask = t.memory().word(raw.mask.0)?;
        Ok(Action { signal: i as u64 + 1, at, handler: raw.handler, mask, flags: raw.flags })
    };
    handlers.action.iter().take(128).enumerate().map(one).collect()
}

/// The signals that the task blocks.
pub fn blocked(t: &Target, task: &Task) -> Result<u64, LoadError> {
    Ok(t.memory().word(t.load::<Of>(task.at)?.blocked.0)?)
}

/// What waits for this task alone.
pub fn private(t: &Target, task: &Task) -> Result<Pending, LoadError> {
    pending(t, t.load::<Of>(task.at)?.pending.0)
}

/// What waits for any thread of its process.
pub fn shared(t: &Target, task: &Task) -> Result<Pending, LoadError> {
    pending(t, t.load::<Shared>(task.signal)?.shared_pending.0)
}

fn pending(t: &Target, at: VirtAddr) -> Result<Pending, LoadError> {
    let raw: RawPending = t.load(at)?;
    let set = t.memory().word(raw.signal.0)?;
    let list = containers::list(t, raw.list.0, t.offset_of("sigqueue", "list")?).or_note(t, "queued signals");
    let queued = |at: VirtAddr| Ok(Queued { signal: t.load::<RawQueued>(at)?.signal, at });
    let queue: Result<Vec<Queued>, LoadError> = list.into_iter().take(MAX_QUEUED).map(queued).collect();
    Ok(Pending { set, queue: queue? })
}

/// Names of the first 31 signals, of x86 and most other CPUs.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT/SIGIOT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD/SIGCLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO/SIGPOLL",
    "SIGPWR",
    "SIGSYS/SIGUNUSED",
];

/// A signal's name: of the real-time ones by their distance from the nearer end.
pub fn name(signal: u64) -> String {
    match signal {
        1..=31 => NAMES[signal as usize - 1].into(),
        32 => "SIGRTMIN".into(),
        33..=48 => format!("SIGRTMIN+{}", signal - 32),
        49..=63 => format!("SIGRTMAX-{}", 64 - signal),
        64 => "SIGRTMAX".into(),
        n => format!("signal {n}"),
    }
}

/// The flags of an action, by their names.
pub fn flag_names(flags: u64) -> Vec<&'static str> {
    const FLAGS: [(u64, &str); 9] = [
        (0x1, "SA_NOCLDSTOP"),
        (0x2, "SA_NOCLDWAIT"),
        (0x0400_0000, "SA_RESTORER"),
        (0x4, "SA_SIGINFO"),
        (0x0800_0000, "SA_ONSTACK"),
        (0x1000_0000, "SA_RESTART"),
        (0x2000_0000, "SA_INTERRUPT"),
        (0x4000_0000, "SA_NODEFER"),
        (0x8000_0000, "SA_RESETHAND"),
    ];
    FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_signals_and_flags() {
        assert_eq!(
            (name(9), name(34), name(62), name(64)),
            ("SIGKILL".into(), "SIGRTMIN+2".into(), "SIGRTMAX-2".into(), "SIGRTMAX".into())
        );
        assert_eq!(flag_names(0x1c00_0004), ["SA_RESTORER", "SA_SIGINFO", "SA_ONSTACK", "SA_RESTART"]);
    }
}

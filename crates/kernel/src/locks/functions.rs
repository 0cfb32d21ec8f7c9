//! The functions that wait, by what they wait for. Names differ between kernels; those of 3.10 to 7.2 are here.

use serde::Serialize;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitKind {
    /// A `struct mutex`.
    Mutex,
    /// A `struct rw_semaphore`, to read.
    Read,
    /// A `struct rw_semaphore`, to write.
    Write,
    /// A `struct semaphore`.
    Semaphore,
    /// A `struct rt_mutex`.
    RtMutex,
    /// A `struct completion`.
    Completion,
    /// The end of a work item.
    Work,
    /// The journal of a file system.
    Journal,
    /// A bit: of a page, a buffer, an inode.
    Bit,
    /// Input or output.
    Io,
    /// A grace period of RCU.
    Rcu,
    /// Time to pass.
    Time,
    /// Something that is not known here.
    Other,
}

impl WaitKind {
    /// What it is called in a sentence.
    pub fn text(self) -> &'static str {
        match self {
            WaitKind::Mutex => "mutex",
            WaitKind::Read | WaitKind::Write => "rw_semaphore",
            WaitKind::Semaphore => "semaphore",
            WaitKind::RtMutex => "rt_mutex",
            WaitKind::Completion => "completion",
            WaitKind::Work => "work item",
            WaitKind::Journal => "journal",
            WaitKind::Bit => "bit",
            WaitKind::Io => "input or output",
            WaitKind::Rcu => "RCU grace period",
            WaitKind::Time => "time",
            WaitKind::Other => "something unknown",
        }
    }

    /// The struct that lies in memory while one waits for it.
    pub fn struct_name(self) -> Option<&'static str> {
        match self {
            WaitKind::Mutex => Some("mutex"),
            WaitKind::Read | WaitKind::Write => Some("rw_semaphore"),
            WaitKind::Semaphore => Some("semaphore"),
            WaitKind::RtMutex => Some("rt_mutex"),
            WaitKind::Completion => Some("completion"),
            _ => None,
        }
    }

    /// Whether somebody holds it, so that it can be part of a deadlock.
    pub fn is_lock(self) -> bool {
        self.struct_name().is_some() && self != WaitKind::Completion
    }
}

/// Beginnings of names, and what such a function waits for. The first that fits counts.
const BEGINNINGS: &[(&str, WaitKind)] = &[
    ("__mutex_lock", WaitKind::Mutex),
    ("_mutex_lock", WaitKind::Mutex),
    ("mutex_lock", WaitKind::Mutex),
    ("__ww_mutex_lock", WaitKind::Mutex),
    ("ww_mutex_lock", WaitKind::Mutex),
    ("rwsem_down_read", WaitKind::Read),
    ("call_rwsem_down_read", WaitKind::Read),
    ("__down_read", WaitKind::Read),
    ("down_read", WaitKind::Read),
    ("rwsem_read_trylock", WaitKind::Read),
    ("rwsem_down_write", WaitKind::Write),
    ("call_rwsem_down_write", WaitKind::Write),
    ("__down_write", WaitKind::Write),
    ("down_write", WaitKind::Write),
    ("rwbase_read", WaitKind::Read),
    ("rwbase_write", WaitKind::Write),
    ("__rwbase_read", WaitKind::Read),
    ("rt_mutex_", WaitKind::RtMutex),
    ("__rt_mutex_", WaitKind::RtMutex),
    ("rtlock_", WaitKind::RtMutex),
    ("rt_spin_lock", WaitKind::RtMutex),
    ("wait_for_completion", WaitKind::Completion),
    ("__wait_for_common", WaitKind::Completion),
    ("wait_for_common", WaitKind::Completion),
    ("do_wait_for_common", WaitKind::Completion),
    ("__flush_work", WaitKind::Work),
    ("flush_work", WaitKind::Work),
    ("__cancel_work", WaitKind::Work),
    ("cancel_work_sync", WaitKind::Work),
    ("cancel_delayed_work_sync", WaitKind::Work),
    ("drain_workqueue", WaitKind::Work),
    ("destroy_workqueue", WaitKind::Work),
    ("flush_delayed_work", WaitKind::Work),
    ("kthread_flush_work", WaitKind::Work),
    ("kthread_cancel_work_sync", WaitKind::Work),
    ("kthread_cancel_delayed_work_sync", WaitKind::Work),
    ("kthread_stop", WaitKind::Completion),
    ("kthread_park", WaitKind::Completion),
    ("jbd2_log_", WaitKind::Journal),
    ("jbd2_complete_", WaitKind::Journal),
    ("jbd2_journal_", WaitKind::Journal),
    ("wait_transaction_", WaitKind::Journal),
    ("add_transaction_", WaitKind::Journal),
    ("start_this_handle", WaitKind::Journal),
    ("xlog_wait", WaitKind::Journal),
    ("bit_wait_io", WaitKind::Io),
    ("bit_wait", WaitKind::Bit),
    ("__wait_on_bit", WaitKind::Bit),
    ("out_of_line_wait_on_bit", WaitKind::Bit),
    ("folio_wait_", WaitKind::Bit),
    ("__folio_lock", WaitKind::Bit),
    ("__lock_page", WaitKind::Bit),
    ("wait_on_page_", WaitKind::Bit),
    ("__wait_on_buffer", WaitKind::Io),
    ("__lock_buffer", WaitKind::Bit),
    ("io_schedule", WaitKind::Io),
    ("blk_mq_get_tag", WaitKind::Io),
    ("submit_bio_wait", WaitKind::Io),
    ("rq_qos_wait", WaitKind::Io),
    ("synchronize_rcu", WaitKind::Rcu),
    ("synchronize_srcu", WaitKind::Rcu),
    ("__synchronize_srcu", WaitKind::Rcu),
    ("__wait_rcu_gp", WaitKind::Rcu),
    ("rcu_barrier", WaitKind::Rcu),
    ("synchronize_net", WaitKind::Rcu),
    ("schedule_timeout", WaitKind::Time),
    ("schedule_hrtimeout", WaitKind::Time),
    ("do_nanosleep", WaitKind::Time),
    ("msleep", WaitKind::Time),
    ("usleep_range", WaitKind::Time),
];

/// `down()` and what it is made of: too short for a beginning.
const SEMAPHORE: &[&str] = &[
    "down",
    "down_interruptible",
    "down_killable",
    "down_timeout",
    "__down",
    "__down_interruptible",
    "__down_killable",
    "__down_timeout",
    "__down_common",
    "___down_common",
];

/// The scheduler's own functions, which are on every stack that sleeps.
const SCHEDULER: &[&str] = &[
    "__schedule",
    "schedule",
    "__schedule_loop",
    "schedule_preempt_disabled",
    "schedule_rtlock",
    "preempt_schedule",
    "preempt_schedule_common",
    "preempt_schedule_irq",
    "__cond_resched",
    "__switch_to",
    "__switch_to_asm",
];

/// A name without what the compiler adds: `.isra.0`, `.constprop.0`.
fn plain(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Whether a function only gives the CPU away.
pub fn is_scheduler(name: &str) -> bool {
    SCHEDULER.contains(&plain(name))
}

/// What the function of this name waits for; `None` if it is not known to wait.
pub fn wait_function(name: &str) -> Option<WaitKind> {
    let name = plain(name);
    if SEMAPHORE.contains(&name) {
        return Some(WaitKind::Semaphore);
    }
    BEGINNINGS.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        for (name, kind) in [
            ("__mutex_lock.constprop.0", Some(WaitKind::Mutex)),
            ("mutex_lock_killable", Some(WaitKind::Mutex)),
            ("rwsem_down_write_slowpath", Some(WaitKind::Write)),
            ("call_rwsem_down_read_failed", Some(WaitKind::Read)),
            ("down_read_killable", Some(WaitKind::Read)),
            ("down", Some(WaitKind::Semaphore)),
            ("__down_common", Some(WaitKind::Semaphore)),
            ("bit_wait_io", Some(WaitKind::Io)),
            ("downgrade_something", None),
            ("update_inode", None),
            ("mutex_unlock", None),
        ] {
            assert_eq!(wait_function(name), kind, "{name}");
        }
        assert!(is_scheduler("__schedule") && !is_scheduler("schedule_timeout"));
    }
}

//! The lines that mean something.

use crate::Role;

/// One kind of line.
pub struct Pattern {
    /// Its name.
    pub id: &'static str,
    /// The line begins with this …
    pub start: &'static str,
    /// … and has this somewhere behind it.
    pub contains: &'static str,
    /// The role it plays.
    pub role: Role,
    /// Real lines.
    pub examples: &'static [&'static str],
}

impl Pattern {
    /// Whether a line is of this kind.
    pub fn matches(&self, line: &str) -> bool {
        line.strip_prefix(self.start).is_some_and(|rest| rest.contains(self.contains))
    }
}

const fn pattern(
    id: &'static str,
    start: &'static str,
    contains: &'static str,
    role: Role,
    examples: &'static [&'static str],
) -> Pattern {
    Pattern { id, start, contains, role, examples }
}

/// All of them; the first that matches a line counts.
pub static PATTERNS: &[Pattern] = &[
    pattern(
        "null-pointer",
        "BUG: kernel NULL pointer dereference",
        "",
        Role::Cause,
        &["BUG: kernel NULL pointer dereference, address: 0000000000000000"],
    ),
    pattern(
        "null-pointer-old",
        "BUG: unable to handle kernel NULL pointer dereference",
        "",
        Role::Cause,
        &["BUG: unable to handle kernel NULL pointer dereference at 0000000000000018"],
    ),
    pattern(
        "page-fault",
        "BUG: unable to handle",
        "",
        Role::Cause,
        &["BUG: unable to handle page fault for address: ffffc90000e00000"],
    ),
    pattern(
        "arm64-fault",
        "Unable to handle kernel",
        "",
        Role::Cause,
        &["Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000"],
    ),
    pattern(
        "gpf",
        "general protection fault",
        "",
        Role::Cause,
        &[
            "general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] PREEMPT SMP NOPTI",
        ],
    ),
    pattern(
        "stack-protector",
        "Kernel panic - not syncing: stack-protector",
        "",
        Role::Cause,
        &[
            "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: parse_header+0x9f/0xa0 [netpkt]",
        ],
    ),
    pattern("bug", "kernel BUG at", "", Role::Cause, &["kernel BUG at lib/list_debug.c:56!"]),
    pattern("sysrq-crash", "sysrq: Trigger a crash", "", Role::Cause, &["sysrq: Trigger a crash"]),
    pattern(
        "soft-lockup",
        "watchdog: BUG: soft lockup",
        "",
        Role::Cause,
        &["watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [xfer_start:1536]"],
    ),
    pattern(
        "soft-lockup-old",
        "BUG: soft lockup",
        "",
        Role::Cause,
        &["BUG: soft lockup - CPU#1 stuck for 22s! [xfer_start:1536]"],
    ),
    pattern(
        "hung-task",
        "INFO: task ",
        "blocked for more than",
        Role::Cause,
        &["INFO: task abba-inode:1530 blocked for more than 10 seconds."],
    ),
    pattern(
        "rcu-stall",
        "rcu: INFO: rcu_",
        "",
        Role::Cause,
        &["rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"],
    ),
    pattern(
        "oom",
        "Out of memory",
        "",
        Role::Cause,
        &["Out of memory: Killed process 1530 (memhog) total-vm:181776kB, anon-rss:150000kB"],
    ),
    pattern(
        "mce",
        "mce: [Hardware Error]",
        "",
        Role::Precursor,
        &["mce: [Hardware Error]: Machine check events logged"],
    ),
    pattern(
        "warning",
        "WARNING: ",
        " at ",
        Role::Precursor,
        &["WARNING: CPU: 0 PID: 1 at kernel/workqueue.c:1500 __queue_work+0x200/0x3c0"],
    ),
    pattern(
        "taint",
        "",
        "module verification failed",
        Role::Context,
        &["bad_driver: module verification failed: signature and/or required key missing - tainting kernel"],
    ),
    pattern(
        "panic",
        "Kernel panic - not syncing",
        "",
        Role::Response,
        &["Kernel panic - not syncing: Fatal exception"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_has_examples_that_it_is_the_first_to_match() {
        for p in PATTERNS {
            assert!(!p.examples.is_empty(), "{} has no example", p.id);
            for line in p.examples {
                let first = PATTERNS.iter().find(|q| q.matches(line)).map(|q| q.id);
                assert_eq!(first, Some(p.id), "{line}");
            }
        }
    }
}

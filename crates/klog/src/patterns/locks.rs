//! Lockdep, spinlock debugging, RCU's rules.

use super::Kind::{Cause, Context};
use super::{Pattern, plain, title};
use crate::blame::{
    ANY_THEN_TRACE, BECAME, CIRCULAR, CONTEXT, HELD, INCONSISTENT, INVERSION, NON_STATIC, RCU, RECURSIVE,
    RETURNING, SPIN, TRACE, WARNING,
};

const LOCK: &str = "lock-misuse";

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("lockdep.circular", "deadlock", Cause),
        "possible circular locking",
        r"^(?:WARNING: |\[ INFO: |INFO: )possible circular locking dependency detected",
        &[
            title("possible deadlock in {f}", &CIRCULAR).with("is trying to acquire lock"),
            plain("WARNING: possible circular locking dependency detected").broken(),
        ],
        &[
            "WARNING: possible circular locking dependency detected",
            "[ INFO: possible circular locking dependency detected ]",
        ],
    ),
    Pattern::new(
        ("lockdep.inversion", "deadlock", Cause),
        "possible irq lock inversion",
        r"^(?:WARNING: |\[ INFO: |INFO: )possible irq lock inversion dependency detected",
        &[title("possible deadlock in {f}", &INVERSION)],
        &["WARNING: possible irq lock inversion dependency detected"],
    ),
    Pattern::new(
        ("lockdep.unsafe.old", "deadlock", Cause),
        "-unsafe lock order",
        r"^(?:\[ INFO: |INFO: )\S+-safe -> \S+-unsafe lock order detected",
        &[title("possible deadlock in {f}", &RECURSIVE)],
        &["[ INFO: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected ]"],
    ),
    Pattern::new(
        ("lockdep.unsafe", "deadlock", Cause),
        "-unsafe lock order",
        r"^WARNING: \S+-safe -> \S+-unsafe lock order detected",
        &[title("possible deadlock in {f}", &BECAME)],
        &["WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected"],
    ),
    Pattern::new(
        ("lockdep.recursive", "deadlock", Cause),
        "possible recursive locking",
        r"^(?:WARNING: |\[ INFO: |INFO: )possible recursive locking detected",
        &[title("possible deadlock in {f}", &RECURSIVE)],
        &["WARNING: possible recursive locking detected"],
    ),
    Pattern::new(
        ("lockdep.inconsistent", "deadlock", Cause),
        "inconsistent lock state",
        r"^(?:WARNING: |\[ INFO: |INFO: )inconsistent lock state",
        &[title("inconsistent lock state in {f}", &INCONSISTENT)],
        &["WARNING: inconsistent lock state", "[ INFO: inconsistent lock state ]"],
    ),
    Pattern::new(
        ("rcu.usage.old", LOCK, Cause),
        "suspicious RCU usage",
        r"^(?:\[ INFO: |INFO: )suspicious RCU usage",
        &[
            title("INFO: suspicious RCU usage in {f}", &RCU).with(r"[A-Za-z0-9_/.-]+\.[a-z]+:[0-9]+"),
            plain("INFO: suspicious RCU usage").broken(),
        ],
        &["[ INFO: suspicious RCU usage. ]"],
    ),
    Pattern::new(
        ("rcu.usage", LOCK, Cause),
        "suspicious RCU usage",
        r"^WARNING: suspicious RCU usage",
        &[
            title("WARNING: suspicious RCU usage in {f}", &RCU).with(r"[A-Za-z0-9_/.-]+\.[a-z]+:[0-9]+"),
            plain("WARNING: suspicious RCU usage").broken(),
        ],
        &["WARNING: suspicious RCU usage", "WARNING: suspicious RCU usage."],
    ),
    Pattern::new(
        ("lockdep.unlock.old", LOCK, Cause),
        "bad unlock balance",
        r"^(?:\[ )?BUG: bad unlock balance detected!",
        &[title("BUG: bad unlock balance in {f}", &ANY_THEN_TRACE)],
        &["[ BUG: bad unlock balance detected! ]"],
    ),
    Pattern::new(
        ("lockdep.unlock", LOCK, Cause),
        "bad unlock balance",
        r"^WARNING: bad unlock balance detected!",
        &[title("WARNING: bad unlock balance in {f}", &ANY_THEN_TRACE)],
        &["WARNING: bad unlock balance detected!"],
    ),
    Pattern::new(
        ("lockdep.contention", LOCK, Cause),
        "bad contention detected",
        r"^(?:WARNING: |\[ BUG: |BUG: )bad contention detected!?",
        &[title("WARNING: bad contention in {f}", &TRACE)],
        &["WARNING: bad contention detected!"],
    ),
    Pattern::new(
        ("lockdep.freed.old", LOCK, Cause),
        "held lock freed",
        r"^(?:\[ )?BUG: held lock freed!",
        &[title("BUG: held lock freed in {f}", &HELD)],
        &["[ BUG: held lock freed! ]"],
    ),
    Pattern::new(
        ("lockdep.freed", LOCK, Cause),
        "held lock freed",
        r"^WARNING: held lock freed!",
        &[title("WARNING: held lock freed in {f}", &HELD)],
        &["WARNING: held lock freed!"],
    ),
    Pattern::new(
        ("lockdep.user.old", LOCK, Cause),
        "held when returning to user space",
        r"^(?:\[ )?BUG: lock held when returning to user space",
        &[title("BUG: lock held when returning to user space in {f}", &RETURNING)],
        &["[ BUG: lock held when returning to user space! ]"],
    ),
    Pattern::new(
        ("lockdep.user", LOCK, Cause),
        "returning to user space",
        r"^WARNING: (?:lock held when|held lock.*) returning to user space",
        &[title("WARNING: lock held when returning to user space in {f}", &RETURNING)],
        &["WARNING: lock held when returning to user space!"],
    ),
    Pattern::new(
        ("lockdep.exit", LOCK, Cause),
        "lock held at task exit",
        r"^(?:WARNING: |\[ BUG: |BUG: )lock held at task exit time",
        &[title("WARNING: lock held at task exit time in {f}", &HELD)],
        &["[ BUG: lock held at task exit time! ]"],
    ),
    Pattern::new(
        ("lockdep.still.old", LOCK, Cause),
        "still has locks held",
        r"^(?:\[ )?BUG: .*still has locks held!",
        &[title("BUG: still has locks held in {f}", &HELD)],
        &["[ BUG: syz-executor/31761 still has locks held! ]"],
    ),
    Pattern::new(
        ("lockdep.still", LOCK, Cause),
        "still has locks held",
        r"^WARNING: .*still has locks held!",
        &[title("WARNING: still has locks held in {f}", &HELD)],
        &["WARNING: syz-executor/31761 still has locks held!"],
    ),
    Pattern::new(
        ("lockdep.nested", LOCK, Cause),
        "Nested lock was not taken",
        r"^WARNING: Nested lock was not taken",
        &[title("WARNING: nested lock was not taken in {f}", &WARNING)],
        &["WARNING: Nested lock was not taken"],
    ),
    Pattern::new(
        ("lockdep.key", LOCK, Cause),
        "register non-static key",
        r"^(?:WARNING: |INFO: )trying to register non-static key",
        &[title("INFO: trying to register non-static key in {f}", &NON_STATIC)],
        &["INFO: trying to register non-static key."],
    ),
    Pattern::new(
        ("lockdep.context", LOCK, Cause),
        "Invalid wait context",
        r"^(?:WARNING: |\[ )?(?:BUG: )?Invalid wait context",
        &[title("WARNING: locking bug in {f}", &CONTEXT)],
        &["[ BUG: Invalid wait context ]", "WARNING: Invalid wait context"],
    ),
    Pattern::new(
        ("lockdep.limits", LOCK, Cause),
        " too low!",
        r"^BUG: (?P<what>MAX_LOCKDEP_\S+|MAX_LOCK_DEPTH|MAX_STACK_TRACE_ENTRIES) too low!",
        &[plain("BUG: {what} too low!")],
        &["BUG: MAX_STACK_TRACE_ENTRIES too low!", "BUG: MAX_LOCKDEP_CHAINS too low!"],
    ),
    Pattern::new(
        ("lockdep.class", LOCK, Cause),
        "BUG: ",
        r"^BUG: (?P<what>looking up invalid subclass|key \S+ (?:not in .data|has not been registered))",
        &[plain("BUG: {what}")],
        &["BUG: looking up invalid subclass: 8", "BUG: key ffff888100a3c108 has not been registered!"],
    ),
    Pattern::new(
        ("lockdep.chain", LOCK, Cause),
        "chain_key collision",
        r"^(?:WARNING: |INFO: |\[ INFO: )(?:.*chain_key collision|possible reason: unannotated|possible bad bit-?spinlock|soft-safe.*)",
        &[title("WARNING: locking bug in {f}", &CONTEXT)],
        &["WARNING: chain_key collision", "INFO: chain_key collision"],
    ),
    Pattern::new(
        ("spin", LOCK, Cause),
        "BUG: ",
        r"^BUG: (?P<lock>spinlock|rwlock) (?P<what>lockup suspected|already unlocked|recursion|cpu recursion|cpu-recursion|bad magic|wrong owner|wrong CPU|trylock failure on UP|lockup)(?: on .*CPU#(?P<cpu>\d+), (?P<comm>.*)/(?P<pid>\d+))?",
        &[title("BUG: {lock} {what} in {f}", &SPIN)],
        &["BUG: spinlock bad magic on CPU#0, syz/3", "BUG: rwlock lockup on CPU#1, a/2, ffff8880"],
    ),
    Pattern::new(
        ("rt.deadlock", "deadlock", Cause),
        "circular locking deadlock",
        r"^\[ ?BUG: circular locking deadlock detected! ?\]",
        &[title("possible deadlock in {f}", &TRACE)],
        &["[ BUG: circular locking deadlock detected! ]"],
    ),
    Pattern::new(
        ("lockdep.off", LOCK, Context),
        "lockdep is turned off",
        r"^INFO: lockdep is turned off",
        &[],
        &["INFO: lockdep is turned off."],
    ),
];

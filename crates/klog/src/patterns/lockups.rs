//! Time that passes with nothing done: lockups, stalls, hung tasks; sleeping where one must not.

use super::Kind::{Cause, Detail, Weak};
use super::{Pattern, plain, title};
use crate::blame::{ATOMIC, HUNG, PC_STALL, PREEMPTIBLE, SCHEDULING, STALL, TRACE};

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("soft", "soft-lockup", Cause),
        "BUG: soft lockup",
        r"^(?:(?:NMI )?watchdog: )?BUG: soft lockup(?: - CPU#(?P<cpu>\d+) stuck for (?P<sec>\d+)s! \[(?P<comm>.*):(?P<pid>\d+)\])?",
        &[title("BUG: soft lockup in {f}", &PC_STALL)],
        &[
            "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [xfer_start:1536]",
            "BUG: soft lockup - CPU#1 stuck for 22s! [xfer_start:1536]",
            "NMI watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [kworker/0:1:12]",
        ],
    ),
    Pattern::new(
        ("hard", "hard-lockup", Cause),
        "Watchdog detected hard LOCKUP",
        r"^(?:(?:NMI )?watchdog: )?(?:CPU(?P<by>\d+): )?Watchdog detected hard LOCKUP on cpu ?(?P<cpu>\d+)",
        &[title("BUG: hard lockup in {f}", &PC_STALL)],
        &[
            "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
            "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1",
        ],
    ),
    Pattern::new(
        ("hard.ppc", "hard-lockup", Cause),
        "hard LOCKUP",
        r"^(?:watchdog: )?(?:BUG: )?CPU (?P<cpu>\d+) (?:self-detected hard LOCKUP|detected hard LOCKUP on other CPUs)",
        &[title("BUG: hard lockup in {f}", &PC_STALL)],
        &[
            "watchdog: CPU 3 self-detected hard LOCKUP @ foo+0x1/0x2",
            "watchdog: CPU 2 detected hard LOCKUP on other CPUs 3",
        ],
    ),
    Pattern::new(
        ("hard.ppc.victim", "hard-lockup", Detail),
        "Hard LOCKUP",
        r"^(?:watchdog: )?(?:BUG: )?CPU (?P<cpu>\d+) Hard LOCKUP",
        &[],
        &["watchdog: CPU 3 Hard LOCKUP"],
    ),
    Pattern::new(
        ("rcu.self", "rcu-stall", Cause),
        "self-detected stall",
        r"^(?:rcu: )?INFO: (?P<fl>\S+) self-detected(?: expedited)? stall on CPU",
        &[title("INFO: rcu detected stall in {f}", &STALL)],
        &[
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
            "INFO: rcu_sched self-detected stall on CPU { 1}",
        ],
    ),
    Pattern::new(
        ("rcu.other", "rcu-stall", Cause),
        " stall",
        r"^(?:rcu: )?INFO: (?P<fl>\S+) detected (?P<exp>expedited )?stalls? on (?:CPUs/tasks|tasks):?",
        &[title("INFO: rcu detected stall in {f}", &STALL)],
        &[
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 2 jiffies",
            "INFO: rcu_tasks detected stalls on tasks:",
        ],
    ),
    Pattern::new(
        ("rcu.csd", "rcu-stall", Cause),
        "detected stall, but suppressed",
        r"^(?:rcu: )?INFO: \S+ detected stall, but suppressed full report due to a stuck CSD-lock",
        &[plain("INFO: rcu detected stall")],
        &["rcu: INFO: rcu_preempt detected stall, but suppressed full report due to a stuck CSD-lock."],
    ),
    Pattern::new(
        ("rcu.starved", "rcu-stall", Detail),
        "kthread starved for",
        r"^(?:rcu: )?(?P<fl>\S+) kthread starved for \d+ jiffies!",
        &[],
        &[
            "rcu: rcu_preempt kthread starved for 10502 jiffies! g6457 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0",
        ],
    ),
    Pattern::new(
        ("rcu.timer", "rcu-stall", Detail),
        "kthread timer wakeup",
        r"^(?:rcu: )?\S+ kthread timer wakeup didn't happen for",
        &[],
        &["rcu: rcu_preempt kthread timer wakeup didn't happen for 10501 jiffies! g6457 f0x0"],
    ),
    Pattern::new(
        ("csd", "hard-lockup", Cause),
        "non-responsive CSD lock",
        r"^(?:smp: )?csd: (?:Detected )?non-responsive CSD lock \(#\d+\) on CPU#(?P<cpu>\d+)",
        &[title("csd: non-responsive CSD lock in {f}", &PC_STALL)],
        &[
            "smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000045 ns for CPU#01 do_sync_core+0x0/0x30",
        ],
    ),
    Pattern::new(
        ("hung.die", "hung-task", Cause),
        "can't die for more than",
        r"^INFO: task (?P<comm>.+):(?P<pid>\d+) can't die for more than",
        &[title("INFO: task can't die in {f}", &SCHEDULING)],
        &["INFO: task syz:1530 can't die for more than 143 seconds."],
    ),
    Pattern::new(
        ("hung", "hung-task", Cause),
        "blocked",
        r"^INFO: task (?P<comm>.+):(?P<pid>\d+) (?:<\S+> )?blocked(?P<io> in I/O wait)? for more than (?P<sec>\d+) seconds",
        &[title("INFO: task hung in {f}", &HUNG)],
        &[
            "INFO: task abba-inode:1530 blocked for more than 10 seconds.",
            "INFO: task dd:1530 blocked in I/O wait for more than 122 seconds.",
        ],
    ),
    Pattern::new(
        ("hung.split", "hung-task", Cause),
        "blocked for more than",
        r"^(?:INFO: task )?\S*:(?P<pid>\d+) blocked for more than (?P<sec>\d+) seconds",
        &[title("INFO: task hung in {f}", &HUNG)],
        &["name:1530 blocked for more than 143 seconds."],
    ),
    Pattern::new(
        ("hung.owner", "hung-task", Detail),
        "blocked on a",
        r"^INFO: task (?P<comm>.+):(?P<pid>\d+)(?: <\S+>)? (?:is )?blocked on (?:a|an) (?P<lk>mutex|semaphore|rw-semaphore)(?:,? likely (?:owned|last held) by task (?P<ocomm>.+):(?P<opid>\d+))?",
        &[],
        &["INFO: task b:12 is blocked on a mutex likely owned by task a:11."],
    ),
    Pattern::new(
        ("wq", "workqueue-stall", Cause),
        "workqueue lockup",
        r"^(?:workqueue: )?BUG: workqueue lockup",
        &[plain("BUG: workqueue lockup")],
        &["BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 32s!"],
    ),
    Pattern::new(
        ("wq.leak", "sleep-in-atomic", Cause),
        "workqueue leaked",
        r"^(?:workqueue: )?BUG: workqueue leaked (?P<what>lock or atomic|atomic, lock or RCU): ",
        &[
            plain("BUG: workqueue leaked {what} in {last}").with(r"last function: (?P<last>[A-Za-z0-9_]+)"),
            plain("BUG: workqueue leaked {what}").broken(),
        ],
        &[
            "BUG: workqueue leaked lock or atomic: kworker/0:0/0x00000000/4",
            "BUG: workqueue leaked atomic, lock or RCU: kworker/0:0[4]",
        ],
    ),
    Pattern::new(
        ("wq.hog", "workqueue-stall", Weak),
        "hogged CPU for",
        r"^workqueue: (?P<fn>\S+) hogged CPU for >\d+us \d+ times",
        &[plain("workqueue: {fn} hogged CPU")],
        &["workqueue: do_work hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND"],
    ),
    Pattern::new(
        ("atomic.sched", "sleep-in-atomic", Cause),
        "scheduling while atomic",
        r"^BUG: scheduling while atomic(?:: (?P<comm>.+)/(?P<pid>\d+)/0x(?P<pc>[0-9a-f]+))?",
        &[title("BUG: scheduling while atomic in {f}", &SCHEDULING)],
        &["BUG: scheduling while atomic: swapper/0/0/0x00000102"],
    ),
    Pattern::new(
        ("atomic.sleep", "sleep-in-atomic", Cause),
        "sleeping function called from",
        r"^BUG: sleeping function called from invalid context(?: (?:at|from|in) (?P<where>\S+))?",
        &[title("BUG: sleeping function called from invalid context in {f}", &ATOMIC)],
        &["BUG: sleeping function called from invalid context at mm/slab.h:421"],
    ),
    Pattern::new(
        ("atomic.using", "sleep-in-atomic", Cause),
        "in preempt",
        r"^(?:caller is .* )?BUG: using (?P<fn>[a-z_]+)(?:\(\))?(?: \S+)? in preempt",
        &[title("BUG: using {fn}() in preemptible code in {f}", &PREEMPTIBLE)],
        &[
            "BUG: using smp_processor_id() in preemptible [00000000] code: syz/1234",
            "BUG: using __this_cpu_read() in preemptible [00000000] code: syz/1234",
        ],
    ),
    Pattern::new(
        ("atomic.assume", "sleep-in-atomic", Cause),
        "BUG: ",
        r"^BUG: (?P<what>assuming (?:atomic|non migratable) context|scheduling in a non-blocking section)",
        &[title("BUG: {what} in {f}", &TRACE)],
        &[
            "BUG: assuming atomic context at kernel/x.c:12",
            "BUG: scheduling in a non-blocking section: a/1/0",
        ],
    ),
];

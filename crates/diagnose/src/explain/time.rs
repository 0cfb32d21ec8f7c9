//! Locks, time and resources.

use super::{Explanation, text};

const LOCKDEP: &str = "CONFIG_PROVE_LOCKING (lockdep): reports the order that can deadlock before it does";
const HUNG: &str = "kernel.hung_task_panic=1: a dump while it hangs";
const SOFT: &str = "kernel.softlockup_panic=1, kernel.watchdog_thresh: a dump while it spins";

pub const TEXTS: &[Explanation] = &[
    text(
        "deadlock",
        "Tasks wait for each other in a circle, or one waits for what it holds itself: none of them can ever go on.",
        "Each blocked task's lock is found on its stack, each lock's owner in the lock; the chain of owners closes.",
        &[
            "take the locks in one order everywhere",
            "the task that came last closed the circle: its function is named",
        ],
        &[LOCKDEP, HUNG],
    ),
    text(
        "soft-lockup",
        "A CPU ran kernel code for too long without letting others run. It still took interrupts.",
        "The watchdog's interrupt came from the loop: the function that ran below it is on the stack. A CPU that waits for a lock is a victim; the \
         lock's owner is looked for.",
        &["bound the loop, or add cond_resched()", "a loop that waits for hardware needs a time limit"],
        &[SOFT],
    ),
    text(
        "hard-lockup",
        "A CPU did not even take interrupts: it spins or waits with interrupts off.",
        "The NMI's stack shows where; whether it waits for a lock, and who holds that, is read from memory.",
        &["find who switched interrupts off on the way", "see what the other CPUs do: bt -a"],
        &["kernel.hardlockup_panic=1", LOCKDEP],
    ),
    text(
        "hung-task",
        "Tasks wait for too long, for something that is no circle: a lock whose holder sleeps or works, a disk or server that does not answer.",
        "How long each task has waited is read from the scheduler; chains of waits are followed to their end.",
        &[
            "look at what the chain ends in: a task that sleeps, I/O, a network file system",
            "a second dump, or the holder's CPU time, tells whether it moves",
        ],
        &[HUNG, LOCKDEP],
    ),
    text(
        "rcu-stall",
        "A grace period of RCU did not end: some CPU or task did not leave its read-side section, or could not run.",
        "The state of RCU names the CPUs and tasks that it waits for; what they do is on their stacks.",
        &["look at the CPUs that are named first: loops with interrupts or preemption off"],
        &["kernel.panic_on_rcu_stall=1", "CONFIG_PROVE_RCU"],
    ),
    text(
        "workqueue-stall",
        "Work that was queued is not done: the worker that should do it is blocked or does not get a CPU.",
        "The pools' queues, what each worker does and what their CPU runs are read from memory.",
        &["see what the busy workers wait for"],
        &["workqueue.watchdog_thresh", LOCKDEP],
    ),
    text(
        "sleep-in-atomic",
        "Code slept where it must not: with a spinlock held, interrupts off, or in an interrupt.",
        "The scheduler's check, with the count of preemption as it was; the lock held is looked for on the stack.",
        &["use GFP_ATOMIC, a spinlock instead of a mutex, or do the work later in a work item"],
        &["CONFIG_DEBUG_ATOMIC_SLEEP", LOCKDEP],
    ),
    text(
        "lock-misuse",
        "A lock was used against its rules: released by another, taken without being initialised, taken in an interrupt and outside with \
         interrupts on.",
        "The kernel's own check names the lock; its owner and state are read from memory.",
        &["see where the lock is initialised, and who releases it"],
        &[LOCKDEP, "CONFIG_DEBUG_SPINLOCK, CONFIG_DEBUG_MUTEXES"],
    ),
    text(
        "irq-storm",
        "An interrupt came again and again, and no handler took it: the kernel switched it off, or did nothing else any more.",
        "The counters of the interrupt and what its handlers answered are read from its description.",
        &["look at the device that the line belongs to, and at its driver", "update the firmware"],
        &["irqpoll (boot option) to go on for the time being"],
    ),
    text(
        "out-of-memory",
        "The kernel had no memory left, and nothing to kill, or it was told to panic then.",
        "All memory is accounted for: processes, page cache, shared memory, slab caches with who allocates there, page tables and the rest.",
        &["look at the largest item of the account", "compare with another dump or /proc/meminfo over time"],
        &[
            "vm.panic_on_oom=2 for a dump at the first sign",
            "CONFIG_MEM_ALLOC_PROFILING: every allocation by its place",
        ],
    ),
    text(
        "memory-leak",
        "Memory is allocated and never freed: a cache or kind of page grew beyond all reason.",
        "The cache with most memory is named, with the functions that allocate from it by their code; several are listed without a culprit.",
        &[
            "see what the objects have in common: who points to them?",
            "boot with slub_debug=U for the cache and look at alloc_traces",
        ],
        &["CONFIG_DEBUG_KMEMLEAK", "CONFIG_MEM_ALLOC_PROFILING", "slub_debug=U,CACHE"],
    ),
    text(
        "fd-leak",
        "A process has opened files without end, or the system has run out of them.",
        "The tables of open files are counted by process and by kind.",
        &["look at what the process has open, and at who should close it"],
        &["limits (RLIMIT_NOFILE) that are hit before the machine suffers"],
    ),
];

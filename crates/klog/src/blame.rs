//! Which function a report is about: the rules by which the kernel's public fuzzing reports choose it.
//!
//! A report names many functions: the one that was interrupted, those of several stacks, those that print the report. Each
//! kind of report has its own way to the one that matters, written down as [`Step`]s through the lines; functions that only
//! do what they are told, and the reporting machinery, are never it.

use std::sync::LazyLock;

use regex::Regex;

use crate::{FrameRole, parse_frames};

/// One step through the lines of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The function that the first line names behind ` in `.
    Header,
    /// The next line with a program counter.
    Pc,
    /// The same, or ppc's `--- interrupt: 700 at `.
    Trapped,
    /// The next line that begins a stack trace.
    Trace,
    /// The frames from here to the next stack trace.
    Frames,
    /// The next `at: [<address>] function+`: where lockdep says a lock was taken.
    LockAt,
    /// The next line with an address in brackets and a function.
    Addressed,
    /// The next line that this expression fits.
    Line(&'static str),
}

/// Which of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The first that is not skipped.
    First,
    /// The one below the first general dispatcher: the loop is somewhere in its callees.
    Dispatched,
    /// The one that waits, above what it waits with.
    Waiting,
}

/// How the function to blame is found.
pub struct Blame {
    /// The way.
    pub steps: &'static [Step],
    /// Another way, where the first finds nothing.
    pub or: &'static [Step],
    /// Functions to skip, besides those that are always skipped.
    pub skip: &'static str,
    /// Which of the frames found.
    pub pick: Pick,
    /// Whether even what is always skipped counts.
    pub all: bool,
}

const fn by(steps: &'static [Step]) -> Blame {
    Blame { steps, or: &[], skip: "", pick: Pick::First, all: false }
}

impl Blame {
    const fn or(mut self, steps: &'static [Step]) -> Blame {
        self.or = steps;
        self
    }
    const fn skip(mut self, skip: &'static str) -> Blame {
        self.skip = skip;
        self
    }
    const fn pick(mut self, pick: Pick) -> Blame {
        self.pick = pick;
        self
    }
    const fn all(mut self) -> Blame {
        self.all = true;
        self
    }
    fn skips(&self, function: &str) -> bool {
        let own = if self.skip.is_empty() { None } else { crate::cached::regex(self.skip) };
        own.is_some_and(|r| r.is_match(function)) || (!self.all && never_to_blame(function))
    }
}

use Pick::{Dispatched, Waiting};
use Step::{Addressed, Frames, Header, Line, LockAt, Pc, Trace, Trapped};

const IN_TRACE: &[Step] = &[Trace, Frames];
const AT_PC: &[Step] = &[Pc, Trace, Frames];
const WARNED: &[Step] = &[Trapped, Frames];

/// The interrupted instruction alone.
pub static PC: Blame = by(&[Pc]);
/// The interrupted instruction, else the stack.
pub static PC_TRACE: Blame = by(AT_PC);
/// The stack.
pub static TRACE: Blame = by(IN_TRACE);
/// A loop, or a stack that was exhausted.
pub static PC_STALL: Blame = by(AT_PC).pick(Dispatched);
/// An RCU stall: what the timer interrupted.
pub static STALL: Blame = by(&[Line("apic_timer_interrupt"), Pc, Frames])
    .or(&[Line("apic_timer_interrupt|Exception stack|el1h_64_irq"), Frames])
    .skip("apic_timer_interrupt|rcu")
    .pick(Dispatched);
/// A task that waits.
pub static HUNG: Blame = by(IN_TRACE).pick(Waiting);
/// A task that sleeps where it must not.
pub static SCHEDULING: Blame = by(IN_TRACE).skip("schedule");
/// The same, found by `might_sleep`.
pub static ATOMIC: Blame = by(IN_TRACE);
/// A per-CPU access in preemptible code.
pub static PREEMPTIBLE: Blame = by(IN_TRACE).skip("preempt|debug_|processor_id|this_cpu");
/// A WARN: what trapped, else the stack.
pub static WARNING: Blame = by(WARNED).or(IN_TRACE);
/// A WARN of lockdep.
pub static WARNING_LOCK: Blame = by(WARNED).or(IN_TRACE).skip("lock_sock|release_sock");
/// A WARN of debugobjects: past the timers, works and RCU heads it watches.
pub static ODEBUG: Blame =
    by(WARNED).or(IN_TRACE).skip("debug_|rcu|hrtimer_|timer_|work_|percpu_|vunmap|vfree|__free_|kobject_");
/// A WARN of a reference count.
pub static REFCOUNT: Blame = by(WARNED).or(IN_TRACE).skip("refcount|kobject_");
/// A WARN of kobjects.
pub static KOBJECT: Blame = by(WARNED).or(IN_TRACE).skip("kobject_");
/// A WARN of procfs.
pub static PROC: Blame = by(WARNED).or(IN_TRACE).skip("proc_");
/// A WARN of an allocator.
pub static KMALLOC: Blame = by(WARNED).or(IN_TRACE).skip("kmalloc|krealloc|slab|kmem");
/// A WARN of USB's core: the driver's.
pub static USB: Blame = by(WARNED)
    .or(IN_TRACE)
    .skip("usb_submit_urb|usb_start_wait_urb|usb_bulk_msg|usb_interrupt_msg|usb_control_msg");
/// A WARN of usercopy.
pub static USERCOPY_WARNING: Blame = by(WARNED).or(IN_TRACE).skip("usercopy|__check");
/// A BUG of usercopy.
pub static USERCOPY: Blame = by(IN_TRACE).skip("usercopy|__check");
/// A BUG of the list checks.
pub static LIST: Blame = by(IN_TRACE);
/// A BUG; those of socket buffers are their callers'.
pub static BUG: Blame = by(AT_PC).skip("^skb_");
/// KASAN: the access, past the exception path of hardware tags.
pub static KASAN: Blame = by(&[Header, Trace, Frames]).skip("kernel_fault|tag_check|mem_abort|^el1_|^el1h_");
/// A free that KASAN refuses.
pub static INVALID_FREE: Blame = by(&[Header, Trace, Frames]).skip("slab_|kfree|vunmap|vfree");
/// KFENCE.
pub static KFENCE: Blame = by(&[Header, Frames]);
/// KMSAN: the use; ciphers work on what they are given.
pub static KMSAN: Blame =
    by(&[Frames]).skip("alloc_skb|netlink_ack|netlink_rcv_skb|_encrypt$|^(?:crypto|cipher|drbg|rng)_");
/// KMSAN in USB's core.
pub static KMSAN_USB: Blame = by(&[Frames])
    .skip("alloc_skb|usb_submit_urb|usb_start_wait_urb|usb_bulk_msg|usb_interrupt_msg|usb_control_msg");
/// UBSAN.
pub static UBSAN: Blame = by(IN_TRACE).skip("ubsan|overflow");
/// A leak: who allocated.
pub static LEAK: Blame = by(&[Line(r"backtrace(?: \(crc [0-9a-f]*\))?:"), Frames])
    .skip("kmemleak|mmap|kmem|slab|alloc|create_object|idr_get|list_lru_init|kasprintf|kvasprintf|pcpu_create|strdup|strndup|memdup");
/// A page in a bad state: who allocated it.
pub static BAD_PAGE: Blame = by(&[Line("page last allocated"), Frames])
    .skip("(?:free|put|get|update|release)_page|free_unref|^_*folio|truncate_inode_pages|page_frag_free|alloc|vmap|page_owner");
/// Spinlock debugging.
pub static SPIN: Blame = by(IN_TRACE).skip("spin_|_lock|_unlock");
/// Lockdep: a cycle.
pub static CIRCULAR: Blame = by(&[Line("is trying to acquire lock"), LockAt, LockAt, Frames])
    .skip("process_one_work|flush_workqueue|drain_workqueue|destroy_workqueue");
/// Lockdep: a lock taken twice.
pub static RECURSIVE: Blame = by(&[Line("is trying to acquire"), LockAt]).all();
/// Lockdep: an interrupt's lock.
pub static INVERSION: Blame = by(&[Line("just changed the state of lock"), LockAt]).all();
/// Lockdep: a lock that interrupts take too.
pub static BECAME: Blame = by(&[Line("which became .* at:"), Frames]);
/// Lockdep: a lock used in two ways.
pub static INCONSISTENT: Blame = by(IN_TRACE).or(&[Line("takes"), LockAt]);
/// Lockdep: a lock that is still held.
pub static HELD: Blame = by(&[LockAt]).all();
/// Lockdep: a lock held on the way to user space.
pub static RETURNING: Blame = by(&[Line("leaving the kernel with locks still held"), LockAt]).all();
/// Lockdep: an unlock that no lock fits.
pub static ANY_THEN_TRACE: Blame = by(&[Addressed, Trace, Frames]);
/// Lockdep: sleeping locks inside spinning ones.
pub static CONTEXT: Blame = by(IN_TRACE).skip("lock_sock|release_sock");
/// Lockdep: a lock that nobody initialised.
pub static NON_STATIC: Blame = by(IN_TRACE).skip("stack|lock|IRQ");
/// RCU's rules.
pub static RCU: Blame = by(IN_TRACE).skip("rcu|kmem|slab");
/// A smashed stack whose function has no name.
pub static PROTECTOR: Blame = by(IN_TRACE).skip("stack_chk");
/// A stack's end that was overwritten.
pub static CORRUPTED_END: Blame = by(IN_TRACE).skip("schedule|retint_kernel").pick(Dispatched);
/// An exhausted stack.
pub static BAD_STACK: Blame = by(IN_TRACE).skip("bad_stack").pick(Dispatched);

/// Names that are never to blame, by the reason. Parts of names, unless they are tied to an end.
const NEVER: &[&[&str]] = &[
    // Who finds and prints the report.
    &[
        "__sanitizer",
        "__asan",
        "kasan",
        "hwasan",
        "__msan",
        "kmsan",
        "kcsan_setup_watchpoint",
        "check_memory_region",
        "^asm_(?:sysvec|exc)_",
    ],
    &[
        "check_heap_object",
        "check_object",
        "print_address_description",
        "print_report",
        "print_usage_bug",
        "print_unlock",
    ],
    &[
        "panic",
        "invalid_op",
        "report_bug",
        "fixup_bug",
        "do_error",
        "_trap$|do_trap",
        "show_stack",
        "dump_stack",
    ],
    &[
        "walk_stack",
        "dump_backtrace",
        "arch_stack_walk",
        "stack_trace_save",
        "stack_trace_consume_entry",
        "__warn",
    ],
    &[
        "warn_slowpath",
        "warn_alloc",
        "warn_bogus",
        "imbalance_bug",
        "assertfail",
        "print_tainted",
        "^get_taint$",
    ],
    &[
        "printk",
        "va_format",
        "dev_(?:info|notice|warn|err|alert|crit|emerg)",
        "print_hex_dump",
        "hex_dump_to_buffer",
    ],
    &["program_check_(?:exception|common)", "do_(?:kernel|translation)_fault", "do_mem_abort", "el1_abort"],
    &[
        "el1h_64_sync(?:_handler)?",
        "__fortify_report",
        "perf_trace",
        "debug_object",
        "(?:timer|work)_is_static_object",
    ],
    &["__might_fault", "might_fault", "might_sleep", "__might_resched", "__phys_addr", "seqprop_assert"],
    &["rust_begin_unwind", "^core::panicking"],
    // Who allocates and frees.
    &[
        "alloc_page",
        "k?v?(?:m|z|c)alloc",
        "krealloc",
        "kmem_cache",
        "allocate_slab",
        "__alloc_frozen_pages_noprof",
    ],
    &[
        "slab_",
        "^kv?free$",
        "kfree_skb",
        "folio_(?:alloc|unlock)",
        "filemap_alloc_folio",
        "__filemap_get_folio",
    ],
    &["find_or_create_page", "do_read_cache_folio", "read_cache_page", "pagecache_get_page"],
    &[
        "grab_cache_page_write_begin",
        "find_lock_entries",
        "truncate_inode_pages_range",
        "^(?:un)?lock_page",
        "ida_free",
    ],
    // Who locks.
    &["lockdep", "lock_acquire", "lock_release", "lock_class", "mark_lock", "(?:reacquire|mark)_held_locks"],
    &[
        "(?:trace|lockdep)_(?:hard|soft)irq",
        "bh_(?:en|dis)able",
        "raw_spin_rq",
        "spin_(?:lock|trylock|unlock)",
    ],
    &["(?:read|write)_(?:lock|trylock|unlock)", "^down$", "down_(?:read|write|trylock)", "up_(?:read|write)"],
    &["^(?:__)?mutex_", "^rt_mutex_", "owner_on_cpu", "osq_(?:lock|unlock)", "lock_timer_base"],
    // Who counts, copies, compares, lists: what they are told.
    &["(?:read|write)_once_.*nocheck", "read_word_at_a_time", "^refcount_", "^kref_", "ref_tracker"],
    &[
        "atomic(?:64)?_(?:dec|inc|read|set|or|xor|and|add|sub|fetch|xchg|cmpxchg|try)",
        "(?:set|clear|change|test)_bit",
    ],
    &[
        "mem(?:cpy|cmp|set|chr|move|dup)",
        "strn?(?:cmp|cpy|len|str|dup)",
        "str(?:lcpy|scpy|chr)",
        "string",
        "pointer",
    ],
    &[
        "copy_(?:to|from)_(?:user|iter)",
        "copy_(?:page|folio)_(?:to|from)_iter",
        "^copy(?:in|out)$",
        "(?:put|get)_user",
    ],
    &[
        "snprintf",
        "scnprintf",
        "kv?asprintf",
        "list_(?:add|del|replace|move|splice)",
        "^(?:__)?rb_",
        "^klist_",
    ],
    &[
        "(?:read|write)[bwlq]$",
        "logic_(?:in|out)",
        r"^crc\d+",
        "crc_itu_t",
        "_indirect_thunk_",
        "xas_(?:start|load|find)",
    ],
    &[
        "rhashtable_lookup",
        "extract_(?:user|iter)_to_sg",
        "^i(?:put|put_final|hold)$",
        "drop_nlink",
        "fast_dput",
        "dput",
    ],
    &["^mark_buffer_dirty$", "^buffer_uptodate$", "^set_page_dirty$"],
    // Who waits, wakes, queues, takes down: on behalf of others.
    &["__wake_up", "^complete$", "wait_for_completion", "finish_wait", "kthread_stop", "cleanup_srcu_struct"],
    &["flush_work", "cancel_work_sync", "__cancel_work_timer", "try_to_grab_pending", "flush_workqueue"],
    &["drain_workqueue", "destroy_workqueue", "queue_work", "insert_work", "(?:__)?queue_delayed_work"],
    &["del_timer", "__timer_delete_sync", "sk_stop_timer_sync", "__mod_timer", "kobject_", "add_uevent_var"],
    &[
        "get_device_parent",
        "device_(?:add|del|unregister|destroy|release|remove_file|for_each_child)",
        "^put_device$",
    ],
    &[
        "devres_release_all",
        "hwrng_unregister",
        "i2c_del_adapter",
        "__unregister_client",
        "rollback_registered",
    ],
    &[
        "unregister_netdev",
        "sysfs_remove",
        "tty_unregister_device",
        "dummy_urb_enqueue",
        "usb_kill_(?:anchored_)?urb",
    ],
    &["usb_control_msg", "usb_(?:hcd_)?submit_urb"],
];

/// Whether a function can never be what a report is about.
pub fn never_to_blame(function: &str) -> bool {
    static REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&NEVER.concat().join("|")).ok());
    REGEX.as_ref().is_some_and(|r| r.is_match(function))
}

/// Functions that call whatever there is to do: a loop below them is named by what they call.
const DISPATCHERS: &[&str] = &[
    // Threads, works, interrupts.
    "process_one_work",
    "do_softirq",
    "call_timer_fn",
    "_run_timers",
    "run_timer_softirq",
    "hrtimer_run",
    "run_ksoftirqd",
    "smpboot_thread_fn",
    "^kthread$",
    "start_secondary",
    "cpu_startup_entry",
    "ret_from_fork",
    "tasklet_(?:hi_)?action",
    "netif_receive_skb",
    "smp_call_function",
    // System calls.
    "do_(?:fast_)?syscall_",
    "sysenter_dispatch",
    "tracesys_phase2",
    "el0_svc_handler",
    "invoke_syscall",
    "ret_fast_syscall",
    "^(?:sys_)?(?:socketpair|connect|ioctl)",
    "^setsockopt$",
    "^listen$",
    "^accept$",
    // What a file's or socket's own functions are called by.
    "vfs_(?:write|read|iter_read|iter_write|ioctl|open)",
    "do_iter_(?:read|write)",
    "call_(?:read|write)_iter",
    "new_sync_(?:read|write)",
    "do_iter_readv_writev",
    "ksys_ioctl",
    "compat_(?:sys_)?ioctl",
    "blkdev_(?:driver_)?ioctl",
    "^call_mmap",
    "mmap_region",
    "do_mmap",
    "do_dentry_open",
    "^(?:__)?sock_release",
    "^sock_(?:sendmsg|recvmsg)",
    "kernel_(?:setsockopt|listen|accept)",
    "sock_common_setsockopt",
    "sk_common_release",
    "^sock_mmap",
    "^sock_do_ioctl",
    "^(?:compat_)?sock_ioctl",
    "^nfnetlink_rcv_msg",
    "^rtnetlink_rcv_msg",
    "^netlink_dump",
    // Faults, and leaving the kernel.
    "__do_fault",
    "do_page_fault",
    "^page_fault$",
    "__fput",
    "task_work_run",
    "exit_to_usermode",
];

fn dispatches(function: &str) -> bool {
    static REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&DISPATCHERS.join("|")).ok());
    REGEX.as_ref().is_some_and(|r| r.is_match(function))
}

/// What systems call functions are called before their names, by architecture and age.
const ENTRIES: &[&str] = &[
    "SYSC_",
    "SyS_",
    "sys_",
    "__x64_",
    "__ia32_",
    "__arm64_",
    "____sys_",
    "___sys_",
    "__sys_",
    "__se_",
    "__se_sys_",
    "__do_sys_",
    "compat_SYSC_",
    "compat_SyS_",
    "ksys_",
];

/// The name that a function has on every architecture: `__x64_sys_mount` is `sys_mount`.
pub fn canonical(function: &str) -> &str {
    let shorter = ENTRIES.iter().filter_map(|e| function.strip_prefix(e)).min_by_key(|f| f.len());
    shorter.filter(|f| !f.is_empty()).unwrap_or(function)
}

/// A symbol's name as people write it: no compiler's suffixes, Rust demangled.
pub fn function_name(symbol: &str) -> String {
    let rust = symbol.starts_with("_R").then(|| rustc_demangle::try_demangle(symbol).ok()).flatten();
    match rust {
        Some(name) => format!("{name:#}"),
        None => symbol.split('.').find(|s| !s.is_empty()).unwrap_or(symbol).to_owned(),
    }
}

/// A function that was found to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// Its name.
    pub function: String,
    /// Whether the rule was followed to its end; else it is the best that the lines give.
    pub sure: bool,
}

impl Blame {
    /// The function to blame, in the lines of a report (without their prefixes).
    pub fn find(&self, lines: &[&str]) -> Option<Blamed> {
        let first = self.walk(lines, self.steps);
        let found = if first.is_empty() && !self.or.is_empty() { self.walk(lines, self.or) } else { first };
        if let Some(function) = self.choose(&found) {
            return Some(Blamed { function, sure: true });
        }
        let other = self.choose(&self.walk(lines, self.or)).map(|function| Blamed { function, sure: true });
        other.or_else(|| {
            let function = canonical(found.first()?).to_owned();
            Some(Blamed { function, sure: false })
        })
    }

    /// The functions on the way, without those that are skipped.
    fn walk(&self, lines: &[&str], steps: &[Step]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut rest = lines.iter();
        let mut i = 0;
        while let Some(step) = steps.get(i) {
            i += 1;
            for line in rest.by_ref() {
                if *step == Frames {
                    if begins_trace(line) {
                        break;
                    }
                    if let Some(more) = steps.get(i).and_then(|next| reads(*next, line)) {
                        self.add(&mut found, more);
                        i += 1;
                        break;
                    }
                    self.add(&mut found, calls(line));
                } else if let Some(names) = reads(*step, line) {
                    self.add(&mut found, names);
                    break;
                }
            }
        }
        found
    }

    fn add(&self, found: &mut Vec<String>, names: Vec<String>) {
        found.extend(names.into_iter().filter(|n| !self.skips(n)));
    }

    fn choose(&self, found: &[String]) -> Option<String> {
        let names = || found.iter().map(|f| canonical(f));
        match self.pick {
            Pick::First => names().next().map(str::to_owned),
            Dispatched => dispatched(names().collect()),
            Waiting => waiting(names().collect()),
        }
    }
}

fn dispatched(names: Vec<&str>) -> Option<String> {
    let anchor = names.iter().position(|n| dispatches(n))?;
    if names[anchor].contains("smp_call_function") {
        return Some("smp_call_function".into());
    }
    Some(names[anchor.saturating_sub(1)].to_owned())
}

/// Hangs of RCU and of RTNL are the same wherever they show.
fn waiting(names: Vec<&str>) -> Option<String> {
    const FAMOUS: &[&str] = &["synchronize_rcu", "synchronize_srcu", "synchronize_net", "synchronize_sched"];
    const WAITS: &[&str] = &[
        "sched",
        "_lock",
        "_slowlock",
        "down",
        "rwsem",
        "completion",
        "kthread",
        "wait",
        "synchronize",
        "context_switch",
        "__switch_to",
        "cancel_delayed_work",
        "rcu_barrier",
    ];
    for name in &names {
        if name.contains("rtnl_lock") {
            return Some((*name).to_owned());
        }
        if FAMOUS.iter().any(|f| name.contains(f)) {
            return Some("synchronize_rcu".into());
        }
    }
    names.iter().find(|n| !WAITS.iter().any(|w| n.contains(w))).map(|n| (*n).to_owned())
}

/// What a line gives to a step; `None` if it is not the line that the step wants.
fn reads(step: Step, line: &str) -> Option<Vec<String>> {
    match step {
        Header => line.contains(" in ").then(|| mentioned(line)),
        Pc => program_counter(line),
        Trapped => {
            program_counter(line).or_else(|| line.contains("--- interrupt: ").then(|| mentioned(line)))
        }
        Trace => begins_call_trace(line).then(Vec::new),
        LockAt => {
            let rest = line.split_once("at: ")?.1;
            Some(mentioned(rest)).filter(|m| !m.is_empty())
        }
        Addressed => {
            let frame = parse_frames(line).next().filter(|f| f.address.is_some())?;
            Some(vec![function_name(frame.name(line))])
        }
        Line(expression) => crate::cached::regex(expression)?.is_match(line).then(Vec::new),
        Frames => None,
    }
}

/// The first function that a line names.
fn mentioned(line: &str) -> Vec<String> {
    parse_frames(line).next().map(|f| function_name(f.name(line))).into_iter().collect()
}

/// The function at the program counter that a line gives: an empty list for an address without a name.
fn program_counter(line: &str) -> Option<Vec<String>> {
    static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let address =
            r"(?:[0-9a-f]{4}:)?(?:0x[0-9a-f]+|\[<?[0-9a-f]+>?\] +\[< *\(null\)>\] +\(null\)| +\(null\))";
        Regex::new(&format!(r"(?:IP|pc |PC is at|epc ?):? {address}")).ok()
    });
    if let Some(frame) = parse_frames(line).find(|f| f.role == FrameRole::Pc) {
        return Some(vec![function_name(frame.name(line))]);
    }
    BARE.as_ref()?.is_match(line).then(Vec::new)
}

fn begins_call_trace(line: &str) -> bool {
    line.contains("Call Trace:") || line.contains("Call trace:") || line.contains("Backtrace:")
}

/// Whether a line begins a stack trace of any kind.
pub fn begins_trace(line: &str) -> bool {
    static REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"Call [Tt]race|Allocated:|Allocated by task [0-9]+|Freed:|Freed by task [0-9]+|[^k] backtrace(?: \(crc [0-9a-f]*\))?:|Backtrace:|Uninit was stored to memory at|status: [0-9a-f]{16} badaddr: [0-9a-f]{16} cause: [0-9a-f]{16}",
        )
        .ok()
    });
    REGEX.as_ref().is_some_and(|r| r.is_match(line))
}

/// The functions of a line of a stack trace.
fn calls(line: &str) -> Vec<String> {
    let arm = line.contains(") from [<").then(|| line.split_once("] (")).flatten();
    let callee = arm.and_then(|(_, rest)| rest.split(')').next()).map(function_name);
    let listed = |f: &crate::LogFrame| f.reliable && matches!(f.role, FrameRole::Call | FrameRole::Caller);
    let frames = parse_frames(line).filter(listed).map(|f| function_name(f.name(line)));
    callee.into_iter().chain(frames).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_an_expression() {
        assert!(never_to_blame("__asan_memcpy") && never_to_blame("kfree") && !never_to_blame("copy_field"));
        assert!(dispatches("process_one_work") && !dispatches("copy_field"));
        assert!(begins_trace("Call Trace:") && !begins_trace("stack backtrace:"));
    }

    #[test]
    fn the_way_to_the_function() {
        let lines = [
            "BUG: x",
            "RIP: 0010:memcpy+0x1/0x2",
            "Call Trace:",
            " ? stale+0x1/0x2",
            " copy_field+0x1/0x2 [m]",
        ];
        let found = |b: &Blame, lines: &[&str]| b.find(lines).map(|b| b.function);
        assert_eq!(found(&PC_TRACE, &lines).as_deref(), Some("copy_field"));
        let lines =
            ["x", "Call Trace:", " schedule+0x1/0x2", " __mutex_lock+0x1/0x2", " take.isra.0+0x1/0x2"];
        assert_eq!(found(&HUNG, &lines).as_deref(), Some("take"));
        let lines = [
            "x",
            "RIP: 0010:inner+0x1/0x2",
            "Call Trace:",
            " outer+0x1/0x2",
            " __x64_sys_mine+0x1/0x2",
            " do_syscall_64+0x1/0x2",
        ];
        assert_eq!(found(&PC_STALL, &lines).as_deref(), Some("sys_mine"));
        assert_eq!(found(&PC, &["x", "RIP: 0010:0x0"]), None);
    }

    #[test]
    fn names_as_people_write_them() {
        assert_eq!(function_name("foo.isra.0"), "foo");
        assert_eq!(canonical("__x64_sys_mount"), "sys_mount");
        assert_eq!(canonical("__se_sys_mremap"), "mremap");
        assert_eq!(canonical("sys_"), "sys_");
    }
}

//! Who is never to blame: the machinery of dying, and functions that only do what they are told.

use necropsy_kernel::locks;
use necropsy_kernel::modules::modules;
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, Trust};

use crate::allocators;
use crate::crash::base_name;
use crate::integrity::UNVOUCHED;
use crate::reported;

/// How a kernel dies, enters and leaves: no function of these is a place of a bug.
const MACHINERY: &[&str] = &[
    "panic",
    "vpanic",
    "nmi_panic",
    "oops_end",
    "oops_begin",
    "die",
    "__die",
    "die_addr",
    "page_fault_oops",
    "no_context",
    "__crash_kexec",
    "crash_kexec",
    "machine_kexec",
    "delay_tsc",
    "__const_udelay",
    "mdelay",
    "exc_page_fault",
    "asm_exc_page_fault",
    "page_fault",
    "do_page_fault",
    "__do_page_fault",
    "do_user_addr_fault",
    "do_kern_addr_fault",
    "bad_area_nosemaphore",
    "__bad_area_nosemaphore",
    "bad_area",
    "exc_general_protection",
    "asm_exc_general_protection",
    "exc_invalid_op",
    "asm_exc_invalid_op",
    "handle_bug",
    "do_error_trap",
    "do_trap",
    "__stack_chk_fail",
    "__warn",
    "report_bug",
    "warn_slowpath_fmt",
    "__warn_printk",
    "_printk",
    "printk",
    "vprintk",
    "dump_stack",
    "stack_trace_save",
    "show_stack",
    "entry_SYSCALL_64_after_hwframe",
    "do_syscall_64",
    "x64_sys_call",
    "ret_from_fork",
    "ret_from_fork_asm",
    "kthread",
    "crash_save_cpu",
    "crash_setup_regs",
    "check_panic_on_warn",
    "rcu_note_context_switch",
    "__crash_kexec_post",
    "stop_this_cpu",
];

/// Functions that touch the memory they are given: their caller gave it.
const SERVANTS: &[&str] = &[
    "memcpy",
    "__memcpy",
    "memcpy_orig",
    "memcpy_erms",
    "memmove",
    "__memmove",
    "memset",
    "__memset",
    "memset_orig",
    "memset_erms",
    "memcmp",
    "bcmp",
    "memchr",
    "memcpy_fromio",
    "memcpy_toio",
    "strlen",
    "strnlen",
    "strcpy",
    "strncpy",
    "strlcpy",
    "strscpy",
    "sized_strscpy",
    "strcat",
    "strncat",
    "strlcat",
    "strcmp",
    "strncmp",
    "strcasecmp",
    "strchr",
    "strrchr",
    "strstr",
    "strsep",
    "sscanf",
    "vsscanf",
    "sprintf",
    "snprintf",
    "vsnprintf",
    "vsprintf",
    "scnprintf",
    "vscnprintf",
    "kstrtoull",
    "kstrtoll",
    "copy_from_user",
    "_copy_from_user",
    "copy_to_user",
    "_copy_to_user",
    "raw_copy_from_user",
    "copy_user_generic_string",
    "copy_user_enhanced_fast_string",
    "copy_user_generic_unrolled",
    "rep_movs_alternative",
    "clear_user_rep_good",
    "_copy_from_iter",
    "_copy_to_iter",
    "copy_page_from_iter",
    "copy_page_to_iter",
    "simple_read_from_buffer",
    "simple_write_to_buffer",
    "clear_page_erms",
    "copy_page",
    "__list_add_valid",
    "__list_del_entry_valid",
    "__list_add_valid_or_report",
    "__list_del_entry_valid_or_report",
    "list_del",
    "list_add",
    "llist_add_batch",
    "rb_erase",
    "rb_insert_color",
    "_raw_spin_lock",
    "_raw_spin_lock_irqsave",
    "_raw_spin_lock_irq",
    "_raw_spin_lock_bh",
    "_raw_spin_unlock",
    "_raw_spin_unlock_irqrestore",
    "_raw_spin_trylock",
    "native_queued_spin_lock_slowpath",
    "queued_spin_lock_slowpath",
    "_raw_read_lock",
    "_raw_write_lock",
    "mutex_unlock",
    "mutex_trylock",
    "up",
    "rtnl_lock",
    "rtnl_lock_killable",
    "lock_sock_nested",
    "console_lock",
    "cpus_read_lock",
    "cpus_write_lock",
    "percpu_down_write",
    "__percpu_down_read",
    "percpu_rwsem_wait",
    "__sb_start_write",
    "sb_start_write",
    "mnt_want_write",
    "cgroup_lock",
    "inode_lock",
    "device_lock",
    "up_read",
    "up_write",
    "refcount_warn_saturate",
    "kfree_skb_reason",
    "complete",
    "complete_all",
    "__wake_up",
    "__wake_up_common",
    "wake_up_process",
    "try_to_wake_up",
    "queue_work_on",
    "mod_timer",
    "del_timer",
    "idr_find",
    "xa_load",
    "radix_tree_lookup",
    "kobject_put",
    "kobject_get",
    "put_device",
    "get_device",
    "msleep",
    "msleep_interruptible",
    "usleep_range",
    "usleep_range_state",
    "print_hex_dump",
];

/// Whether a function is part of how a kernel dies or is entered.
pub fn is_machinery(name: &str) -> bool {
    MACHINERY.contains(&name)
        || name.starts_with("asm_exc_")
        || name.starts_with("asm_sysvec_")
        || reported::is_check(name)
}

/// Whether a function only does what it is told.
pub fn is_servant(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or(name);
    use locks::WaitKind::{Rcu, Time, Work};
    let waits = |kind: locks::WaitKind| kind.struct_name().is_some() || matches!(kind, Rcu | Time | Work);
    let takes = || locks::wait_function(name).is_some_and(waits);
    SERVANTS.contains(&name)
        || allocators::is_allocator(name)
        || locks::is_scheduler(name)
        || takes()
        || name.starts_with("__x86_indirect_")
}

/// Whether a function acts for itself: it is no part of how a kernel dies or watches itself, no allocator, and does not only what it is told.
pub fn acts_for_itself(name: &str) -> bool {
    !is_machinery(name) && !is_servant(name)
}

/// Functions that run what others have queued: their own code is not where the bug is when what they find there is bad.
const DISPATCHERS: &[&str] = &[
    "__run_timers",
    "__run_timer_base",
    "run_timer_base",
    "run_timer_softirq",
    "expire_timers",
    "call_timer_fn",
    "get_next_timer_interrupt",
    "__next_timer_interrupt",
    "hrtimer_interrupt",
    "__hrtimer_run_queues",
    "hrtimer_run_queues",
    "hrtimer_run_softirq",
    "timerqueue_add",
    "timerqueue_del",
    "delayed_work_timer_fn",
    "__queue_work",
    "process_one_work",
    "process_scheduled_works",
    "worker_thread",
    "rcu_do_batch",
    "rcu_core",
    "srcu_invoke_callbacks",
    "rcu_process_callbacks",
    "__do_softirq",
    "handle_softirqs",
    "tasklet_action_common",
    "__handle_irq_event_percpu",
    "handle_irq_event",
    "notifier_call_chain",
    "raw_notifier_call_chain",
    "atomic_notifier_call_chain",
    "blocking_notifier_call_chain",
    "irq_work_run_list",
    "irq_work_single",
    "__flush_smp_call_function_queue",
    "flush_smp_call_function_queue",
    "task_work_run",
    "kthread_worker_fn",
];

/// Whether a function runs what others have queued.
pub fn is_dispatcher(name: &str) -> bool {
    DISPATCHERS.contains(&name.split('.').next().unwrap_or(name))
}

/// Functions in which a CPU waits until others have answered its interrupt, or until all have stopped (kernel/smp.c, kernel/stop_machine.c).
const ASKS: &[&str] = &[
    "smp_call_function_many_cond",
    "smp_call_function_many",
    "smp_call_function_single",
    "generic_exec_single",
    "csd_lock_wait",
    "__csd_lock_wait",
    "csd_lock_wait_toolong",
    "multi_cpu_stop",
    "native_flush_tlb_multi",
    "native_flush_tlb_others",
];

/// Whether a CPU in a function waits for others to answer: who does not is to blame.
pub fn awaits_answer(name: &str) -> bool {
    ASKS.contains(&name.split('.').next().unwrap_or(name))
}

/// Whether a function copies, fills or prints into a buffer that it is given.
pub fn copies(name: &str) -> bool {
    let words = [
        "cpy",
        "move",
        "memset",
        "strcat",
        "strncat",
        "strlcat",
        "printf",
        "copy_from",
        "kernel_read",
        "simple_write",
    ];
    SERVANTS.contains(&name) && words.iter().any(|word| name.contains(word))
}

/// The frame to blame for what happened in frame `at`: it, or the first caller that is no servant, or a caller behind that which nobody
/// vouches for. With how sure that is.
pub fn culprit(t: &Target, frames: &[Frame], at: usize) -> Option<(usize, f64)> {
    let (index, sure) = nearest(frames, at)?;
    // Whoever asks the allocator for memory has no part in what is wrong with its lists.
    let asked =
        frames.get(at).filter(|_| index > at).and_then(base_name).is_some_and(allocators::only_allocates);
    match foreign(t, frames, index) {
        _ if asked || base_name(&frames[index]).is_some_and(is_dispatcher) => Some((index, sure * 0.3)),
        Some(caller) => Some((caller, sure * 0.75)),
        None => Some((index, sure)),
    }
}

/// The same by the stack alone.
pub fn nearest(frames: &[Frame], at: usize) -> Option<(usize, f64)> {
    let named = frames.iter().enumerate().skip(at).filter_map(|(i, f)| Some((i, base_name(f)?)));
    let (index, _) = named.filter(|(_, n)| !is_servant(n)).find(|(_, n)| !is_machinery(n))?;
    // What was found above a break is less certain than what the unwind table led to.
    let certain =
        frames[index].trust < Trust::Inferred && !frames[..=index].iter().any(|f| f.trust == Trust::Inferred);
    let sure = if index == at { 0.93 } else { 0.8 };
    Some((index, if certain { sure } else { 0.6 * sure }))
}

/// The caller that nobody vouches for, if the kernel's own function in frame `of` was called by one: what it was given is more likely to
/// be wrong than what everybody runs. What was interrupted did not call.
fn foreign(t: &Target, frames: &[Frame], of: usize) -> Option<usize> {
    if frames[of].module().is_some() {
        return None;
    }
    let calls =
        |f: &&Frame| f.trap.is_none() && base_name(f).is_none_or(|n| !is_machinery(n) && !is_dispatcher(n));
    let callers = frames.iter().skip(of + 1).take_while(calls);
    let near = callers
        .enumerate()
        .find(|(_, f)| f.module().is_some() && base_name(f).is_some_and(|n| !is_servant(n)));
    let (distance, caller) = near.filter(|(distance, _)| *distance < NEAR)?;
    let name = caller.module()?;
    let all = modules(t);
    let unvouched =
        all.iter().any(|m| m.name == name && m.taint.iter().any(|l| UNVOUCHED.contains(&l.as_str())));
    unvouched.then_some(of + 1 + distance)
}

/// Callers that many frames away gave what went wrong.
const NEAR: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_or_runs_what_others_left() {
        assert!(awaits_answer("smp_call_function_many_cond") && awaits_answer("multi_cpu_stop.part.0"));
        assert!(!awaits_answer("cfg_quiesce") && !awaits_answer("flush_smp_call_function_queue"));
        assert!(is_dispatcher("__run_timers.part.0") && !is_dispatcher("beacon_tick"));
    }
}

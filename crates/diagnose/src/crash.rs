//! The task that died: its stack, and the exception that killed it.

use crate::suspect;
use necropsy_arch::{Exception, Regs};
use necropsy_kernel::tasks::{self, Task};
use necropsy_kernel::{cpus, printk};
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, Stack};

/// The task that panicked.
pub struct Crash {
    /// The CPU it was on.
    pub cpu: usize,
    /// The task.
    pub task: Task,
    /// Its stack.
    pub stack: Stack,
}

/// An exception in kernel code on the way to the end.
pub struct Trap<'a> {
    /// Index of the interrupted frame.
    pub index: usize,
    /// What kind it was.
    pub kind: Exception,
    /// The registers of the interrupted code.
    pub regs: &'a Regs,
    /// Whether the kernel died of it: its handler is what called for the end.
    pub fatal: bool,
}

/// Functions that an exception's handler calls only when it gives up (arch/x86/kernel/dumpstack.c, mm/fault.c; kernel/exit.c).
const GIVES_UP: &[&str] = &[
    "oops_end",
    "page_fault_oops",
    "no_context",
    "die",
    "__die",
    "die_addr",
    "die_kernel_fault",
    "rewind_stack_do_exit",
    "rewind_stack_and_make_dead",
    "make_task_dead",
    "exc_general_protection",
    "exc_double_fault",
    "do_double_fault",
];

impl Crash {
    /// The task that was running on the CPU that panicked.
    pub fn find(t: &Target) -> Option<Crash> {
        let cpu = cpus::panicked(t)?;
        let task = tasks::current(t, cpu).map_err(|e| t.note(format!("the task that panicked: {e}"))).ok()?;
        let mut stack = tasks::stack(t, &task, Some(cpu));
        suspect::remark_tails(t, &mut stack.frames);
        Some(Crash { cpu, task, stack })
    }

    /// The exception that killed it: the outermost one in kernel code. (Later ones, above it, happened while it was handled.)
    pub fn trap(&self, t: &Target) -> Option<Trap<'_>> {
        let frames = &self.stack.frames;
        let found = frames.iter().enumerate().rev().find_map(|(i, f)| {
            let kind = t.arch().exception(base_name(f)?)?;
            Some((i, kind, f.trap.as_ref()?))
        });
        let (entry, kind, regs) = found.filter(|(i, ..)| *i + 1 < frames.len())?;
        let gives_up = |f: &Frame| base_name(f).is_some_and(|n| GIVES_UP.contains(&n));
        let fatal = frames[..entry].iter().any(gives_up);
        Some(Trap { index: entry + 1, kind, regs, fatal })
    }

    /// The frame of the function that called panic, if it is one of these and no exception killed the kernel: a function or two in
    /// between are part of it.
    pub fn panic_caller(&self, t: &Target, names: &[&str]) -> Option<usize> {
        if self.trap(t).is_some_and(|trap| trap.fatal) {
            return None;
        }
        let frames = &self.stack.frames;
        let panic =
            frames.iter().rposition(|f| matches!(base_name(f), Some("panic" | "vpanic" | "nmi_panic")))?;
        let mut near = frames.iter().enumerate().skip(panic + 1).take(3);
        near.find(|(_, f)| base_name(f).is_some_and(|n| names.contains(&n))).map(|(i, _)| i)
    }

    /// Whether somebody asked for it: by SysRq, or by an NMI that the kernel was told to die of.
    pub fn is_requested(&self) -> bool {
        self.frame(&["sysrq_handle_crash", "unknown_nmi_error"]).is_some()
    }

    /// The frame that tainted the kernel and so ended it (`panic_on_taint`), if its function is one that `wanted` accepts: what
    /// reported before may have left by a jump to `add_taint`, so that the stack no longer has it.
    pub fn tainted_by(&self, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        let (taint, _) = self.frame(&["add_taint"])?;
        base_name(self.stack.frames.get(taint + 1)?).filter(|n| wanted(n)).map(|_| taint + 1)
    }

    /// The first frame with this name, compiler suffixes aside.
    pub fn frame(&self, names: &[&str]) -> Option<(usize, &Frame)> {
        self.stack.frames.iter().enumerate().find(|(_, f)| base_name(f).is_some_and(|n| names.contains(&n)))
    }
}

/// A function's name without what the compiler adds: `.isra.0`, `.cold`, `.constprop.0`.
pub fn base_name(f: &Frame) -> Option<&str> {
    f.name().map(|n| n.split('.').next().unwrap_or(n))
}

/// The log as lines with their times.
pub fn log_lines(t: &Target) -> Vec<(f64, String)> {
    let log = match printk::log(t) {
        Ok(log) => log,
        Err(e) => {
            t.note(format!("the log: {e}"));
            return Vec::new();
        }
    };
    log.notes.iter().for_each(|n| t.note(n.clone()));
    let lines = log.records.iter().flat_map(|r| {
        let seconds = r.nanoseconds as f64 / 1e9;
        let text = necropsy_report::bytes_text(&r.text);
        text.split('\n').map(|line| (seconds, line.to_owned())).collect::<Vec<_>>()
    });
    lines.collect()
}

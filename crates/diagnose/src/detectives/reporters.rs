//! What checks that are built into a kernel reported when it was told to die of their reports: sanitizers, control-flow integrity, lock
//! debugging. Each reports through functions that are called for nothing else.

use necropsy_target::unwind::Frame;

use crate::crash::base_name;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const REPORTERS: Detective = Detective {
    id: "reporters",
    title: "what a check built into the kernel reported",
    doc: "A function of a sanitizer (KCSAN, KMSAN), of control-flow integrity, or of lock debugging that only reports stands on the stack below \
          the panic, or the BUG() that it ended in. What it is called for is known by its name; who was running is the next function. What \
          such checks saw is in their report, in the log; memory does not keep it.",
    examine,
};

/// Functions that report one kind of thing.
struct Reporter {
    functions: &'static [&'static str],
    class: Class,
    /// What was found, in words.
    what: &'static str,
    /// How sure it is that who was running is to blame.
    sure: f64,
}

const KNOWN: &[Reporter] = &[
    Reporter {
        // kernel/kcsan/report.c
        functions: &["kcsan_report_known_origin", "kcsan_report_unknown_origin", "kcsan_report"],
        class: Class::DataRace,
        what: "KCSAN saw two accesses to the same memory at the same time, one of them a write, without a lock",
        sure: 0.5,
    },
    Reporter {
        // mm/kmsan/report.c
        functions: &["kmsan_report", "__msan_warning"],
        class: Class::UninitialisedUse,
        what: "KMSAN saw a decision that depends on memory nobody wrote",
        sure: 0.8,
    },
    Reporter {
        // kernel/cfi.c, arch/x86/kernel/cfi.c, arch/x86/kernel/cet.c
        functions: &[
            "report_cfi_failure",
            "handle_cfi_failure",
            "__cfi_check_fail",
            "__cfi_slowpath_diag",
            "do_kernel_cp_fault",
            "exc_control_protection",
        ],
        class: Class::ControlFlowViolation,
        what: "a call through a pointer went to where no such call may go",
        sure: 0.6,
    },
    Reporter {
        // kernel/locking/spinlock_debug.c, lockdep.c
        functions: &[
            "spin_bug",
            "rwlock_bug",
            "print_unlock_imbalance_bug",
            "print_freed_lock_bug",
            "print_held_locks_bug",
            "print_lock_invalid_wait_context",
        ],
        class: Class::LockMisuse,
        what: "lock debugging saw a lock used in a way that it is not made for",
        sure: 0.75,
    },
    Reporter {
        // kernel/locking/lockdep.c
        functions: &[
            "print_circular_bug",
            "print_deadlock_bug",
            "print_usage_bug",
            "print_irq_inversion_bug",
            "print_bad_irq_dependency",
        ],
        class: Class::Deadlock,
        what: "lockdep saw an order of locks that can end in a deadlock",
        sure: 0.7,
    },
];

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let frames = &crash.stack.frames;
    let Some((index, reporter)) = reported(frames) else { return };
    let Some((at, sure)) = blame::culprit(t, frames, index + 1) else { return };
    let who = place_in(t, frames, at, sure.min(reporter.sure));
    let (class, name) = (reporter.class, named(&who));
    let statement = format!("In {name} {}; the kernel was told to die of such reports.", reporter.what);
    let mut h = Hypothesis::new(class, format!("{}: {name}", class.slug().replace('-', " ")), statement);
    h.victim = Some(who.clone());
    h.culprit = Some(who);
    h.advice =
        vec!["read the report itself, which names addresses, the other side and both stacks: log".into()];
    found.hypotheses.push(h);
    let by = frames[index].name().unwrap_or_default();
    let claim = format!("{by} is on the stack below the panic: it is called for such reports only");
    let bears =
        [(class, 6.0), (Class::Warning, -4.0), (Class::BugAssertion, -4.0), (Class::InvalidOpcode, -4.0)];
    found.add_to_all(&bears, "stack", "bt".to_owned(), claim);
}

/// The outermost frame of a function that reports, below the panic.
fn reported(frames: &[Frame]) -> Option<(usize, &'static Reporter)> {
    let panic = frames.iter().position(|f| matches!(base_name(f), Some("panic" | "vpanic" | "oops_end")))?;
    let of = |f: &Frame| KNOWN.iter().find(|r| base_name(f).is_some_and(|n| r.functions.contains(&n)));
    frames.iter().enumerate().skip(panic + 1).rev().find_map(|(i, f)| Some((i, of(f)?)))
}

#[cfg(test)]
mod tests {
    use necropsy_base::{Near, VirtAddr};
    use necropsy_target::unwind::Trust;

    use super::*;

    fn frame(name: &str) -> Frame {
        Frame {
            pc: Some(VirtAddr(0x10)),
            exact: false,
            sp: VirtAddr(0),
            slot: None,
            function: Some(Near { name: name.into(), start: VirtAddr(0), size: None, module: None }),
            trust: Trust::Orc,
            regs: necropsy_arch::Regs::default(),
            trap: None,
            remark: None,
        }
    }

    #[test]
    fn the_outermost_reporter_below_the_panic() {
        let found = |names: &[&str]| {
            let frames: Vec<Frame> = names.iter().map(|n| frame(n)).collect();
            reported(&frames).map(|(i, r)| (i, r.class))
        };
        let race = ["delay_tsc", "panic", "check_panic_on_warn", "kcsan_report_known_origin.isra.0", "mine"];
        assert_eq!(found(&race), Some((3, Class::DataRace)));
        let cfi = [
            "panic",
            "oops_end",
            "do_trap",
            "exc_invalid_op",
            "do_kernel_cp_fault",
            "exc_control_protection",
            "mine",
        ];
        assert_eq!(found(&cfi), Some((5, Class::ControlFlowViolation)));
        // What only reported and let the kernel live stands on no stack of its end; nor does what never panicked.
        assert_eq!(found(&["panic", "out_of_memory", "mine"]), None);
        assert_eq!(found(&["spin_bug", "mine"]), None);
    }
}

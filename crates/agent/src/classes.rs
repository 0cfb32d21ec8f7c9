//! The names that labels of metrics may have: however hostile a log or a state file is, there are no others.

/// Kinds of failures, by the names that the whole project uses.
pub const CLASSES: &[&str] = &[
    "null-pointer-dereference",
    "null-function-call",
    "wild-pointer-dereference",
    "use-after-free",
    "error-pointer-dereference",
    "user-access-violation",
    "nx-violation",
    "write-to-readonly",
    "page-table-corruption",
    "stack-buffer-overflow",
    "kernel-stack-overflow",
    "slab-overflow",
    "slab-corruption",
    "double-free",
    "list-corruption",
    "page-corruption",
    "refcount-bug",
    "text-corruption",
    "uninitialised-use",
    "out-of-bounds-access",
    "data-race",
    "divide-error",
    "invalid-opcode",
    "double-fault",
    "control-flow-violation",
    "undefined-behaviour",
    "bug-assertion",
    "warning",
    "deadlock",
    "soft-lockup",
    "hard-lockup",
    "hung-task",
    "rcu-stall",
    "workqueue-stall",
    "sleep-in-atomic",
    "lock-misuse",
    "irq-storm",
    "out-of-memory",
    "memory-leak",
    "fd-leak",
    "bit-flip",
    "machine-check",
    "hardware-error",
    "nmi",
    "io-error",
    "filesystem-error",
    "device-failure",
    "firmware-error",
    "watchdog-reset",
    "init-killed",
    "no-root-filesystem",
    "no-init",
    "requested-crash",
    "fencing",
    "kernel-text-modified",
    "syscall-table-hook",
    "hidden-module",
    "unknown",
];

/// Parts that an event plays.
pub const ROLES: &[&str] = &["precursor", "cause", "consequence", "context", "response"];

/// Where a crash is known from.
pub const SOURCES: &[&str] = &["kdump", "pstore", "journal", "bert", "kmsg", "none"];

/// Kinds of hardware errors, by the kernel's reporting parts.
pub const HARDWARE: &[&str] =
    &["mce_ce", "mce_ue", "ghes", "edac_ce", "edac_ue", "aer_corr", "aer_fatal", "nmi"];

/// The name out of a list, or what stands for all others.
pub fn bounded(list: &'static [&'static str], name: &str, other: &'static str) -> &'static str {
    list.iter().copied().find(|n| *n == name).unwrap_or(other)
}

/// A class by its name.
pub fn class(name: &str) -> &'static str {
    bounded(CLASSES, name, "unknown")
}

/// The kind of hardware error that a pattern of the log is of.
pub fn hardware_kind(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        "mce" | "mce.amd" | "ppc.mce" | "ppc.mce.old" => "mce_ue",
        "mce.logged" | "mce.amd.ce" => "mce_ce",
        "ghes" | "ghes.ce" | "ghes.source" | "bert" => "ghes",
        "edac" => "edac_ce",
        "edac.ue" => "edac_ue",
        "aer" | "aer.bus" | "pcieport" => "aer_corr",
        "aer.fatal" | "dpc" => "aer_fatal",
        "nmi.unknown" | "nmi.serr" => "nmi",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_log_has_a_class_that_is_listed() {
        for p in necropsy_klog::PATTERNS.iter() {
            assert!(CLASSES.contains(&p.class), "{}", p.class);
        }
        assert_eq!(class("io-error"), "io-error");
        assert_eq!(class("\"} 1\nevil"), "unknown");
        let kinds = necropsy_klog::PATTERNS.iter().filter_map(|p| hardware_kind(p.id));
        assert_eq!(kinds.collect::<std::collections::BTreeSet<_>>().len(), HARDWARE.len());
    }
}

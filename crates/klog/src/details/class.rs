//! The class that a whole report deserves, where its first line alone does not tell.

use crate::report::Report;

/// The class by all that the report says.
pub(crate) fn refined(report: &Report) -> &'static str {
    let by_pattern = match report.pattern {
        p if p.starts_with("kasan") || p.starts_with("kfence") => sanitizer(report),
        p if p.starts_with("pf.") || p == "gpf" || p == "x86.die" => access(report),
        "arm64.die" => internal_error(report),
        "s390.die" | "riscv.die" | "ppc.oops" => die(report),
        "warning" | "warn.cpu" | "warn.new" | "warn.310" | "bug.at" | "bug.at.capital" => assertion(report),
        _ => None,
    };
    by_pattern.unwrap_or(report.class)
}

fn sanitizer(report: &Report) -> Option<&'static str> {
    let title = &report.title;
    let write = title.contains(" Write in") || title.contains(" write in");
    Some(match () {
        () if title.contains("invalid-free") || title.contains("invalid free") => "double-free",
        () if title.contains("use-after-free") => "use-after-free",
        () if title.contains("null-ptr-deref") => "null-pointer-dereference",
        () if title.contains("user-memory-access") => "user-access-violation",
        () if title.contains("wild-memory-access") || title.contains("invalid read") => {
            "wild-pointer-dereference"
        }
        () if title.contains("memory corruption") => "slab-corruption",
        () if title.contains("stack-out-of-bounds") && write => "stack-buffer-overflow",
        () if title.contains("slab-out-of-bounds") && write => "slab-overflow",
        () if title.contains("out-of-bounds") => "out-of-bounds-access",
        () => return None,
    })
}

/// What a bad access was, by its address and kind.
fn access(report: &Report) -> Option<&'static str> {
    let fault = report.fault.as_ref()?;
    let execute = fault.access == Some("execute");
    let address =
        fault.address.as_deref().and_then(|a| u64::from_str_radix(a.trim_start_matches("0x"), 16).ok());
    let said = |text: &str| {
        report.details.iter().any(|d| d.contains(text))
            || fault.why.as_deref().is_some_and(|w| w.contains(text))
    };
    let meaning = fault.meaning.unwrap_or_default();
    Some(match address {
        Some(0..=0xfff) if execute => "null-function-call",
        Some(0..=0xfff) => "null-pointer-dereference",
        Some(0xffff_ffff_ffff_f000..) => "error-pointer-dereference",
        _ if meaning.contains("freed") || meaning.contains("already deleted") || meaning.contains("gone") => {
            "use-after-free"
        }
        _ if meaning.contains("uninitialised") => "uninitialised-use",
        _ if said("null-ptr-deref") => "null-pointer-dereference",
        _ if said("user-memory-access") => "user-access-violation",
        _ if execute && said("permissions violation") => "nx-violation",
        // A page that is there, of user space: SMAP or PAN forbade it.
        Some(address) if address >> 47 == 0 && said("permissions violation") => "user-access-violation",
        _ if fault.access == Some("write") && said("permissions violation") => "write-to-readonly",
        _ if said("reserved bit violation") => "page-table-corruption",
        _ => return None,
    })
}

fn internal_error(report: &Report) -> Option<&'static str> {
    let m = &report.message;
    Some(match () {
        () if m.contains("Oops - BUG") => "bug-assertion",
        () if m.contains("external abort") || m.contains("SError") => "hardware-error",
        () if m.contains("BTI") || m.contains("FPAC") || m.contains("CFI") || m.contains("GCS") => {
            "control-flow-violation"
        }
        () if m.contains("UBSAN") => "undefined-behaviour",
        () if m.contains("alignment") => "wild-pointer-dereference",
        () if m.contains("ndefined instruction") => "invalid-opcode",
        () => "wild-pointer-dereference",
    })
}

fn die(report: &Report) -> Option<&'static str> {
    let m = &report.message;
    Some(match () {
        () if m.contains("Kernel BUG") || m.contains("sig: 5") || m.contains("monitor event") => {
            "bug-assertion"
        }
        () if m.contains("bad area") || m.contains("addressing exception") || m.contains("specification") => {
            "wild-pointer-dereference"
        }
        () if m.contains("Machine check") => "machine-check",
        () if m.contains("System Reset") => "requested-crash",
        () if m.contains("illegal") || m.contains("operation") => "invalid-opcode",
        () => return None,
    })
}

/// A BUG or WARN, by what was said with it.
fn assertion(report: &Report) -> Option<&'static str> {
    let said = |text: &str| report.details.iter().any(|d| d.contains(text));
    Some(match () {
        () if said("list_") || said("hlist_") => "list-corruption",
        () if said("refcount_t:") => "refcount-bug",
        () if said("usercopy:") || said("buffer overflow") || said("field-spanning") || said("skb_") => {
            "out-of-bounds-access"
        }
        () if said("ODEBUG:") => "use-after-free",
        // What locks check of themselves.
        () if report.message.contains(" at kernel/locking/") => "lock-misuse",
        () => return None,
    })
}

//! Entries of the system call table, of the interrupt table and of read-only data that lead out of the kernel.

use necropsy_kernel::tables::{self, Strange};
use necropsy_report::terminal_safe;

use crate::integrity::{in_doubt, named_place, place_in, requested, suspects};
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const TABLE_HOOK: Detective = Detective {
    id: "table-hook",
    title: "tables of calls and traps that lead out of the kernel",
    doc: "Every entry of the system call tables must be the start of a function of the kernel, every gate of the interrupt table must lead \
          into its code; where nothing else explains the dump, all of the read-only data is looked through for pointers into modules, \
          which no linker can have put there.",
    examine,
};

const CLASS: Class = Class::SyscallTableHook;
/// Entries that are shown one by one.
const SHOWN: usize = 6;

fn examine(case: &Case, found: &mut Findings) {
    let t = &case.target;
    if t.kallsyms().is_none() || t.is_inconsistent() {
        return;
    }
    let mut all = tables::strange_calls(t);
    all.extend(tables::strange_gates(t));
    if case.is_open() {
        let known: Vec<_> = all.iter().map(|s| s.at).collect();
        let more = tables::strange_pointers(t, &suspects(case));
        all.extend(more.into_iter().filter(|s| !known.contains(&s.at)));
    }
    let Some(first) = all.first() else { return };
    found.hypotheses.push(hypothesis(case, first, all.len()));
    all.iter().take(SHOWN).for_each(|s| entry(case, s, found));
    if all.len() > SHOWN {
        let claim = format!("{} more entries lead out of the kernel", all.len() - SHOWN);
        found.add(CLASS, 0.5, "memory:read-only data", None, claim);
    }
    in_doubt(case, CLASS, case.is_open(), "a table of the kernel leads out of it", found);
}

/// `sys_call_table[83]`, or `tcp4_seq_ops+0x18`.
fn name(s: &Strange) -> String {
    let table = terminal_safe(&s.table);
    if table.ends_with("_table") {
        format!("{table}[{}]", s.index)
    } else {
        format!("{table}+{:#x}", s.index)
    }
}

fn hypothesis(case: &Case, first: &Strange, count: usize) -> Hypothesis {
    let culprit = place_in(case, first.target, 0.9);
    let (entry, who) = (name(first), named_place(&culprit));
    let number = if count > 1 { format!(" {count} such entries were found.") } else { String::new() };
    let statement = format!(
        "{entry} should lead to a function of the kernel and leads to {who}: every program that makes this call runs that code first. \
         Rootkits do this, and some security products; the kernel itself never does.{number}"
    );
    let mut h = Hypothesis::new(CLASS, format!("{entry} leads to {who}"), statement);
    h.culprit = Some(culprit);
    h.requested = requested(case);
    h.advice = vec![
        format!("read what it does: dis {:x} 40", first.target.0),
        "find out whether a product that you know does this; if not, take the machine from the network and keep its disks".into(),
        "lockdown=integrity with signed modules keeps code from doing this".into(),
    ];
    h.separate =
        Some("an entry that was damaged by chance would rarely lead to the start of a function".into());
    h
}

fn entry(case: &Case, s: &Strange, found: &mut Findings) {
    let t = &case.target;
    let target = place_in(case, s.target, 0.9);
    let begins = target.function.is_some() && matches!(target.offset.as_deref(), Some("0x0"));
    let claim = format!("{} at {:#x} is {:#x}: {}", name(s), s.at.0, s.target.0, named_place(&target));
    let weight = if begins { 7.0 } else { 4.0 };
    let bears = [(CLASS, weight), (Class::RequestedCrash, -6.0)];
    found.add_to_all(
        &bears,
        format!("memory:*(void **){:#x}", s.at.0),
        format!("rd -s {:x} 1", s.at.0),
        claim,
    );
    if case.hidden_modules().iter().any(|h| h.module.contains(s.target)) {
        let claim = format!("{} is in a module that hides", t.describe(s.target));
        found.add(CLASS, 2.0, "memory:modules", None, claim);
    }
}

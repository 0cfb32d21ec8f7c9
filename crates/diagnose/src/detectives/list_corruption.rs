//! Lists whose links do not fit: the entry, and the first bad one from either side.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use crate::crash::{Crash, base_name};
use crate::{Case, Class, Detective, Findings, holders, objects, poison};

pub const LIST_CORRUPTION: Detective = Detective {
    id: "list-corruption",
    title: "the entry whose links do not fit",
    doc: "A check of list links failed (the assertion detective names who asked for the operation). The entry is in a register or on the stack \
          of who asked: a `struct list_head` whose neighbours do not point back to it. From there the list is walked in both directions to \
          the first entry that does not fit; the slab objects of the entries, and whether they are free, are named.",
    examine,
};

/// Lists are not walked further.
const FAR: usize = 100_000;
/// Words of the stack that are looked at.
const WORDS: u64 = 64;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let check = |f: &necropsy_target::unwind::Frame| {
        base_name(f).is_some_and(|n| n.starts_with("__list_") && n.contains("_valid"))
    };
    let Some(index) = crash.stack.frames.iter().position(check) else { return };
    if !found.hypotheses.iter().any(|h| h.class == Class::ListCorruption) {
        return;
    }
    let Some(bad) = candidates(t, crash, index).into_iter().find_map(|at| misfit(t, at)) else { return };
    tell(t, &bad, found);
}

/// An entry whose links do not fit.
struct Misfit {
    entry: VirtAddr,
    next: u64,
    prev: u64,
    /// What is wrong with it.
    what: String,
}

/// Values that may be the entry: registers of the check and of who asked, then words of the stack between them.
fn candidates(t: &Target, crash: &Crash, index: usize) -> Vec<VirtAddr> {
    let frames = &crash.stack.frames;
    let registers = crash.trap(t).map(|trap| trap.regs.clone());
    let near = frames.iter().skip(index).take(2).map(|f| &f.regs);
    let count = t.arch().registers().len();
    let all = registers.iter().chain(near).flat_map(|regs| (0..count).filter_map(|r| regs.get(r)));
    let mut out: Vec<u64> = all.collect();
    if let Some(frame) = frames.get(index) {
        holders::scan(t, &(frame.sp.0..frame.sp.0.saturating_add(WORDS * 8)), &mut |_, word| out.push(word));
    }
    let mut seen = HashSet::new();
    out.into_iter()
        .filter(|v| v % 8 == 0 && t.arch().is_kernel(VirtAddr(*v)) && seen.insert(*v))
        .map(VirtAddr)
        .collect()
}

/// What is wrong with the links at `at`, if it is a list entry with something wrong: one link must fit or be what list_del() leaves.
fn misfit(t: &Target, at: VirtAddr) -> Option<Misfit> {
    let word = u64::from(t.abi().word);
    let (next, prev) = (t.memory().word(at).ok()?, t.memory().word(at.offset(word)).ok()?);
    let back = |of: u64, offset: u64| t.memory().word(VirtAddr(of.wrapping_add(offset))).ok();
    let what = if poison::is_list(next) || poison::is_list(prev) {
        "it was removed from its list already: its links are what list_del() leaves".to_owned()
    } else {
        let (of_next, of_prev) = (back(next, word), back(prev, 0));
        match (of_next == Some(at.0), of_prev == Some(at.0)) {
            (true, false) => format!("the entry before it, {prev:#x}, goes on to {}", told(of_prev)),
            (false, true) => format!("the entry behind it, {next:#x}, goes back to {}", told(of_next)),
            _ => return None,
        }
    };
    Some(Misfit { entry: at, next, prev, what })
}

fn told(value: Option<u64>) -> String {
    value.map_or("nowhere: it cannot be read".into(), |v| format!("{v:#x}"))
}

fn tell(t: &Target, bad: &Misfit, found: &mut Findings) {
    const CLASS: Class = Class::ListCorruption;
    let at = bad.entry.0;
    let object = objects::at(t, bad.entry);
    let of = object.as_ref().map(|(o, state)| {
        let free = if objects::is_free(*state) { ", which is free" } else { "" };
        format!(" in {}{free}", objects::named(o))
    });
    let claim = format!("the list entry at {at:#x}{}: {}", of.unwrap_or_default(), bad.what);
    found.add(CLASS, 1.5, format!("memory:{at:#x}"), format!("rd {at:x} 2"), claim.clone());
    let walks = [(bad.next, 0, "forwards"), (bad.prev, u64::from(t.abi().word), "backwards")];
    for (from, link, way) in walks {
        let Some((count, last)) = walk(t, bad.entry, from, link) else { continue };
        let claim = format!("{way} from there {count} entries fit; the next one, {last:#x}, does not");
        let shown = match t.memory().ptr(VirtAddr(last)) {
            Ok(_) => Some(format!("rd {last:x} 2")),
            // What cannot be read is seen where it is kept.
            Err(_) => (count == 0).then(|| format!("rd {at:x} 2")),
        };
        found.add(CLASS, 0.3, format!("memory:{last:#x}"), shown, claim);
    }
    if let Some(h) = found.hypotheses.iter_mut().find(|h| h.class == CLASS) {
        h.statement += &format!(" {}{}.", claim[..1].to_uppercase(), &claim[1..]);
    }
    if let Some((o, _)) = object.filter(|(_, state)| objects::is_free(*state)) {
        let related = objects::tracked(t, &o, CLASS, 0.3, found);
        if let Some(h) = found.hypotheses.iter_mut().find(|h| h.class == CLASS) {
            h.related.extend(related);
        }
    }
}

/// How many entries fit from `from` on, and the first that does not; `None` if the walk comes back to where it began.
fn walk(t: &Target, start: VirtAddr, from: u64, link: u64) -> Option<(usize, u64)> {
    let other = u64::from(t.abi().word) - link;
    let (mut before, mut at, mut seen) = (start.0, from, HashSet::new());
    while seen.insert(at) && seen.len() < FAR {
        if at == start.0 {
            return None;
        }
        let back = t.memory().word(VirtAddr(at.wrapping_add(other))).ok();
        if back != Some(before) || !t.arch().is_kernel(VirtAddr(at)) {
            return Some((seen.len() - 1, at));
        }
        (before, at) = (at, t.memory().word(VirtAddr(at.wrapping_add(link))).ok()?);
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use necropsy_arch::x86_64::X86_64;
    use necropsy_base::Abi;
    use necropsy_debuginfo::Btf;
    use necropsy_synth::memory::SparseMemory;
    use necropsy_synth::names::BtfBuilder;

    use super::*;

    const HEAP: u64 = 0xffff_8880_0100_0000;

    fn entry(i: u64) -> u64 {
        HEAP + 0x100 * (i % 5)
    }

    /// A list of five entries, of which one word is overwritten.
    fn list(word: Option<(u64, u64)>) -> Target {
        let mut m = SparseMemory::new(Abi::LE64);
        m.put(VirtAddr(HEAP), &[0; 4096]);
        for i in 0..5 {
            m.put_uint(VirtAddr(entry(i)), entry(i + 1), 8).put_uint(VirtAddr(entry(i) + 8), entry(i + 4), 8);
        }
        if let Some((at, value)) = word {
            m.put_uint(VirtAddr(at), value, 8);
        }
        let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
        Target::from_parts(&X86_64, Arc::new(m), Arc::new(types))
    }

    #[test]
    fn entries_that_fit_are_left_alone() {
        let t = list(None);
        assert!((0..5).all(|i| misfit(&t, VirtAddr(entry(i))).is_none()));
        assert_eq!(walk(&t, VirtAddr(entry(0)), entry(1), 0), None);
        // Words that are no list at all.
        assert!(misfit(&t, VirtAddr(HEAP + 0x40)).is_none());
    }

    #[test]
    fn the_first_bad_entry_is_found_from_both_sides() {
        let t = list(Some((entry(2) + 8, 0x4141_4141_4141_4141)));
        let bad = misfit(&t, VirtAddr(entry(1))).unwrap();
        assert!(bad.what.contains("goes back to 0x4141414141414141"), "{}", bad.what);
        assert_eq!(walk(&t, VirtAddr(entry(0)), entry(1), 0), Some((1, entry(2))));
        assert_eq!(walk(&t, VirtAddr(entry(0)), entry(4), 8), Some((3, 0x4141_4141_4141_4141)));
    }

    #[test]
    fn an_entry_that_was_removed_is_told() {
        let t = list(Some((entry(3), 0xdead_0000_0000_0100)));
        assert!(misfit(&t, VirtAddr(entry(3))).unwrap().what.contains("removed"));
    }
}

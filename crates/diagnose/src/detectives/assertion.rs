//! `BUG()`, `WARN()` with panic_on_warn, and the checks of the kernel that end in one of them.

use necropsy_arch::Exception;
use necropsy_base::VirtAddr;
use necropsy_kernel::bugs::{self, BugSite, Listed};
use necropsy_report::Place;
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in, place_of};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, code};

pub const ASSERTION: Detective = Detective {
    id: "assertion",
    title: "a check of the kernel's own that failed",
    doc: "The kernel trapped on purpose: the instruction is listed in its table of BUG() and WARN() places, which has the file and the \
          line. Where the check is one of list links, reference counts, copies to and from user space or freed objects, that is what \
          went wrong, and the function that asked for the operation is to blame, not the one that checked.",
    examine,
};

/// Functions that check for others, and what their complaint means.
const CHECKS: &[(&str, Class, &str)] = &[
    (
        "__list_add_valid",
        Class::ListCorruption,
        "the links of a list do not fit where an entry was to be added",
    ),
    (
        "__list_del_entry_valid",
        Class::ListCorruption,
        "the links of a list do not fit where an entry was to be removed",
    ),
    (
        "__list_add_valid_or_report",
        Class::ListCorruption,
        "the links of a list do not fit where an entry was to be added",
    ),
    (
        "__list_del_entry_valid_or_report",
        Class::ListCorruption,
        "the links of a list do not fit where an entry was to be removed",
    ),
    (
        "refcount_warn_saturate",
        Class::RefcountBug,
        "a reference count was used after it had become zero, or overflowed",
    ),
    (
        "usercopy_abort",
        Class::OutOfBoundsAccess,
        "a copy to or from user space goes past the object it is for",
    ),
    ("__fortify_panic", Class::OutOfBoundsAccess, "a copy is longer than the object it is for"),
    ("fortify_panic", Class::OutOfBoundsAccess, "a copy is longer than the object it is for"),
    ("__fortify_report", Class::OutOfBoundsAccess, "a copy is longer than the object it is for"),
    // net/core/skbuff.c; with `skb_put` or `skb_push` where the compiler has taken it in.
    ("skb_panic", Class::OutOfBoundsAccess, "a network packet has no room for what was put into it"),
    (
        "skb_over_panic",
        Class::OutOfBoundsAccess,
        "a network packet has no room for what was put behind its data",
    ),
    (
        "skb_under_panic",
        Class::OutOfBoundsAccess,
        "a network packet has no room for what was put before its data",
    ),
    ("set_freepointer", Class::DoubleFree, "an object was freed that was free already"),
];

/// Functions that only carry out what they are asked to, with a check of it.
const CHECKED: &[&str] = &[
    "skb_put",
    "skb_push",
    "pskb_put",
    "kfree",
    "kmem_cache_free",
    "kvfree",
    "__slab_free",
    "__check_heap_object",
    "__check_object_size",
    "check_heap_object",
    "refcount_dec_and_test",
    "refcount_inc",
];

/// Functions on the way from a WARN() to the panic (kernel/panic.c).
const WARNS: &[&str] = &["__warn", "warn_slowpath_fmt", "check_panic_on_warn", "report_bug", "__warn_printk"];

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let t = &case.target;
    let frames = &crash.stack.frames;
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::InvalidOpcode);
    let warned = crash.frame(WARNS).map(|(i, _)| i);
    // The place of the check: what trapped, or who called the function that warns.
    let place = match (&trap, warned) {
        (Some(trap), _) => trap.index,
        (None, Some(i)) => {
            match frames.iter().skip(i).position(|f| base_name(f).is_none_or(|n| !WARNS.contains(&n))) {
                Some(n) => i + n,
                None => return,
            }
        }
        (None, None) => return checked_without_trap(case, crash, found),
    };
    let pc = trap.as_ref().and_then(|trap| trap.regs.get(t.arch().pc())).map(VirtAddr);
    let listed = pc.map_or(Listed::Unknown, |pc| bugs::listed(t, pc));
    if let (Some(trap), None) = (&trap, warned) {
        // Where no table can be looked into, the instruction that is made for it must do.
        let traps = pc
            .and_then(|pc| code::text(t, pc))
            .is_some_and(|text| text.starts_with("ud2") || text.starts_with("brk"));
        match listed {
            Listed::Site(_) => {}
            _ if !trap.fatal => return,
            Listed::Unknown if traps => {}
            _ => return invalid_opcode(t, crash, place, pc, found),
        }
    }
    let site = match listed {
        Listed::Site(site) => Some(site),
        _ => None,
    };
    let warning = site.as_ref().map_or(warned.is_some(), |s| s.warning);
    report(t, crash, place, site, warning, found);
}

/// A check that calls panic itself (`fortify_panic` on some kernels, `usercopy_abort`).
fn checked_without_trap(case: &Case, crash: &Crash, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let check =
        frames.iter().take(8).position(|f| base_name(f).is_some_and(|n| CHECKS.iter().any(|c| c.0 == n)));
    if let Some(i) = check {
        report(&case.target, crash, i, None, false, found);
    }
}

/// What the check was for, if it was for somebody else.
fn check_of(frames: &[Frame], place: usize) -> Option<&'static (&'static str, Class, &'static str)> {
    let names = frames.iter().skip(place).take(3).filter_map(base_name);
    names.into_iter().find_map(|n| CHECKS.iter().find(|c| c.0 == n))
}

fn report(
    t: &Target,
    crash: &Crash,
    place: usize,
    site: Option<BugSite>,
    warning: bool,
    found: &mut Findings,
) {
    let frames = &crash.stack.frames;
    let check = check_of(frames, place);
    let class = check.map_or(if warning { Class::Warning } else { Class::BugAssertion }, |c| c.1);
    let asks = |n: &str| CHECKS.iter().any(|c| c.0 == n) || CHECKED.contains(&n);
    let first = place + frames.iter().skip(place).take_while(|f| base_name(f).is_some_and(asks)).count();
    let Some((index, sure)) = blame::culprit(t, frames, first) else { return };
    let mut culprit = place_in(t, frames, index, sure);
    if index == place {
        in_table(&mut culprit, site.as_ref());
    }
    let who = named(&culprit);
    let short = |file: &str| file.rsplit('/').next().unwrap_or(file).to_owned();
    let told = site.as_ref().and_then(|s| Some(format!(" at {}:{}", short(s.file.as_ref()?), s.line?)));
    let at = told.unwrap_or_default();
    let kind = if warning { "WARN()" } else { "BUG()" };
    let (title, what) = match check {
        Some((_, _, what)) => (
            format!("{} in {who}", what),
            format!("The kernel's own check found that {what}; {who} asked for it."),
        ),
        None => (
            format!("{kind}{at} in {who}"),
            format!("A condition that must never be true was: {who} has a {kind}{at}."),
        ),
    };
    let task =
        format!(" It ran in task {} ({}).", necropsy_report::bytes_text(&crash.task.comm.0), crash.task.pid);
    let mut h = Hypothesis::new(class, title, what + &task);
    h.victim = Some(place_of(t, &frames[place], 0.9));
    h.advice = vec![match &site {
        Some(BugSite { file: Some(file), line: Some(line), .. }) => {
            format!("read the condition: {file}, line {line}")
        }
        _ => format!("read the code before the trap: dis -r {}", frames[place].pc.map_or(0, |pc| pc.0)),
    }];
    h.separate = Some(
        "whether the state was damaged by somebody else: look at the objects that the condition is about"
            .into(),
    );
    h.culprit = Some(culprit);
    found.hypotheses.push(h);
    evidence(t, crash, place, site.as_ref(), warning, class, found);
}

fn evidence(
    t: &Target,
    crash: &Crash,
    place: usize,
    site: Option<&BugSite>,
    warning: bool,
    class: Class,
    found: &mut Findings,
) {
    let frames = &crash.stack.frames;
    if let Some((s, pc)) = site.zip(frames[place].pc) {
        let kind = if warning { "WARN()" } else { "BUG()" };
        let at = match (&s.file, s.line) {
            (Some(file), Some(line)) => format!(", {file} line {line}"),
            _ => String::new(),
        };
        let claim = format!(
            "the instruction that trapped, {}, is in the kernel's table as a {kind}{at}",
            t.describe(pc)
        );
        found.add(
            class,
            4.0,
            format!("memory:*(struct bug_entry *){:#x}", s.entry.0),
            "fault".to_owned(),
            claim,
        );
    }
    if site.is_none() && !warning {
        let claim = "the kernel trapped on an instruction that is there for nothing else; its table of BUG() places cannot be read";
        found.add(class, 2.5, "stack", frames[place].pc.map(|pc| format!("dis {:x} 1", pc.0)), claim);
    }
    let path: Vec<&str> = frames[..=place].iter().rev().filter_map(|f| f.name()).collect();
    found.add(
        class,
        1.5,
        "stack",
        "bt".to_owned(),
        format!("from there the kernel went to its end: {}", path.join(" > ")),
    );
    if check_of(frames, place).is_some() {
        let name = frames[place].name().unwrap_or_default();
        found.add(class, 2.0, "stack", "bt".to_owned(), format!("{name} only checks what others ask for"));
    }
}

/// The file and line of the kernel's own table, where debugging information gave none.
fn in_table(p: &mut Place, site: Option<&BugSite>) {
    if let (None, Some(s)) = (p.line, site) {
        (p.file, p.line) = (s.file.clone(), s.line);
    }
}

/// It is in no table: bytes that are no instruction, or one that this CPU does not have.
fn invalid_opcode(t: &Target, crash: &Crash, place: usize, pc: Option<VirtAddr>, found: &mut Findings) {
    const CLASS: Class = Class::InvalidOpcode;
    let Some((index, sure)) = blame::culprit(t, &crash.stack.frames, place) else { return };
    let culprit = place_in(t, &crash.stack.frames, index, sure * 0.8);
    let who = named(&culprit);
    let title = format!("invalid opcode in {who}");
    let statement = format!(
        "The CPU could not execute an instruction of {who}, and it is none of the kernel's BUG() or WARN() places: damaged code, a jump into the middle of an instruction, or an instruction that this CPU lacks."
    );
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.advice = vec![format!("look at the bytes there: rd -8 {:x} 16", pc.map_or(0, |p| p.0))];
    h.culprit = Some(culprit);
    found.hypotheses.push(h);
    let at = pc.map_or_else(|| "an unknown place".into(), |pc| t.describe(pc));
    found.add(
        CLASS,
        3.5,
        "stack",
        "fault".to_owned(),
        format!("the CPU trapped on the instruction at {at}, which is in no table of BUG() places"),
    );
}

//! Code of the kernel that is not as it was built: a hook, damage, or one flipped bit.

use necropsy_arch::Exception;
use necropsy_base::{Near, VirtAddr};
use necropsy_kernel::bugs::{self, Listed};
use necropsy_kernel::text::{Built, Contradiction, Difference, Hook, Repair, Stream, hooks};
use necropsy_report::{Place, terminal_safe};

use crate::crash::Trap;
use crate::integrity::{named_place, place_in, requested, suspects};
use crate::no_code::{Run, no_code};
use crate::{Case, Class, Detective, Findings, Hypothesis, findings};

pub const KERNEL_TEXT: Detective = Detective {
    id: "kernel-text",
    title: "code of the kernel that is not as it was built",
    doc: "Where nothing else explains the dump, all of the kernel's code is looked through for jumps and calls into modules that no table of \
          the kernel's knows, and, if the kernel's file is there, compared with it byte by byte; what the kernel patches itself is left \
          out. Modules are compared with their .ko files, linked as the kernel links them. Where an exception ended it, the function it happened in is decoded and held against the unwind table, its own jumps and the \
          file: a function that fits again after one bit is flipped back tells which one; a run of one value or of text where it stopped is no code.",
    examine,
};

/// Places that are shown one by one.
const SHOWN: usize = 6;
/// Differences that are looked at.
const MAX: usize = 64;
/// How many contradictions within how many bytes of an access that faulted are more than a compiler's freedom.
const ENOUGH: usize = 3;
const AROUND: u64 = 64;

fn examine(case: &Case, found: &mut Findings) {
    let t = &case.target;
    if t.kallsyms().is_none() || t.is_inconsistent() {
        return;
    }
    if case.is_open() {
        hooked(case, found);
        compared(case, found);
    }
    let trap = case.crash().and_then(|crash| crash.trap(t)).filter(|trap| trap.fatal);
    if let Some(trap) = trap {
        damaged(case, &trap, found);
    }
}

/// Transfers into modules, by the dump alone.
fn hooked(case: &Case, found: &mut Findings) {
    let t = &case.target;
    let all = hooks(t, &suspects(case), case.patches());
    if all.missing > 0 && all.missing < all.bytes {
        t.note(format!(
            "{} KiB of the kernel's code are not in the dump and were not checked",
            all.missing / 1024
        ));
    }
    let Some(first) = all.found.iter().find(|h| h.entry).or(all.found.first()) else { return };
    found.hypotheses.push(hook_hypothesis(case, first, all.found.len()));
    for hook in all.found.iter().take(SHOWN) {
        hook_evidence(case, hook, found);
    }
}

fn hook_hypothesis(case: &Case, hook: &Hook, count: usize) -> Hypothesis {
    let culprit = place_in(case, hook.target, 0.9);
    let (who, function) = (named_place(&culprit), &hook.function.name);
    let more = if count > 1 { format!(" {count} such places were found.") } else { String::new() };
    let (verb, place) = match (hook.entry, hook.call) {
        (true, _) => ("a jump to", "begins with"),
        (false, true) => ("a call of", "contains"),
        (false, false) => ("a jump to", "contains"),
    };
    let statement = format!(
        "{function} {place} {verb} {who}. The kernel was linked before that module existed, and none of its own means to patch code (ftrace, \
         kprobes, static calls, BPF) put it there: the code was overwritten so that the module runs instead.{more}"
    );
    let mut h =
        Hypothesis::new(Class::KernelTextModified, format!("{function} was made to run {who}"), statement);
    h.victim = Some(findings::place(&case.target, hook.at, None));
    h.culprit = Some(culprit);
    h.requested = requested(case);
    h.advice = vec![
        format!("read what it does: dis {:x} 40", hook.target.0),
        "take the machine from the network and keep its disks; find out who loaded the module".into(),
        "lockdown=integrity with signed modules keeps code from doing this".into(),
    ];
    h.separate = Some("damage by chance would hardly make a jump to the start of a function".into());
    h
}

fn hook_evidence(case: &Case, hook: &Hook, found: &mut Findings) {
    const CLASS: Class = Class::KernelTextModified;
    let target = place_in(case, hook.target, 0.9);
    let text = crate::code::text(&case.target, hook.at).unwrap_or_default();
    let claim = format!(
        "`{text}` at {} leads to {}, in a module",
        case.target.describe(hook.at),
        named_place(&target)
    );
    let weight = if hook.entry { 6.5 } else { 4.0 };
    let bears = [(CLASS, weight), (Class::RequestedCrash, -6.0)];
    found.add_to_all(&bears, format!("text:{}", hook.function.name), format!("dis {:x} 2", hook.at.0), claim);
    if target.offset.as_deref() == Some("0x0") {
        let claim =
            format!("{} is the start of a function, as the target of a hook is", named_place(&target));
        found.add(CLASS, 1.0, "text:module", format!("sym {:x}", hook.target.0), claim);
    }
}

/// The whole of the code against the files it was loaded from.
fn compared(case: &Case, found: &mut Findings) {
    let t = &case.target;
    if let (Some(debug), Some((start, end))) = (t.kernel_debug(), t.symbol("_stext").zip(t.symbol("_etext")))
    {
        let all = Built::new(t, debug, case.patches()).differences(start.0..end.0);
        tell(case, "the kernel", &all, found);
    }
    for module in &t.modules().list {
        let Some(debug) = t.module_code(module) else { continue };
        let Some(built) = Built::of_module(t, module, &debug, case.patches()) else { continue };
        let all: Vec<_> = built.ranges().into_iter().flat_map(|range| built.differences(range)).collect();
        tell(case, &format!("the module {}", terminal_safe(&module.name)), &all, found);
    }
}

fn tell(case: &Case, whose: &str, all: &[Difference], found: &mut Findings) {
    let t = &case.target;
    let Some(first) = all.first() else { return };
    // More than this is no hook and no damage: something that the kernel does to itself and that is not known here.
    if all.len() >= MAX {
        let count = all.len();
        return t.note(format!(
            "{count} places of the code of {whose} differ from its file: too many to mean anything"
        ));
    }
    all.iter().take(SHOWN).for_each(|difference| differs(case, difference, found));
    let (count, at) = (all.len(), t.describe(first.at));
    t.note(format!("the code of {whose} differs from its file in {count} place(s), first at {at}"));
}

/// One place that is not as it was built.
fn differs(case: &Case, d: &Difference, found: &mut Findings) {
    let t = &case.target;
    let at = t.describe(d.at);
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
    let claim = format!("{at} was built as {} and is {}", hex(&d.built), hex(&d.found));
    let has = |found: &Findings, class| found.hypotheses.iter().any(|h| h.class == class);
    let (class, weight, claim): (Class, f64, String) = match d.one_bit() {
        Some(_) => (Class::BitFlip, 6.0, format!("{claim}: one bit differs")),
        None if has(found, Class::KernelTextModified) => (Class::KernelTextModified, 1.5, claim),
        // Kernels patch themselves in more ways than are known here: alone this is worth a look and no verdict.
        None => (Class::TextCorruption, 2.5, claim),
    };
    // More places of the same kind make it no more likely that there is one.
    let (weight, known) = if has(found, class) { (weight.min(1.5), true) } else { (weight, false) };
    let place = findings::place(t, d.at, Some(0.9));
    match d.one_bit().filter(|_| !known) {
        Some((byte, bit)) => {
            let repair = Repair { at: byte, bit, found: d.found[(byte.0 - d.at.0) as usize], broken: 0 };
            found.hypotheses.push(flipped(case, &repair, place, true));
        }
        None if !known => found.hypotheses.push(written_over(case, d, &at, place)),
        None => {}
    }
    let against = if class == Class::TextCorruption || known { 0.0 } else { -4.0 };
    let bears = [(class, weight), (Class::RequestedCrash, against)];
    found.add_to_all(&bears, format!("text:{at}"), format!("rd -8 {:x} {}", d.at.0, d.found.len()), claim);
}

fn written_over(case: &Case, d: &Difference, at: &str, place: Place) -> Hypothesis {
    let statement = format!(
        "The code at {at} is not what the kernel's file has there, and nothing that the kernel patches itself explains it: it was written \
         over, on purpose or by a stray write."
    );
    let mut h =
        Hypothesis::new(Class::TextCorruption, format!("the code of {at} was written over"), statement);
    h.victim = Some(place);
    h.requested = requested(case);
    h.advice = vec![format!("look at what stands there: dis {:x} 4", d.at.0)];
    h
}

/// The function that an exception happened in.
fn damaged(case: &Case, trap: &Trap<'_>, found: &mut Findings) {
    let t = &case.target;
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr).filter(|pc| t.is_text(*pc)) else { return };
    // The kernel's own traps are code that is as it should be.
    if trap.kind == Exception::InvalidOpcode && matches!(bugs::listed(t, pc), Listed::Site(_)) {
        return;
    }
    let Some(function) = t.near(pc) else { return };
    if by_file(case, pc, &function, found) {
        return;
    }
    let Some(stream) = Stream::of(t, &function) else { return };
    if let Some(run) = no_code(&stream.code, (pc.0 - function.start.0) as usize) {
        return filled(case, &function, trap, findings::place(t, pc, None), &run, found);
    }
    let wrong = stream.contradictions(t);
    if wrong.is_empty() {
        return;
    }
    let repairs = stream.repairs(t, pc);
    let place = findings::place(t, pc, None);
    if let Some(first) = repairs.first() {
        let certain = repairs.len() == 1;
        found.hypotheses.push(flipped(case, first, place, certain));
        repaired(case, &stream, &repairs, trap, found);
    } else if trap.kind == Exception::InvalidOpcode && stream.is_inside(pc) {
        // The CPU came from the middle of an instruction: it may have jumped there.
    } else {
        let at = pc.0 - function.start.0;
        let near: Vec<&Contradiction> = wrong.iter().filter(|c| c.offset.abs_diff(at) <= AROUND).collect();
        if near.len() >= ENOUGH || trap.kind == Exception::InvalidOpcode {
            overwritten(case, &function.name, trap, place, &near, found);
        }
    }
}

/// By the kernel's file; whether that decided it.
fn by_file(case: &Case, pc: VirtAddr, function: &Near, found: &mut Findings) -> bool {
    let (t, patches) = (&case.target, case.patches());
    let module = t.modules().holding(pc);
    // Asking for the kernel's file here would be to read it for every exception.
    let debug = match module {
        Some(module) => t.module_code(module),
        None => t.kernel_debug_loaded().cloned(),
    };
    let Some(debug) = debug else { return false };
    let built = match module {
        Some(module) => Built::of_module(t, module, &debug, patches),
        None => Some(Built::new(t, &debug, patches)),
    };
    let Some(built) = built else { return false };
    let end = function.start.0 + function.size.unwrap_or(0).min(1 << 16);
    let all = built.differences(function.start.0..end);
    let near = all.iter().filter(|d| d.at.0.abs_diff(pc.0) < 32);
    let mut any = false;
    for d in near.take(SHOWN) {
        differs(case, d, found);
        found.add_to_all(
            &[(Class::BitFlip, 1.0), (Class::TextCorruption, 3.5), (Class::InvalidOpcode, -5.0)],
            "stack",
            format!("dis {:x} 1", pc.0),
            format!("the exception was at {}, where the code differs", t.describe(pc)),
        );
        any = true;
    }
    any
}

fn flipped(case: &Case, repair: &Repair, place: Place, certain: bool) -> Hypothesis {
    let at = case.target.describe(repair.at);
    let what = match certain {
        true => format!(
            "The code at {at} has {:#04x} where {:#04x} belongs: bit {} is flipped.",
            repair.found,
            repair.found ^ 1 << repair.bit,
            repair.bit
        ),
        false => {
            format!("The code around {at} makes no sense as it is, and does with a single bit flipped back.")
        }
    };
    let statement = format!(
        "{what} No program writes single bits of the kernel's code: the memory, the way to it or a stray bit operation damaged it."
    );
    let mut h = Hypothesis::new(
        Class::BitFlip,
        format!("one bit of the code {} {at} is flipped", if certain { "at" } else { "near" }),
        statement,
    );
    h.victim = Some(place);
    h.requested = requested(case);
    h.advice = vec![
        "test the memory (memtest86+), look for corrected errors before (edac, rasdaemon, the firmware's log)".into(),
        "if it happens again elsewhere on the same machine, it is the machine; on others too, look for a stray set_bit() or clear_bit()".into(),
    ];
    h.separate = Some("the same byte in the kernel's file: give it with --vmlinux".into());
    h
}

fn repaired(case: &Case, stream: &Stream, repairs: &[Repair], trap: &Trap<'_>, found: &mut Findings) {
    let t = &case.target;
    let first = &repairs[0];
    let name = &stream.function.name;
    let claim = match repairs.len() {
        1 => format!(
            "{name} contradicts its unwind table and its own jumps in {} place(s); with bit {} of the byte at {} flipped back it fits everywhere, \
             and no other single bit near does that",
            first.broken,
            first.bit,
            t.describe(first.at)
        ),
        n => format!(
            "{name} contradicts its unwind table and its own jumps in {} place(s); with one bit flipped back ({n} bits near would do) it fits \
             everywhere",
            first.broken
        ),
    };
    let invalid = trap.kind == Exception::InvalidOpcode;
    let weight = match (repairs.len(), invalid) {
        (1, _) => 6.5,
        (2..=4, true) => 5.0,
        (_, true) => 3.5,
        _ => 3.0,
    };
    let bears = [
        (Class::BitFlip, weight),
        (Class::InvalidOpcode, -4.0),
        (Class::NullPointerDereference, -3.0),
        (Class::WildPointerDereference, -3.0),
    ];
    found.add_to_all(&bears, format!("text:{name}"), format!("dis {name}"), claim);
    for c in stream.contradictions(t).into_iter().take(3) {
        found.add(
            Class::BitFlip,
            0.2,
            format!("text:{name}"),
            format!("dis {name}"),
            format!("{name}: {}", c.text),
        );
    }
}

/// The function has a run of bytes where it stopped that no compiler wrote.
fn filled(case: &Case, function: &Near, trap: &Trap<'_>, place: Place, run: &Run, found: &mut Findings) {
    const CLASS: Class = Class::TextCorruption;
    let at = function.start.offset(run.bytes.start as u64);
    let what = format!("{} has {}, from +{:#x} on", function.name, run.what, run.bytes.start);
    found.hypotheses.push(over(case, &function.name, trap, place, &what));
    let bears = findings::instead(CLASS, 6.0, &INSTEAD, 4.0);
    let proof = format!("rd -8 {:x} {}", at.0, run.bytes.len().min(64));
    let claim = format!(
        "at {:#x} are {}, where {} has its code: no compiler writes such",
        at.0, run.what, function.name
    );
    found.add_to_all(&bears, format!("text:{}", function.name), proof, claim);
}

/// What the CPU makes of bytes that are no code is nothing that anybody wrote.
const INSTEAD: [Class; 6] = [
    Class::InvalidOpcode,
    Class::NullPointerDereference,
    Class::WildPointerDereference,
    Class::WriteToReadonly,
    Class::UserAccessViolation,
    Class::OutOfBoundsAccess,
];

fn over(case: &Case, name: &str, trap: &Trap<'_>, place: Place, why: &str) -> Hypothesis {
    let stopped = match trap.kind {
        Exception::InvalidOpcode => "stopped at",
        _ => "faulted on",
    };
    let statement =
        format!("The CPU {stopped} bytes of {name} that are not its code: {why}. It was written over.");
    let mut h =
        Hypothesis::new(Class::TextCorruption, format!("the code of {name} was written over"), statement);
    h.victim = Some(place);
    h.requested = requested(case);
    h.advice = vec![
        format!("compare with the kernel's file (--vmlinux): dis {name} marks what is PATCHED"),
        "find out whose bytes those are: search for them, look for a device that writes to memory by itself (DMA)".into(),
    ];
    h.separate = Some("the bytes in the kernel's file".into());
    h
}

/// Code that fits nothing and that no single bit explains.
fn overwritten(
    case: &Case,
    name: &str,
    trap: &Trap<'_>,
    place: Place,
    wrong: &[&Contradiction],
    found: &mut Findings,
) {
    const CLASS: Class = Class::TextCorruption;
    let why = "the function does not fit its unwind table and itself there, and no single bit explains that";
    found.hypotheses.push(over(case, name, trap, place, why));
    for (i, c) in wrong.iter().take(3).enumerate() {
        let (weight, against) = if i == 0 { (5.0, 4.0) } else { (0.5, 0.0) };
        let bears = findings::instead(CLASS, weight, &INSTEAD, against);
        found.add_to_all(
            &bears,
            format!("text:{name}"),
            format!("dis {name}"),
            format!("{name}: {}", c.text),
        );
    }
}

//! What KASAN caught, in kernels that die of its reports: the access, and from the shadow of memory why it was forbidden.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::kasan::{self, Bad, Poison, Shadow};
use necropsy_kernel::slab::Found;
use necropsy_report::Place;
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, Stack};

use crate::crash::{Crash, base_name};
use crate::reported::Report;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, holders, objects, reported};

pub const KASAN: Detective = Detective {
    id: "kasan",
    title: "an access that KASAN caught",
    doc: "KASAN's report is on the stack of the panic. The address it is about stands in what the report was made from, or is worked out from the \
          call of who was watched; the shadow of that address says why it must not be touched: a freed object, the red zone behind one, \
          behind a global variable or around one on a stack. Behind an object stands who allocated and who freed it.",
    examine,
};

/// What reports an access (mm/kasan/report.c, 4.4 to 7.2).
const ACCESS: &[&str] = &["kasan_report", "__kasan_report", "kasan_report_error"];
/// Whatever lies below is a NULL pointer and an offset.
const NEAR_NULL: u64 = 4096;
/// What reports a free.
const FREE: &[&str] = &["kasan_report_invalid_free", "kasan_report_double_free"];

/// What was done to which memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Access {
    at: VirtAddr,
    size: u64,
    write: bool,
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(shadow) = Shadow::of(t) else { return };
    let frames = &crash.stack.frames;
    if let Some(report) = Report::by(t, frames, ACCESS) {
        accessed(t, crash, &shadow, &report, found);
    } else if let Some(report) = Report::by(t, frames, FREE) {
        freed(t, crash, &shadow, &report, found);
    }
}

fn accessed(t: &Target, crash: &Crash, shadow: &Shadow, report: &Report, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let access = access(t, &crash.stack, report.report, report.watched);
    let bad = access.and_then(|a| Some((a, shadow.bad(t, a.at, a.size)?)));
    let object = bad.and_then(|(_, bad)| objects::at(t, bad.at)).map(|(object, _)| object);
    // Which memory it was says what kind of bug; without that the class is a guess.
    let plain = access.is_some_and(|a| a.at.0 < NEAR_NULL || !t.arch().is_kernel(a.at));
    let (weight, sure) = if bad.is_some() || plain { (4.0, report.sure) } else { (0.5, 0.6 * report.sure) };
    let who = place_in(t, frames, report.culprit, sure);
    let h = match bad {
        Some((access, bad)) => explained(t, shadow, &who, access, bad, object.as_ref(), found),
        None => unexplained(t, &who, access),
    };
    let class = h.class;
    let owner = bad.filter(|(_, bad)| bad.why == Poison::Stack).and_then(|(_, bad)| owner(t, frames, bad.at));
    let mut h = Hypothesis { victim: owner.or_else(|| Some(who.clone())), culprit: Some(who), ..h };
    if let Some(object) = &object {
        h.related = objects::tracked(t, object, class, 0.5, found);
    }
    h.advice.push("read KASAN's own report, with the stacks of who allocated and freed: log".into());
    found.hypotheses.push(h);
    report.tell(frames, class, weight, "KASAN was told to end the kernel", found);
}

/// Whose frame an address on the stack is in.
fn owner(t: &Target, frames: &[Frame], at: VirtAddr) -> Option<Place> {
    let inside = |pair: &[Frame]| pair[0].sp <= at && at < pair[1].sp;
    let index = frames.windows(2).position(inside)?;
    Some(Place { confidence: None, ..place_in(t, frames, index, 0.9) })
}

/// The access is known, and what its shadow says.
fn explained(
    t: &Target,
    shadow: &Shadow,
    who: &Place,
    access: Access,
    bad: Bad,
    object: Option<&Found>,
    found: &mut Findings,
) -> Hypothesis {
    let class = class(bad.why, access.write, object.is_some());
    let did = if access.write { "wrote" } else { "read" };
    let (name, what) = (named(who), memory(t, bad, object, shadow));
    let statement = format!("{name} {did} {} byte(s) at {:#x}: {what}.", access.size, access.at.0);
    let title = format!("{name} {did} {}", short(bad.why, object.is_some()));
    let mut h = Hypothesis::new(class, title, statement);
    if class == Class::UseAfterFree {
        h.advice.push(
            "find out why it was freed while it was in use: reference counts, missing locks, work that was not cancelled"
                .into(),
        );
    } else {
        h.advice.push("look at what limits the index or length there".into());
    }
    let at = shadow.address(bad.at);
    let claim =
        format!("the shadow at {:#x} is {:#04x}: {}", at.0, bad.byte, short(bad.why, object.is_some()));
    found.add(class, 3.0, format!("memory:{:#x}", at.0), format!("rd -8 {:x} 1", at.0), claim);
    if bad.why == Poison::Stack {
        let claim = format!("{:#x}, whose shadow that is, is {what}", bad.at.0);
        found.add(class, 0.2, "memory:the frame's description", None, claim);
    }
    if let Some(object) = object {
        let claim = format!("{:#x}, whose shadow that is, is {what}", bad.at.0);
        let source = format!("memory:{:#x}", object.start.0);
        found.add(class, 0.2, source, format!("object {:x}", bad.at.0), claim);
    }
    h
}

fn unexplained(t: &Target, who: &Place, access: Option<Access>) -> Hypothesis {
    let name = named(who);
    let at = access.map(|a| a.at);
    let class = match at.map(|at| at.0) {
        Some(0..NEAR_NULL) => Class::NullPointerDereference,
        Some(_) if at.is_some_and(|at| !t.arch().is_kernel(at)) => Class::UserAccessViolation,
        Some(_) => Class::WildPointerDereference,
        None => Class::OutOfBoundsAccess,
    };
    let told = at.map_or_else(
        || "which address cannot be told from this dump".to_owned(),
        |at| format!("the address is {:#x}, and its shadow does not say why", at.0),
    );
    let statement = format!("KASAN caught an access of {name} to memory that it must not touch; {told}.");
    Hypothesis::new(class, format!("{name} touched memory that it must not"), statement)
}

/// The class of an access to poisoned memory.
fn class(why: Poison, write: bool, in_object: bool) -> Class {
    match why {
        Poison::FreedObject | Poison::FreePage => Class::UseAfterFree,
        Poison::FreedOrGlobal if in_object => Class::UseAfterFree,
        Poison::SlabRedZone if write => Class::SlabOverflow,
        Poison::Stack if write => Class::StackBufferOverflow,
        _ => Class::OutOfBoundsAccess,
    }
}

fn short(why: Poison, in_object: bool) -> &'static str {
    match why {
        Poison::FreePage => "a page that is free",
        Poison::PageRedZone => "past the end of an allocation of pages",
        Poison::SlabRedZone => "past the end of a slab object",
        Poison::FreedObject => "a slab object that was freed",
        Poison::FreedOrGlobal if in_object => "a slab object that was freed",
        Poison::FreedOrGlobal | Poison::Global => "past the end of a global variable",
        Poison::Stack => "past the end of a variable on a stack",
        Poison::Vmalloc => "past the end of vmalloc memory",
    }
}

/// The memory that was touched, in words.
fn memory(t: &Target, bad: Bad, object: Option<&Found>, shadow: &Shadow) -> String {
    if bad.why == Poison::Stack
        && let Some(v) = kasan::variable(t, bad.at)
    {
        let end = v.at.0.saturating_add(v.size);
        let by = match bad.at.0.saturating_sub(end) {
            0 => "right".to_owned(),
            n => format!("{n} bytes"),
        };
        return format!(
            "{by} behind the end of the variable {} on the stack ({} bytes at {:#x})",
            v.name, v.size, v.at.0
        );
    }
    let Some(object) = object else {
        let near = t.near(bad.at).filter(|n| n.start != bad.at);
        let of = near.map(|n| format!(", which is {}", n.name)).unwrap_or_default();
        let of = if matches!(bad.why, Poison::Global | Poison::FreedOrGlobal) { of } else { String::new() };
        return format!("{}{of}", short(bad.why, false));
    };
    let offset = bad.at.0.wrapping_sub(object.start.0);
    let asked = shadow.asked(t, object.start, object.cache.layout.object_size);
    let of = objects::named(object);
    match (bad.why, asked) {
        (Poison::SlabRedZone, Some(size)) if size < object.cache.layout.object_size => {
            format!("{} bytes behind the {size} that were asked for of {of}", offset.saturating_sub(size))
        }
        (Poison::SlabRedZone, _) => format!("behind {of}"),
        _ => format!("{} in {of}: {offset:#x} bytes behind its start", short(bad.why, true)),
    }
}

/// The access: as the report has it, or by the call that asked for the check.
fn access(t: &Target, stack: &Stack, report: usize, watched: usize) -> Option<Access> {
    noted(t, &stack.frames, report, watched).or_else(|| called(t, stack, watched))
}

/// The description that the report was made from, on its stack: it has the return address into who was watched.
fn noted(t: &Target, frames: &[Frame], report: usize, watched: usize) -> Option<Access> {
    const OF: &[&str] = &["kasan_report_info", "kasan_access_info"];
    let back = frames[watched].pc?.0;
    let of = OF.iter().find(|of| t.offset_of(of, "ip").is_ok())?;
    let offset = |member: &str| t.offset_of(of, member).ok();
    let (ip, at, size, write) =
        (offset("ip")?, offset("access_addr")?, offset("access_size")?, offset("is_write")?);
    let mut hits = Vec::new();
    let range = below(&frames[report], &frames[watched]);
    holders::scan(t, &range, &mut |slot, word| {
        if word == back {
            hits.push(slot.moved(-(ip as i64)));
        }
    });
    let read = |base: &VirtAddr| {
        let mut flag = [0];
        t.memory().read(base.offset(write), &mut flag).ok()?;
        let size = t.memory().word(base.offset(size)).ok().filter(|n| (1..MAX_FRAME).contains(n))?;
        let at = t.memory().ptr(base.offset(at)).ok()?;
        (flag[0] < 2).then_some(Access { at, size, write: flag[0] == 1 })
    };
    hits.iter().find_map(read)
}

/// Frames of the report are not larger.
const MAX_FRAME: u64 = 4096;
/// All of them together are not either: who was watched may stand on another stack.
const MAX_STACK: u64 = 1 << 14;

/// The stack of the report: from its innermost frame up to that of who was watched.
fn below(report: &Frame, watched: &Frame) -> Range<u64> {
    let start = report.sp.0.saturating_sub(MAX_FRAME);
    start..watched.sp.0.min(start.saturating_add(MAX_STACK))
}

/// What the call of who was watched asked to check. A function that ends in a jump to the report has no frame: then it is not known here.
fn called(t: &Target, stack: &Stack, watched: usize) -> Option<Access> {
    let (size, write) = sized(base_name(&stack.frames[watched - 1])?)?;
    Some(Access { at: VirtAddr(reported::argument(t, stack, watched, 0)?), size, write })
}

/// Size and kind of what `__asan_report_load8_noabort`, `__asan_store4` and their like are called for.
fn sized(name: &str) -> Option<(u64, bool)> {
    let name = name.strip_prefix("__asan_")?;
    let name = name.strip_prefix("report_").unwrap_or(name).trim_end_matches("_noabort");
    let (size, write) = name
        .strip_prefix("load")
        .map(|n| (n, false))
        .or_else(|| Some((name.strip_prefix("store")?, true)))?;
    Some((size.parse().ok().filter(|n| (1..=16).contains(n))?, write))
}

/// Something was freed that could not be.
fn freed(t: &Target, crash: &Crash, shadow: &Shadow, report: &Report, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let who = place_in(t, frames, report.culprit, report.sure);
    let name = named(&who);
    let range = below(&frames[report.report], &frames[report.culprit]);
    let object = twice(t, shadow, &range);
    let (class, statement) = match &object {
        Some(object) => {
            (Class::DoubleFree, format!("{name} freed {}, which was free already.", objects::named(object)))
        }
        None => (
            Class::SlabCorruption,
            format!(
                "{name} freed what is not the beginning of an object in use; which address cannot be told."
            ),
        ),
    };
    let title = match class {
        Class::DoubleFree => format!("double free in {name}"),
        _ => format!("{name} freed what it must not"),
    };
    let mut h = Hypothesis::new(class, title, statement);
    h.advice = vec![
        "find the two paths that free it: a pointer that is not cleared, a reference counted twice".into(),
    ];
    h.victim = Some(who.clone());
    h.culprit = Some(who);
    if let Some(object) = &object {
        h.related = objects::tracked(t, object, class, 0.5, found);
        let at = shadow.address(object.start);
        let claim = format!("the shadow of {} says that it was freed", objects::named(object));
        found.add(class, 3.0, format!("memory:{:#x}", at.0), format!("object {:x}", object.start.0), claim);
    }
    found.hypotheses.push(h);
    report.tell(frames, class, 4.0, "KASAN was told to end the kernel", found);
}

/// The object that was freed though it was free: its address is on the report's stack.
fn twice(t: &Target, shadow: &Shadow, range: &Range<u64>) -> Option<Found> {
    let mut words = Vec::new();
    holders::scan(t, range, &mut |_, word| words.push(VirtAddr(word)));
    let object = |at: &VirtAddr| {
        let (found, _) = objects::at(t, *at).filter(|_| t.arch().is_kernel(*at))?;
        (found.start == *at && shadow.is_freed(t, *at)).then_some(found)
    };
    words.iter().find_map(object)
}

#[cfg(test)]
mod tests {
    use necropsy_base::{Abi, Near};
    use necropsy_synth::functions::{DATA, Functions, TEXT};
    use necropsy_synth::names::BtfBuilder;
    use necropsy_target::unwind::Trust;

    use super::*;
    use crate::made;

    fn frame(name: &str, pc: u64, sp: u64) -> Frame {
        let function = Near { name: name.into(), start: VirtAddr(pc - 5), size: Some(16), module: None };
        Frame {
            pc: Some(VirtAddr(pc)),
            exact: false,
            sp: VirtAddr(sp),
            slot: None,
            function: Some(function),
            trust: Trust::Orc,
            regs: necropsy_arch::Regs::default(),
            trap: None,
            remark: None,
        }
    }

    #[test]
    fn the_access_as_the_report_has_it() {
        let mut b = BtfBuilder::new(Abi::LE64);
        let (ulong, pointer, flag) = (b.int("unsigned long", 8, false), b.pointer(0), b.boolean());
        let members = [
            ("type", ulong, 0, 0),
            ("access_addr", pointer, 64, 0),
            ("access_size", ulong, 128, 0),
            ("is_write", flag, 192, 0),
            ("ip", ulong, 256, 0),
        ];
        b.structure(false, "kasan_report_info", 40, &members);
        let mut made = Functions::default();
        made.function(0x100, "mine", &[0xe8, 0, 0, 0, 0, 0xc3]);
        let back = TEXT + 0x105;
        // The return address itself first, as a stack has it; then the report's description.
        made.data(0, "stack", &[0; 64]);
        let words = [back, 0x99, 0, 0xffff_8880_0000_1234, 4, 1, back];
        for (i, word) in words.into_iter().enumerate() {
            made.memory.put_uint(VirtAddr(DATA + 0x40 + 8 * i as u64), word, 8);
        }
        let t = made::typed(made, &b);
        let frames = [frame("kasan_report", TEXT + 0x205, DATA + 0x20), frame("mine", back, DATA + 0x180)];
        let found = noted(&t, &frames, 0, 1).unwrap();
        assert_eq!(found, Access { at: VirtAddr(0xffff_8880_0000_1234), size: 4, write: true });
        // Another caller's report is not ours.
        let other =
            [frame("kasan_report", TEXT + 0x205, DATA + 0x20), frame("other", back + 8, DATA + 0x180)];
        assert_eq!(noted(&t, &other, 0, 1), None);
    }

    #[test]
    fn what_the_compiler_calls_tells_size_and_kind() {
        assert_eq!(sized("__asan_report_load8_noabort"), Some((8, false)));
        assert_eq!(sized("__asan_report_store16_noabort"), Some((16, true)));
        assert_eq!(sized("__asan_store4"), Some((4, true)));
        for other in ["__asan_memcpy", "__asan_report_load_n_noabort", "kasan_report", "__asan_load99"] {
            assert_eq!(sized(other), None, "{other}");
        }
    }

    #[test]
    fn a_class_follows_from_the_shadow() {
        let of = |byte, write, object| Poison::of(byte).map(|why| class(why, write, object));
        assert_eq!(of(0xfb, false, true), Some(Class::UseAfterFree));
        assert_eq!(of(0xfa, false, true), Some(Class::UseAfterFree));
        assert_eq!(of(0xfa, true, false), Some(Class::OutOfBoundsAccess));
        assert_eq!(of(0xfc, true, true), Some(Class::SlabOverflow));
        assert_eq!(of(0xfc, false, true), Some(Class::OutOfBoundsAccess));
        assert_eq!(of(0xf3, true, false), Some(Class::StackBufferOverflow));
        assert_eq!(of(0x05, true, false), None);
    }
}

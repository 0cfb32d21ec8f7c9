//! Two accesses at the same time, in kernels that die of what KCSAN reports.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_report::{Place, Related, TaskInfo};
use necropsy_target::{ArrayAt, Load, Target};

use crate::findings::place;
use crate::reported::{self, Report};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const DATA_RACE: Detective = Detective {
    id: "data-race",
    title: "two accesses to the same memory at the same time",
    doc: "KCSAN's report is on the stack of the panic. Who made the access that it watched is the next function; the other access, with its \
          address, task and stack, stands in KCSAN's table of watchpoints until the report is done. Who of the two should have taken a \
          lock cannot be told: where they are two functions, neither is blamed for sure.",
    examine,
};

const CLASS: Class = Class::DataRace;
/// kernel/kcsan/report.c, 5.8 to 7.2.
const REPORTS: &[&str] = &["kcsan_report_known_origin", "kcsan_report_unknown_origin", "kcsan_report"];
/// `KCSAN_ACCESS_WRITE` (include/linux/kcsan-checks.h).
const WRITE: i32 = 1;
/// No kernel has more watchpoints.
const MAX_WATCHED: u64 = 4096;
/// `NUM_STACK_ENTRIES` (kernel/kcsan/report.c).
const MAX_STACK: i32 = 64;

/// The other side of a race (`struct other_info`).
#[derive(Load)]
#[kernel(name = "other_info")]
struct Raw {
    #[kernel(path = "ai.ptr")]
    at: VirtAddr,
    #[kernel(path = "ai.size")]
    size: u64,
    #[kernel(path = "ai.access_type")]
    kind: i32,
    #[kernel(path = "ai.task_pid")]
    pid: i32,
    #[kernel(path = "ai.cpu_id")]
    cpu: i32,
    stack_entries: ArrayAt,
    num_stack_entries: i32,
}

struct Other {
    info: VirtAddr,
    raw: Raw,
    /// Where it was made, if its stack tells.
    by: Option<VirtAddr>,
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let frames = &crash.stack.frames;
    let Some(report) = Report::by(t, frames, REPORTS) else { return };
    let at = reported::argument(t, &crash.stack, report.watched, 0)
        .map(VirtAddr)
        .filter(|at| t.arch().is_kernel(*at));
    let other = other(t, at);
    let theirs = other.as_ref().and_then(|o| o.by).map(|by| place(t, by, None));
    let own = place_in(t, frames, report.culprit, report.sure);
    let same = theirs.as_ref().is_some_and(|p| p.function == own.function);
    // Both accesses in one function: it lacks the lock, whoever calls it. Else one of two does, or what both call.
    let who = Place { confidence: own.confidence.map(|c| c * if same { 0.9 } else { 0.55 }), ..own };
    found.hypotheses.push(hypothesis(t, who, at, other.as_ref(), theirs.as_ref()));
    report.tell(frames, CLASS, 6.0, "KCSAN reports races with it", found);
    if let Some(other) = &other {
        tell(t, other, found);
    }
}

/// The other access: what KCSAN's table has at this address, or the only one that it has.
fn other(t: &Target, at: Option<VirtAddr>) -> Option<Other> {
    let table = t.symbol("other_infos")?;
    let one = t.size_of("other_info").ok().filter(|n| *n > 0)?;
    let count = (t.near(table)?.size? / one).min(MAX_WATCHED);
    let load = |i: u64| {
        let info = table.offset(i * one);
        // The size is cleared when a report is done.
        let raw: Raw = t.load(info).ok()?;
        (1..=1 << 16).contains(&raw.size).then_some(Other { info, by: by(t, &raw), raw })
    };
    let mut all: Vec<Other> = (0..count).filter_map(load).collect();
    // No access that is watched has more than 16 bytes.
    let near = |from: VirtAddr, to: VirtAddr, size: u64| to.0.wrapping_sub(from.0) < size;
    let overlaps = |o: &Other| at.is_some_and(|at| near(o.raw.at, at, o.raw.size) || near(at, o.raw.at, 16));
    match all.iter().position(overlaps) {
        Some(i) => Some(all.swap_remove(i)),
        None => all.pop().filter(|_| all.is_empty()),
    }
}

/// The first place of the stack that is no part of KCSAN and does not only do what it is told.
fn by(t: &Target, raw: &Raw) -> Option<VirtAddr> {
    let count = raw.num_stack_entries.clamp(0, MAX_STACK) as usize;
    let entries = raw.stack_entries.iter().take(count).filter_map(|slot| t.memory().ptr(slot).ok());
    let own = |pc: &VirtAddr| t.near(*pc).is_some_and(|n| blame::acts_for_itself(&n.name));
    entries.map(|pc| pc.moved(-1)).find(own)
}

fn hypothesis(
    t: &Target,
    who: Place,
    at: Option<VirtAddr>,
    other: Option<&Other>,
    theirs: Option<&Place>,
) -> Hypothesis {
    let name = named(&who);
    let at = other.map(|o| o.raw.at).or(at);
    let what = at.map_or_else(|| "the same memory".to_owned(), |at| what(t, at));
    let with = match theirs {
        Some(p) if p.function == who.function => format!("two tasks were in {name} at the same time"),
        Some(p) => format!("{name} and {} were there at the same time", named(p)),
        None => format!("{name} saw it change, by whom is not known"),
    };
    let statement = format!(
        "{with}, and both touched {what}, one of them to write it, without a lock that both take: KCSAN saw it, and was told to end the kernel."
    );
    let title = match theirs {
        Some(p) if p.function != who.function => format!("data race of {name} with {}", named(p)),
        _ => format!("data race in {name}"),
    };
    let mut h = Hypothesis::new(CLASS, title, capital(statement));
    h.victim = Some(Place { confidence: None, ..who.clone() });
    h.culprit = Some(who);
    h.related = other.iter().map(|o| related(o, theirs)).collect();
    h.advice = vec![
        "give both sides one lock, or, where a race does no harm, say so: READ_ONCE(), WRITE_ONCE(), data_race()".into(),
        "read KCSAN's own report, with both stacks: log".into(),
    ];
    h.separate = Some("whether one of the two holds a lock that the other should take".into());
    h
}

/// A sentence's beginning.
fn capital(text: String) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn what(t: &Target, at: VirtAddr) -> String {
    let symbol = t.near(at).filter(|n| !t.is_text(at) && at.0 - n.start.0 < 1 << 16);
    match symbol {
        Some(_) => format!("{} at {:#x}", t.describe(at).replace("+0x0", ""), at.0),
        None => format!("memory at {:#x}", at.0),
    }
}

fn related(o: &Other, theirs: Option<&Place>) -> Related {
    let task = (o.raw.pid > 0).then(|| TaskInfo {
        pid: o.raw.pid,
        comm: String::new(),
        cpu: usize::try_from(o.raw.cpu).ok(),
    });
    Related {
        role: "other culprit",
        function: theirs.and_then(|p| p.function.clone()),
        module: theirs.and_then(|p| p.module.clone()),
        task,
    }
}

fn tell(t: &Target, o: &Other, found: &mut Findings) {
    let did = if o.raw.kind & WRITE != 0 { "wrote" } else { "read" };
    let by = o.by.map_or_else(|| "unknown code".to_owned(), |by| t.describe(by));
    let claim = format!(
        "the other side {did} {} byte(s) at {:#x} in {by}, task {} on CPU {}",
        o.raw.size, o.raw.at.0, o.raw.pid, o.raw.cpu
    );
    let source = format!("memory:*(struct other_info *){:#x}", o.info.0);
    found.add(CLASS, 1.0, source, format!("struct other_info -x {:x}", o.info.0), claim);
}

#[cfg(test)]
mod tests {
    use necropsy_base::Abi;
    use necropsy_synth::functions::{DATA, Functions, TEXT};
    use necropsy_synth::names::BtfBuilder;

    use super::*;
    use crate::made;

    fn types() -> BtfBuilder {
        let mut b = BtfBuilder::new(Abi::LE64);
        let (int, ulong, pointer) = (b.int("int", 4, true), b.int("unsigned long", 8, false), b.pointer(0));
        let members = [
            ("ptr", pointer, 0, 0),
            ("size", ulong, 64, 0),
            ("access_type", int, 128, 0),
            ("task_pid", int, 160, 0),
            ("cpu_id", int, 192, 0),
        ];
        let access = b.structure(false, "access_info", 32, &members);
        let stack = b.array(ulong, int, 4);
        let members =
            [("ai", access, 0, 0), ("stack_entries", stack, 256, 0), ("num_stack_entries", int, 512, 0)];
        b.structure(false, "other_info", 72, &members);
        b
    }

    /// A kernel whose table has these accesses: address, size, and where on the stack.
    fn kernel(accesses: &[(u64, u64, u64)]) -> Target {
        let mut made = Functions::default();
        let check = made.function(0x100, "__tsan_write8", &[0xc3]);
        made.function(0x200, "mine", &[0xc3]);
        made.function(0x300, "theirs", &[0xc3]);
        let mut words = Vec::new();
        for (at, size, by) in accesses {
            words.extend([*at, *size, 1 | 77 << 32, 1, check + 1, *by, 0, 0, 2]);
        }
        made.data(0, "other_infos", &words);
        made.data(words.len() as u64 * 8, "behind", &[0]);
        made::typed(made, &types())
    }

    #[test]
    fn the_other_side_is_in_the_table() {
        let (mine, theirs) = (TEXT + 0x201, TEXT + 0x301);
        let of = |accesses: &[(u64, u64, u64)], at: Option<u64>| {
            let found = other(&kernel(accesses), at.map(VirtAddr))?;
            Some((found.raw.at.0, found.raw.pid, found.by?.0))
        };
        let (here, there) = (DATA + 0x800, DATA + 0x900);
        let two = [(here, 8, mine), (0, 0, mine), (there, 4, theirs)];
        assert_eq!(of(&two, Some(there + 2)), Some((there, 77, theirs - 1)));
        assert_eq!(of(&two, Some(here)), Some((here, 77, mine - 1)));
        // Which of several it was is not known; one is the one.
        assert_eq!(of(&two, None), None);
        assert_eq!(of(&two[2..], None), Some((there, 77, theirs - 1)));
        // All reports are done; a size that no access has.
        assert_eq!(of(&[(0, 0, mine)], Some(here)), None);
        assert_eq!(of(&[(here, u64::MAX, mine)], Some(here)), None);
    }
}

//! A decision by memory that nobody wrote, in kernels that die of what KMSAN reports.

use necropsy_arch::{Flow, Insn};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::{kmsan, stack_depot};
use necropsy_report::{Related, terminal_safe};
use necropsy_target::Target;
use necropsy_target::unwind::{self, Stack};

use crate::code::{self, Trace};
use crate::reported::Report;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, objects};

pub const UNINITIALISED: Detective = Detective {
    id: "uninitialised-use",
    title: "a decision by memory that nobody wrote",
    doc: "KMSAN's report is on the stack of the panic; the next function is the one that decided by, or gave away, what was never written. \
          Of what that function loads, KMSAN's shadow says which was never written, and whose it is: the stack depot has who allocated it, the \
          local variable that it is, or the copies that it went through.",
    examine,
};

const CLASS: Class = Class::UninitialisedUse;
/// mm/kmsan/report.c and instrumentation.c, 6.1 to 7.2.
const REPORTS: &[&str] = &["kmsan_report", "__msan_warning", "kmsan_internal_check_memory"];
/// What the compiler calls before a load of so many bytes.
const LOADS: &str = "__msan_metadata_ptr_for_load_";
/// `KMSAN_ALLOCA_MAGIC_ORIGIN`, `KMSAN_CHAIN_MAGIC_ORIGIN` (mm/kmsan/kmsan.h).
const LOCAL: u64 = 0xabcd_0100;
const COPY: u64 = 0xabcd_0200;
/// `KMSAN_MAX_ORIGIN_DEPTH`.
const MAX_COPIES: usize = 8;
/// A variable's description is not longer.
const NAME: usize = 200;

/// Where memory came from.
enum Origin {
    Allocated(VirtAddr),
    Local { name: String, by: VirtAddr },
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let frames = &crash.stack.frames;
    let Some(report) = Report::by(t, frames, REPORTS) else { return };
    let who = place_in(t, frames, report.culprit, report.sure.min(0.8));
    let unwritten = unwritten(t, &crash.stack, report.watched);
    let origin = unwritten.and_then(|u| origin(t, u.origin));
    let name = named(&who);
    let from = origin.as_ref().map(|o| told(t, o));
    let statement = format!(
        "{name} decided by, or gave away, memory that nobody wrote{}; KMSAN saw it, and was told to end the kernel.",
        from.as_ref().map(|from| format!(": {from}")).unwrap_or_default()
    );
    let mut h = Hypothesis::new(CLASS, format!("{name} used memory that nobody wrote"), statement);
    h.victim = Some(who.clone());
    h.culprit = Some(who);
    h.related = origin.iter().filter_map(|o| related(t, o)).collect();
    h.advice = vec![
        "write all members where the memory is allocated (kzalloc, a designated initialiser), or do not use what may be unset".into(),
        "read KMSAN's own report, with the stack of who allocated: log".into(),
    ];
    found.hypotheses.push(h);
    report.tell(frames, CLASS, 6.0, "KMSAN reports with it", found);
    if let Some(u) = unwritten {
        let of = objects::at(t, u.at).map(|(object, _)| format!(", in {}", objects::named(&object)));
        let shadow = u.shadow.0;
        let claim =
            format!("the shadow of {} byte(s) at {shadow:#x} is not zero: they were never written", u.size);
        found.add(CLASS, 1.0, format!("memory:{shadow:#x}"), format!("rd -8 {shadow:x} {}", u.size), claim);
        let claim = format!("the memory with that shadow is at {:#x}{}", u.at.0, of.unwrap_or_default());
        found.add(CLASS, 0.1, "memory:the page's description", format!("kmem {:x}", u.at.0), claim);
        if let Some(from) = from {
            let claim = format!("the origin that KMSAN noted of it, {:#x}: {from}", u.origin);
            found.add(CLASS, 0.3, "memory:the stack depot", None, claim);
        }
    }
}

/// Memory that was asked for and never written.
#[derive(Clone, Copy, PartialEq)]
struct Unwritten {
    at: VirtAddr,
    size: u64,
    shadow: VirtAddr,
    origin: u32,
}

/// What the function that was watched loaded and KMSAN has as never written, if that is one place: before each load stands a call that asks
/// for what is noted of it.
fn unwritten(t: &Target, stack: &Stack, watched: usize) -> Option<Unwritten> {
    let frame = stack.frames.get(watched)?;
    let all = unwind::registers(t, stack);
    let (regs, place) = (all.get(watched)?, frame.place()?);
    let insns = code::function(t, frame.function.as_ref()?);
    let here = insns.iter().find(|i| i.at <= place && place < i.next())?.at;
    let trace = Trace::new(t, &insns, here, regs)?;
    let argument = *t.arch().argument_registers().first()?;
    let load = |(index, insn): (usize, &Insn)| {
        let Flow::Call(Some(to)) = insn.flow else { return None };
        let size: u64 = t.near(to).filter(|n| n.start == to)?.name.strip_prefix(LOADS)?.parse().ok()?;
        let at = VirtAddr(trace.value(argument, index, 0)?);
        let noted = kmsan::noted(t, at, size).ok().filter(|n| n.unwritten)?;
        Some(Unwritten { at, size, shadow: noted.shadow, origin: noted.origin })
    };
    let mut found = insns.iter().enumerate().filter_map(load);
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// What an origin's stack says, copies followed back.
fn origin(t: &Target, handle: u32) -> Option<Origin> {
    let mut handle = handle;
    for _ in 0..MAX_COPIES {
        let entries = stack_depot::stack(t, handle).ok()?;
        match entries[..] {
            [VirtAddr(COPY), _, before] => handle = before.0 as u32,
            [VirtAddr(LOCAL), name, inner, outer] => {
                let text = t.memory().cstr(name, NAME).ok()?;
                let by = if t.is_text(inner) { inner } else { outer };
                return Some(Origin::Local { name: terminal_safe(&String::from_utf8_lossy(&text)), by });
            }
            _ => {
                return entries
                    .iter()
                    .copied()
                    .find(|pc| asks(t, *pc))
                    .map(|pc| Origin::Allocated(pc.moved(-1)));
            }
        }
    }
    None
}

/// Whether a return address is in a function that asked for memory, and not in one that gives it.
fn asks(t: &Target, pc: VirtAddr) -> bool {
    t.near(pc.moved(-1)).is_some_and(|n| blame::acts_for_itself(&n.name))
}

fn told(t: &Target, origin: &Origin) -> String {
    match origin {
        Origin::Allocated(by) => format!("it was allocated in {}", t.describe(*by)),
        Origin::Local { name, by } => format!("it is the local variable {name} of {}", t.describe(*by)),
    }
}

fn related(t: &Target, origin: &Origin) -> Option<Related> {
    let Origin::Allocated(by) = origin else { return None };
    let near = t.near(*by)?;
    Some(Related { role: "allocator", function: Some(near.name), module: near.module, task: None })
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
        let (uint, ulong) = (b.int("unsigned int", 4, false), b.int("unsigned long", 8, false));
        let parts = [("pool_index", uint, 0, 16), ("offset", uint, 16, 12)];
        let parts = b.structure(false, "", 4, &parts);
        b.structure(true, "handle_parts", 4, &[("handle", uint, 0, 0), ("", parts, 0, 0)]);
        let entries = b.array(ulong, uint, 0);
        b.structure(false, "stack_record", 16, &[("size", uint, 0, 0), ("entries", entries, 64, 0)]);
        b
    }

    /// What the origin is whose stacks are these, the first at handle 0, each further one 64 bytes on.
    fn told_of(stacks: &[&[u64]]) -> Option<String> {
        let mut made = Functions::default();
        made.function(0x100, "kmalloc_trace", &[0xc3]);
        made.function(0x200, "flow_make", &[0xc3]);
        made.data(0, "stack_pools", &[DATA + 0x400]);
        made.data(0x100, "name", &[u64::from_le_bytes(*b"slot\0\0\0\0")]);
        made.data(0x400, "pool", &[0; 64]);
        for (i, stack) in stacks.iter().enumerate() {
            let at = DATA + 0x400 + 64 * i as u64;
            for (k, word) in std::iter::once(&(stack.len() as u64)).chain(*stack).enumerate() {
                made.memory.put_uint(VirtAddr(at + 8 * k as u64), *word, 8);
            }
        }
        let t = made::typed(made, &types());
        origin(&t, 0).map(|o| told(&t, &o))
    }

    #[test]
    fn where_memory_came_from() {
        let (allocator, maker) = (TEXT + 0x101, TEXT + 0x201);
        assert_eq!(told_of(&[&[allocator, maker]]).unwrap(), "it was allocated in flow_make+0x0");
        // Copied once: the second stack is 64 bytes on, 4 times 16.
        let copied = [&[COPY, maker, 4 << 16][..], &[allocator, maker]];
        assert_eq!(told_of(&copied).unwrap(), "it was allocated in flow_make+0x0");
        let local = [&[LOCAL, DATA + 0x100, maker, maker][..]];
        assert!(told_of(&local).unwrap().starts_with("it is the local variable slot of flow_make"));
        // Copies in a circle end.
        assert_eq!(told_of(&[&[COPY, maker, 0]]), None);
    }
}

//! Finding the true callers above a damaged part of a stack.
//!
//! Each word above the break that is a valid return address is tried: does the unwind table lead from it to the end of the
//! stack, through frames each of which calls the one below? A stale word rarely does. Of those that do, the one whose call
//! fits the function at the break best is taken, then the lowest. The return address also names the function it called,
//! and a function with one direct caller names that caller: such frames are inferred.

use std::collections::HashSet;
use std::ops::Range;

use necropsy_base::{MemoryExt, Near, VirtAddr};

use super::address::frame_size;
use super::calls::{
    Site, call_before, call_sites, callers_in_module, direct_target, function_calls, function_jumps,
};
use super::step::{Next, State};
use super::{End, Frame, Trust};
use crate::Target;

/// Words looked at above a break: more than the largest kernel stack holds.
const MAX_WORDS: u64 = 8192;
/// How long a chain to the end may be.
const MAX_CHAIN: usize = 128;
/// How many frames of candidates are followed in all.
const MAX_FOLLOWED: usize = 4096;
/// How many inferred callers are followed upwards.
const MAX_INFERRED: usize = 4;

/// How many jumps are followed when looking through tail calls: the system call switch has some 400.
const MAX_JUMPS: usize = 2048;

/// What was found above a break.
pub struct Recovered {
    /// Frames without a program counter between the break and the first recovered one; one without a function stands for
    /// all that nothing names.
    pub between: Vec<Frame>,
    /// From the first recovered frame to the end.
    pub chain: Vec<Frame>,
    /// Where the chain ended.
    pub end: End,
}

/// How a return address fits the function below it.
#[derive(Clone, Debug)]
enum Link {
    /// Its call goes to the function below.
    Direct,
    /// Its call goes to a function that is known to call the one below, through these.
    Through(Vec<Near>),
    /// It is a call through a pointer; these callers of the function below are known.
    Indirect(Vec<Near>),
    /// It calls the second; the first are callers of the function below; what lies between is not known.
    Gap(Vec<Near>, Near),
}

struct Candidate {
    chain: Vec<Frame>,
    end: End,
    /// Frames whose caller calls something else.
    misfits: usize,
    link: Link,
    /// The sizes of the frames between add up: none is missing.
    closed: bool,
}

impl Candidate {
    /// Better is larger. A chain to the end beats all others; then one whose frame sizes add up; then the fewest misfits; then
    /// the closer link. Of equals the lowest on the stack is taken.
    fn rank(&self) -> (bool, bool, i32, u8) {
        let link = match &self.link {
            Link::Direct => 3,
            Link::Through(_) => 2,
            Link::Indirect(_) | Link::Gap(..) => 1,
        };
        (self.end.is_complete(), self.closed, -(self.misfits as i32), link)
    }
}

/// What is known at a break.
struct Broken {
    /// Where the lost return address was.
    slot: Option<u64>,
    /// The function whose caller is lost.
    below: Option<Near>,
    /// Its callers, as far as they are certain.
    known: Vec<Near>,
}

/// Looks above `state`'s stack pointer (or above `slot`, where a return address should have been) for its callers.
pub fn recover(t: &Target, state: &State, slot: Option<VirtAddr>, bounds: &Range<u64>) -> Option<Recovered> {
    let from = slot.map_or(state.sp.0, |s| s.0.saturating_add(8)).max(state.sp.0);
    let below = t.near(state.place()).filter(|_| t.is_text(state.place()));
    let known = below.as_ref().map_or_else(Vec::new, |f| known_callers(t, f));
    let broken = Broken { slot: slot.map(|s| s.0), below, known };
    let mut best: Option<Candidate> = None;
    let mut followed = 0;
    for at in words(from, bounds) {
        if t.budget().step().is_err() || followed > MAX_FOLLOWED {
            break;
        }
        let Ok(pc) = t.memory().u64(VirtAddr(at)).map(VirtAddr) else {
            break;
        };
        let Some(found) = candidate(t, VirtAddr(at), pc, &broken) else {
            continue;
        };
        followed += found.chain.len();
        if best.as_ref().is_none_or(|b| found.rank() > b.rank()) {
            best = Some(found);
        }
    }
    let best = best?;
    if best.end.is_complete() { Some(accept(best, state)) } else { scan(t, state, from, bounds) }
}

/// Functions in which a CPU stays once the kernel is dead: where one stands whose registers were not saved.
const LAST: &[&str] = &[
    "panic",
    "vpanic",
    "nmi_panic",
    "__crash_kexec",
    "crash_kexec",
    "machine_kexec",
    "oops_end",
    "die",
    "stop_this_cpu",
    "crash_nmi_callback",
    "nmi_shootdown_cpus",
    "machine_halt",
    "machine_restart",
    "ipi_cpu_stop",
    "ipi_cpu_crash_stop",
];

/// The stack of a running task without registers: from the lowest return address into a function where CPUs stay when the kernel
/// is dead, if an unbroken chain of calls that all fit leads from it to the end.
pub fn search(t: &Target, bounds: &Range<u64>) -> Option<(Vec<Frame>, End)> {
    for at in words(bounds.start, bounds) {
        let pc = VirtAddr(t.memory().u64(VirtAddr(at)).ok()?);
        let place = pc.moved(-1);
        let last =
            || t.near(place).is_some_and(|n| LAST.contains(&n.name.split('.').next().unwrap_or(&n.name)));
        if !t.is_text(place) || !last() || call_before(t, pc).is_none() {
            continue;
        }
        if let Some((chain, end, 0)) = follow(t, at_slot(t, VirtAddr(at), pc))
            && end.is_complete()
        {
            return Some((chain, end));
        }
    }
    None
}

/// The state of a caller whose return address is at `slot`. Where frame pointers are chained, its own is kept just below.
pub fn at_slot(t: &Target, slot: VirtAddr, pc: VirtAddr) -> State {
    let fp = (!t.has_orc()).then(|| t.memory().u64(slot.moved(-8)).ok()).flatten();
    State::caller(t, pc, slot, fp, Trust::Recovered)
}

fn words(from: u64, bounds: &Range<u64>) -> impl Iterator<Item = u64> {
    let from = from.saturating_add(7) & !7;
    let end = if bounds.contains(&from) { bounds.end } else { (from | 0x3fff).saturating_add(1) };
    (from..end.min(from.saturating_add(MAX_WORDS * 8))).step_by(8)
}

/// The function's callers as far as they are certain: one direct caller, which itself may have one, and so on.
fn known_callers(t: &Target, function: &Near) -> Vec<Near> {
    let mut known: Vec<Near> = Vec::new();
    let mut here = function.clone();
    while known.len() < MAX_INFERRED {
        let callers = callers_in_module(t, &here);
        let [only] = &callers[..] else { break };
        if known.iter().any(|k| k.start == only.start) {
            break;
        }
        known.push(only.clone());
        here = only.clone();
    }
    known
}

fn candidate(t: &Target, slot: VirtAddr, pc: VirtAddr, broken: &Broken) -> Option<Candidate> {
    let site = t.is_text(pc.moved(-1)).then(|| call_before(t, pc))??;
    let target = direct_target(t, pc);
    if target.is_none() && !site.indirect && site.direct.is_none_or(|d| !t.is_text(d)) {
        return None;
    }
    let (chain, end, misfits) = follow(t, at_slot(t, slot, pc))?;
    let link = link(t, target, broken.below.as_ref(), &broken.known, chain.first()?);
    let closed = closes(t, &link, broken, slot.0).unwrap_or(false);
    Some(Candidate { chain, end, misfits, link, closed })
}

/// Whether the frames between the break and `slot` add up to just the distance: from where the lost return address was, each
/// known caller's frame, as large as the unwind table says at its call, leads to where its own return address must be.
fn closes(t: &Target, link: &Link, broken: &Broken, slot: u64) -> Option<bool> {
    let (known, last) = match link {
        Link::Direct => (&[][..], None),
        Link::Through(known) | Link::Indirect(known) => (&known[..], None),
        Link::Gap(known, callee) => (&known[..], Some(callee)),
    };
    let mut at = broken.slot?;
    let mut callee = broken.below.as_ref()?.start;
    for function in known {
        let sites = call_sites(t, function);
        let mut above = sites.iter().filter(|s| s.to == Some(callee)).map(|s| slot_above(t, s, at));
        at = above.next()??;
        callee = function.start;
    }
    let Some(last) = last else { return Some(at == slot) };
    // The last one called the outermost known function through a pointer.
    let through_pointer = call_sites(t, last).into_iter().filter(|s| s.to.is_none());
    Some(through_pointer.filter_map(|s| slot_above(t, &s, at)).any(|above| above == slot))
}

/// Where the return address of a function is that made the call `site`, whose return address is at `slot`.
fn slot_above(t: &Target, site: &Site, slot: u64) -> Option<u64> {
    Some(slot.wrapping_add(frame_size(t, site.returns.moved(-1))?))
}

fn link(t: &Target, target: Option<VirtAddr>, below: Option<&Near>, known: &[Near], caller: &Frame) -> Link {
    // A function of the known callers may itself be the frame that was found.
    if let (Some(function), Some(i)) = (
        &caller.function,
        known.iter().position(|k| Some(k.start) == caller.function.as_ref().map(|f| f.start)),
    ) && target.is_some_and(|to| to == below_of(known, below, i).unwrap_or(function.start))
    {
        return if i == 0 { Link::Direct } else { Link::Through(known[..i].to_vec()) };
    }
    let Some(target) = target else {
        return Link::Indirect(known.to_vec());
    };
    if below.is_some_and(|b| b.start == target) {
        return Link::Direct;
    }
    if let Some(i) = known.iter().position(|k| k.start == target) {
        return Link::Through(known[..=i].to_vec());
    }
    let Some(callee) = t.near(target) else {
        return Link::Indirect(known.to_vec());
    };
    let outermost = known.last().or(below).map(|n| n.start);
    if outermost.is_some_and(|start| function_calls(t, &callee).iter().any(|(_, to)| *to == start)) {
        return Link::Through(known.iter().cloned().chain([callee]).collect());
    }
    Link::Gap(known.to_vec(), callee)
}

/// What the `i`th known caller calls on the way down.
fn below_of(known: &[Near], below: Option<&Near>, i: usize) -> Option<VirtAddr> {
    if i == 0 { below.map(|b| b.start) } else { Some(known[i - 1].start) }
}

/// Walks on from a candidate; counts the frames whose caller does not call them.
fn follow(t: &Target, mut state: State) -> Option<(Vec<Frame>, End, usize)> {
    let (mut chain, mut misfits) = (Vec::new(), 0);
    loop {
        chain.push(state.frame(t));
        if chain.len() > MAX_CHAIN {
            return None;
        }
        match state.step(t) {
            Next::Caller(caller) => {
                if caller.check(t).is_err() || caller.sp <= state.sp && caller.sp.0 >> 14 == state.sp.0 >> 14
                {
                    return Some((chain, End::Lost("the chain breaks again".into()), misfits));
                }
                misfits += usize::from(!fits(t, &state, &caller));
                state = *caller;
            }
            Next::User(regs) => return Some((chain, End::User(regs), misfits)),
            Next::Trap(regs, _) => {
                if let Some(last) = chain.last_mut() {
                    last.trap = Some((*regs).clone());
                }
                if t.arch().user_mode(&regs) {
                    return Some((chain, End::User(regs), misfits));
                }
                state = State::new(t, *regs, Trust::Recovered)?;
            }
            Next::End => return Some((chain, End::Thread, misfits)),
            Next::Broken(why) => return Some((chain, End::Lost(why), misfits)),
        }
    }
}

/// Whether `caller` can have called the function of `state`: directly, or through a pointer. A caller that calls the
/// function directly elsewhere hardly calls it through a pointer here: that is how stale words betray themselves.
pub fn fits(t: &Target, state: &State, caller: &State) -> bool {
    let Some(callee) = t.near(state.place()) else {
        return true;
    };
    match direct_target(t, caller.pc) {
        Some(target) => target == callee.start || jumps_to(t, target, &callee),
        None => match t.near(caller.place()) {
            Some(function) => !function_calls(t, &function).iter().any(|(_, to)| *to == callee.start),
            None => true,
        },
    }
}

/// Tail calls: the function called jumps on to `callee`, through at most two others (`x64_sys_call` jumps to
/// `__x64_sys_write`, which jumps to `ksys_write`); or `callee` is its cold part.
fn jumps_to(t: &Target, target: VirtAddr, callee: &Near) -> bool {
    let Some(called) = t.near(target) else {
        return false;
    };
    if callee.name.strip_prefix(&called.name).is_some_and(|rest| rest.starts_with(".cold")) {
        return true;
    }
    let mut level = vec![target];
    let mut seen: HashSet<VirtAddr> = level.iter().copied().collect();
    for _ in 0..3 {
        let functions = level.iter().filter_map(|at| t.near(*at).filter(|n| n.start == *at));
        let jumps = functions.flat_map(|f| function_jumps(t, &f)).filter(|to| seen.insert(*to));
        level = jumps.take(MAX_JUMPS).collect();
        if level.contains(&callee.start) {
            return true;
        }
    }
    false
}

fn accept(best: Candidate, state: &State) -> Recovered {
    let (known, last, through_pointer) = match best.link {
        Link::Direct => (Vec::new(), None, false),
        Link::Through(names) => (names, None, false),
        Link::Indirect(names) => (names, None, true),
        Link::Gap(known, callee) => (known, Some(callee), true),
    };
    let gap = (through_pointer && !best.closed).then_some(None);
    let functions = known.into_iter().map(Some).chain(gap).chain(last.map(Some));
    let between = functions.map(|f| inferred(f, state)).collect();
    Recovered { between, chain: best.chain, end: best.end }
}

fn inferred(function: Option<Near>, state: &State) -> Frame {
    let remark = match function {
        Some(_) => "its return address is lost; named by the calls around it",
        None => "frames may be lost here",
    };
    Frame {
        pc: None,
        exact: false,
        sp: state.sp,
        slot: None,
        function,
        trust: Trust::Inferred,
        regs: Default::default(),
        trap: None,
        remark: Some(remark.into()),
    }
}

/// No way to the end was found: all that look like return addresses, marked as guesses.
fn scan(t: &Target, state: &State, from: u64, bounds: &Range<u64>) -> Option<Recovered> {
    let mut chain = Vec::new();
    for at in words(from, bounds) {
        let Ok(pc) = t.memory().u64(VirtAddr(at)).map(VirtAddr) else {
            break;
        };
        if chain.len() < 64 && t.is_text(pc.moved(-1)) && call_before(t, pc).is_some() {
            let slot = Some(VirtAddr(at));
            let sp = VirtAddr(at + 8);
            chain.push(
                State { pc, sp, regs: Default::default(), exact: false, slot, trust: Trust::Scan }.frame(t),
            );
        }
    }
    let end = End::Lost("no unbroken way to the end of the stack was found".into());
    let between = vec![inferred(None, state)];
    (!chain.is_empty()).then_some(Recovered { between, chain, end })
}

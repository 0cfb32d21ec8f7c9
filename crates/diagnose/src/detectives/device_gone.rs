//! A driver whose device does not answer any more.

use necropsy_arch::Exception;
use necropsy_base::VirtAddr;
use necropsy_kernel::devices::Channel;
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use super::panic_site::told;
use crate::access::BadAccess;
use crate::code::{self, Trace};
use crate::condition::{self, Decided};
use crate::crash::{Crash, base_name};
use crate::device_reads::{DeviceRead, DeviceReads, Supposed};
use crate::findings::instead;
use crate::registers_of::{self, Device};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const DEVICE_GONE: Detective = Detective {
    id: "device-gone",
    title: "a driver whose device does not answer any more",
    doc: "A device that lost its power, its address or its link answers every read of its registers with all ones. The address that faulted, the \
          length of the copy, or the value before a BUG() or panic() is worked out from the code as if a register had read so: if that is exactly \
          what is there, the device was gone. Its registers' address leads to the PCI device, and to what PCI's error recovery left of it.",
    examine,
};

const CLASS: Class = Class::DeviceFailure;
/// What the same crash looks like to those who do not know of the device.
const INSTEAD: &[Class] = &[
    Class::WildPointerDereference,
    Class::OutOfBoundsAccess,
    Class::UserAccessViolation,
    Class::WriteToReadonly,
    Class::NullPointerDereference,
    Class::ErrorPointerDereference,
    Class::UseAfterFree,
    Class::BugAssertion,
];
/// Frames between panic() and the function that decided for it.
const DECIDES: usize = 2;

/// What shows that a register read all ones.
struct Proof {
    /// The frame whose function used the value.
    index: usize,
    read: DeviceRead,
    /// What it did with it.
    did: String,
    claim: String,
    source: String,
    reproduce: String,
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let proof = DeviceReads::new(t, &crash.stack).and_then(|reads| {
        let by_trap = by_access(t, crash, &reads).or_else(|| by_length(t, crash, &reads));
        by_trap.or_else(|| by_check(t, crash, &reads)).or_else(|| by_panic(t, crash, &reads))
    });
    match proof {
        Some(proof) => proved(case, crash, proof, found),
        None => given_up(case, crash, found),
    }
}

/// An access through an address, or at an index, that the device gave.
fn by_access(t: &Target, crash: &Crash, reads: &DeviceReads<'_>) -> Option<Proof> {
    let bad = BadAccess::of(t, crash)?;
    let trace = Trace::new(t, &bad.insns, bad.pc, bad.trap.regs)?;
    let (supposed, read) = reads.address(&trace, bad.trap.index, &bad.operand, trace.at)?;
    code::touches(bad.address, &(bad.operand, supposed)).then_some(())?;
    let text = code::text(t, bad.pc)?;
    Some(Proof {
        index: bad.trap.index,
        read,
        did: "took what it read for an address or an index".into(),
        claim: format!(
            "`{text}` at {} touches {:#x}: exactly the address that follows if the register read all ones",
            t.describe(bad.pc),
            bad.address
        ),
        source: format!("text:{}", bad.near.name),
        reproduce: "fault".into(),
    })
}

/// A copy as long as the device said.
fn by_length(t: &Target, crash: &Crash, reads: &DeviceReads<'_>) -> Option<Proof> {
    let bad = BadAccess::of(t, crash)?;
    let frames = &crash.stack.frames;
    let copies = base_name(frames.get(bad.trap.index)?).is_some_and(blame::copies);
    let (length, read, index) = if copies {
        let (index, _) = blame::nearest(frames, bad.trap.index)?;
        let call = code::call_in(t, frames.get(index)?)?;
        let insns = code::function(t, &call.function);
        let trace = Trace::new(t, &insns, call.at, reads.registers(index)?)?;
        let (length, read) = reads.value(&trace, index, *t.arch().argument_registers().get(2)?, trace.at)?;
        (length, read, index)
    } else {
        let insn = bad.insns.iter().find(|i| i.at == bad.pc).filter(|i| i.string)?;
        let trace = Trace::new(t, &bad.insns, bad.pc, bad.trap.regs)?;
        let count = *t.arch().argument_registers().get(3)?;
        let (all, read) = reads.value(&trace, bad.trap.index, count, trace.at)?;
        let unit = u64::from(insn.mem?.size.max(1));
        (all.wrapping_mul(unit), read, bad.trap.index)
    };
    // What is left to do is a little less than what was asked for, in the register that counts.
    let left = t.arch().argument_registers().iter().skip(2).take(2).filter_map(|r| bad.trap.regs.get(*r));
    let fits =
        |left: u64| [1, 8].iter().any(|unit| (length / 2..=length).contains(&left.saturating_mul(*unit)));
    left.into_iter().any(fits).then_some(())?;
    Some(Proof {
        index,
        read,
        did: format!("copied as many bytes as it read ({length:#x})"),
        claim: format!(
            "what is left of the copy that faulted at {:#x} fits the length that follows if the register read all ones",
            bad.address
        ),
        source: format!("text:{}", named(&place_in(t, frames, index, 1.0))),
        reproduce: "fault".into(),
    })
}

/// A `BUG()` because of what the device gave.
fn by_check(t: &Target, crash: &Crash, reads: &DeviceReads<'_>) -> Option<Proof> {
    let trap = crash.trap(t).filter(|trap| trap.kind == Exception::InvalidOpcode && trap.fatal)?;
    let pc = trap.regs.get(t.arch().pc()).map(VirtAddr)?;
    let decided = condition::of(t, &t.near(pc)?, pc)?;
    let trace = Trace::new(t, &decided.insns, decided.insns[decided.condition.jump].at, trap.regs)?;
    let read = decided_by(t, reads, &trace, trap.index, &decided)?;
    let at = decided.insns[decided.condition.compares].at;
    Some(Proof {
        index: trap.index,
        read,
        did: "has a BUG() for what it read".into(),
        claim: format!(
            "`{}` at {} decides for BUG(), and compares what is all ones",
            code::text(t, at)?,
            t.describe(at)
        ),
        source: format!("text:{}", t.describe(pc)),
        reproduce: format!("dis -r {:x}", pc.0),
    })
}

/// A call of panic() because of what the device gave.
fn by_panic(t: &Target, crash: &Crash, reads: &DeviceReads<'_>) -> Option<Proof> {
    if crash.trap(t).is_some_and(|trap| trap.fatal) {
        return None;
    }
    let frames = &crash.stack.frames;
    let panic =
        frames.iter().rposition(|f| matches!(base_name(f), Some("panic" | "vpanic" | "nmi_panic")))?;
    (panic + 1..=panic + DECIDES).find_map(|index| {
        let call = code::call_in(t, frames.get(index)?)?;
        let decided = condition::of(t, &call.function, call.at)?;
        let regs = reads.registers(index)?;
        let trace = Trace::new(t, &decided.insns, decided.insns[decided.condition.jump].at, regs)?;
        let read = decided_by(t, reads, &trace, index, &decided)?;
        let at = decided.insns[decided.condition.compares].at;
        Some(Proof {
            index,
            read,
            did: "calls panic() for what it read".into(),
            claim: format!(
                "`{}` at {} decides for panic(): what was read is all ones",
                code::text(t, at)?,
                t.describe(at)
            ),
            source: format!("text:{}", call.function.name),
            reproduce: format!("dis -r {:x}", call.at.0),
        })
    })
}

/// The read that a condition depends on, if what it compares is known to be what all ones give: still there, or compared for being equal to it.
fn decided_by(
    t: &Target,
    reads: &DeviceReads<'_>,
    trace: &Trace<'_>,
    frame: usize,
    decided: &Decided,
) -> Option<DeviceRead> {
    use necropsy_arch::Operand;
    let (value, at) = (decided.value()?, decided.condition.compares);
    let (supposed, read): Supposed = reads.operand(trace, frame, value, at)?;
    let there = match value {
        Operand::Reg(reg) => trace.value(reg, at, 0),
        _ => None,
    };
    let bits = read.all_ones();
    let equal = decided.equals(t).is_some_and(|n| n & bits == supposed & bits);
    (equal || there == Some(supposed)).then_some(read)
}

fn proved(case: &Case, crash: &Crash, proof: Proof, found: &mut Findings) {
    let (t, frames) = (&case.target, &crash.stack.frames);
    let Some((index, sure)) = blame::culprit(t, frames, proof.index) else { return };
    let culprit = place_in(t, frames, index, sure.min(0.8));
    let who = named(&culprit);
    let register = registers_of::register(t, proof.read.at);
    let phys = register.as_ref().map(|r| r.phys);
    let name = register.as_ref().map_or_else(|| "a device".to_owned(), |r| r.of.clone());
    let device = register.and_then(|r| r.device);
    let statement = format!(
        "{who} {}, and a register of {name} had answered all ones, as nothing does that is there: the device was gone (no power, no link, no \
         longer decoding its address, or reset), and its driver does not look for that.",
        proof.did
    );
    let mut h = Hypothesis::new(CLASS, format!("{name} no longer answered: {who} {}", proof.did), statement);
    h.victim = Some(place_in(t, frames, proof.index, 0.9));
    h.culprit = Some(culprit);
    h.advice = advice(device.as_ref());
    h.separate = Some(
        "whether the register may read all ones on a device that is well, and what the log of the machine (AER, power, the slot) says".into(),
    );
    found.hypotheses.push(h);

    let telling = if proof.read.size >= 4 { 3.5 } else { f64::from(proof.read.size) };
    found.add_to_all(&instead(CLASS, telling, INSTEAD, telling), proof.source, proof.reproduce, proof.claim);
    let at = proof.read.at;
    let leads = phys.map(|p| format!(", physical {p:#x}")).unwrap_or_default();
    let claim = format!("{} bytes were read at {:#x}{leads}: a register of {name}", proof.read.size, at.0);
    found.add(CLASS, 1.0, format!("memory:page tables of {:#x}", at.0), format!("vtop {:x}", at.0), claim);
    let by = proof.read.by;
    let claim =
        format!("`{}` at {} read the register", code::text(t, by).unwrap_or_default(), t.describe(by));
    found.add(CLASS, 0.5, format!("text:{}", t.describe(by)), format!("dis {:x} 1", by.0), claim);
    if let Some(device) = &device {
        state(device, found);
    }
    told(case, CLASS, found);
}

/// What PCI's error recovery thinks of it.
fn state(device: &Device, found: &mut Findings) {
    let (weight, what) = match device.state.channel {
        Channel::Normal => return,
        Channel::Frozen => (1.5, "an error stopped it, and it was not reset since"),
        Channel::Failed => (2.0, "PCI's error recovery gave it up, or it was pulled out"),
    };
    let at = device.function.at;
    let claim = format!("{}: {what}", device.name());
    found.add(
        CLASS,
        weight,
        format!("memory:pci_dev {:#x}", at.0),
        format!("struct pci_dev.error_state {:x}", at.0),
        claim,
    );
}

/// No value shows it, but the driver that died has a device that the kernel itself has given up.
fn given_up(case: &Case, crash: &Crash, found: &mut Findings) {
    let (t, frames) = (&case.target, &crash.stack.frames);
    let trap = crash.trap(t).filter(|trap| trap.fatal);
    let panic =
        || frames.iter().rposition(|f| matches!(base_name(f), Some("panic" | "vpanic" | "nmi_panic")));
    let Some(first) = trap.as_ref().map(|trap| trap.index).or_else(|| panic().map(|i| i + 1)) else { return };
    let Some((index, sure)) = frames.get(first).and_then(|_| blame::nearest(frames, first)) else { return };
    let Some(device) = frames[index].module().and_then(|module| broken(t, module, &frames[index])) else {
        return;
    };
    // A check of the driver's own looks at its device; an access may have any reason.
    let decided = trap.is_none_or(|trap| trap.kind == Exception::InvalidOpcode);
    let culprit = place_in(t, frames, index, sure * 0.6);
    let (who, name) = (named(&culprit), device.name());
    let mut h = Hypothesis::new(
        CLASS,
        format!("{who} died with its device {name} given up"),
        format!(
            "{who} is a driver's, and the kernel had stopped or given up its device {name} before: what it read from there is worth nothing."
        ),
    );
    h.victim = Some(culprit.clone());
    h.culprit = Some(culprit);
    h.advice = advice(Some(&device));
    h.separate = Some("whether the value that it died of came from the device".into());
    found.hypotheses.push(h);
    found.add(
        CLASS,
        if decided { 1.0 } else { 0.3 },
        "stack",
        "bt".to_owned(),
        format!("{who} is what died"),
    );
    state(&device, found);
    told(case, CLASS, found);
}

/// A device of a module's driver that is not in order.
fn broken(t: &Target, module: &str, frame: &Frame) -> Option<Device> {
    let owner = t.modules().holding(frame.place()?).map(|m| m.at)?;
    registers_of::devices(t)
        .into_iter()
        .find(|d| d.state.channel != Channel::Normal && (d.state.owner == owner || d.state.driver == module))
}

fn advice(device: Option<&Device>) -> Vec<String> {
    let mut advice: Vec<String> = Vec::new();
    if let Some(device) = device {
        advice.push(format!(
            "look at {}: its slot, its power, its firmware; lspci -vv -s {}",
            device.name(),
            device.function.name
        ));
    }
    advice.push("look for what the machine noted about it: log, rasdaemon, ipmitool sel list".into());
    advice.push("the driver must look for all ones before it uses what it read (PCI_POSSIBLE_ERROR), and have an error handler (pci_error_handlers)".into());
    advice
}

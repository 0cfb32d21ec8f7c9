//! A pointer that one flipped bit made useless.

mod proof;

use necropsy_arch::Exception;
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use self::proof::{Candidate, Proof};
use super::null_pointer::died_of_it;
use crate::access::touched;
use crate::code::{self, Origin, Trace};
use crate::crash::{Crash, Trap};
use crate::suspect::{named, place_of};
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const BIT_FLIP: Detective = Detective {
    id: "bit-flip",
    title: "a pointer with one bit flipped",
    doc: "The pointer that an exception was about is followed to the place in memory that it was read from. If flipping exactly one of its \
          bits makes it a pointer that fits there (the neighbour in the list or tree points back; it leads to the kind of object that the \
          same member of neighbouring objects leads to; or it is the only mapped address one bit away from a value that no CPU accepts), \
          the bit is what was wrong, not the program.",
    examine,
};

const CLASS: Class = Class::BitFlip;

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let t = &case.target;
    let faults = [Exception::PageFault, Exception::GeneralProtection];
    let Some(trap) = crash.trap(t).filter(|trap| trap.fatal && faults.contains(&trap.kind)) else { return };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr).filter(|pc| t.is_text(*pc)) else { return };
    let Some(pointer) = pointer(t, crash, &trap, pc) else { return };
    let proven = proof::candidates(t, &pointer);
    // Several bits that would do prove nothing about any of them.
    let [only] = &proven[..] else { return };
    let pointer = Pointer { value: only.value ^ 1 << only.bit, from: only.from, ..pointer };
    let victim = place_of(t, &crash.stack.frames[trap.index], 0.9);
    found.hypotheses.push(hypothesis(&pointer, only, victim));
    evidence(t, &pointer, only, found);
    died_of_it(crash, &trap, found, CLASS);
}

/// The value that was taken for a pointer.
pub struct Pointer {
    /// The value.
    pub value: u64,
    /// Where in memory it was read from, if that still has it.
    pub from: Option<VirtAddr>,
    /// Whether the CPU accepts it as an address at all.
    pub canonical: bool,
}

/// The pointer that the faulting instruction went through.
fn pointer(t: &Target, crash: &Crash, trap: &Trap<'_>, pc: VirtAddr) -> Option<Pointer> {
    let near = t.near(pc)?;
    let insns = code::function(t, &near);
    let insn = insns.iter().find(|i| i.at == pc)?;
    let operands = code::operands(insn, trap.regs);
    let (operand, _) = touched(t, crash, trap, &operands)?;
    let base = operand.base?;
    let value = trap.regs.get(base)?;
    let origin = Trace::new(t, &insns, pc, trap.regs).and_then(|trace| trace.origin(base));
    let from = match origin {
        Some(Origin::Loaded { from: Some(from), .. }) => Some(VirtAddr(from)),
        _ => None,
    };
    // The register may hold the pointer moved to the start of the object around it: what memory has is the pointer.
    let kept = from.and_then(|at| t.memory().word(at).ok()).filter(|kept| kept.abs_diff(value) < 4096);
    let value = kept.unwrap_or(value);
    let tables = t.kernel()?.tables();
    Some(Pointer {
        value,
        from: from.filter(|_| kept.is_some()),
        canonical: t.arch().is_canonical(VirtAddr(value), &tables),
    })
}

fn hypothesis(p: &Pointer, c: &Candidate, victim: necropsy_report::Place) -> Hypothesis {
    let who = named(&victim);
    let place = p.from.map(|at| format!(" at {at:#x}")).unwrap_or_default();
    let statement = format!(
        "The pointer{place} that {who} followed is {:#x}; with bit {} flipped back it is {:#x}, {}. One bit of it changed after it was \
         written: the memory or the way to it is bad, or something set or cleared a single bit where it did not belong.",
        p.value,
        c.bit,
        c.value,
        c.proof.text()
    );
    let mut h = Hypothesis::new(
        CLASS,
        format!("bit {} of a pointer that {who} followed is flipped", c.bit),
        statement,
    );
    h.victim = Some(victim);
    h.advice = vec![
        "test the memory (memtest86+), look for corrected errors before (edac, rasdaemon, the firmware's log)".into(),
        "if it happens again elsewhere on the same machine, it is the machine; on others too, look for a stray set_bit() or clear_bit()".into(),
    ];
    h.separate = Some("errors that the memory controller counted, and whether crashes of this machine have nothing else in common".into());
    h
}

fn evidence(t: &Target, p: &Pointer, c: &Candidate, found: &mut Findings) {
    let bears = [
        (CLASS, c.proof.weight()),
        (Class::WildPointerDereference, -5.0),
        (Class::UseAfterFree, -3.0),
        (Class::ListCorruption, -3.0),
    ];
    let place =
        p.from.map(|at| format!("*(unsigned long *){at:#x}")).unwrap_or_else(|| format!("{:#x}", p.value));
    let reproduce = p.from.map_or_else(|| format!("rd {:x} 2", c.value), |at| format!("rd {:x} 2", at.0));
    let claim = format!(
        "{:#x} and {:#x} differ in bit {} only; the latter is {}",
        p.value,
        c.value,
        c.bit,
        c.proof.text()
    );
    found.add_to_all(&bears, format!("memory:{place}"), reproduce, claim);
    if let Proof::PointsBack { at, .. } = c.proof {
        let claim = format!(
            "what {:#x} leads to points back: {at:#x} holds {:#x}",
            c.value,
            t.memory().word(at).unwrap_or(0)
        );
        found.add(CLASS, 1.0, format!("memory:*(unsigned long *){at:#x}"), format!("rd {:x} 1", at.0), claim);
    }
    if !p.canonical {
        let claim = format!("{:#x} is no address that the CPU accepts, and one bit away from one", p.value);
        found.add(CLASS, 0.5, "stack", "bt".to_owned(), claim);
    }
}

//! An access through a bad pointer in a kernel with KASAN: the check before it faults, on the shadow of the address.

use necropsy_arch::{Exception, Insn};
use necropsy_base::VirtAddr;
use necropsy_kernel::identify::{What, identify};
use necropsy_kernel::kasan::Shadow;
use necropsy_report::Place;
use necropsy_target::Target;
use necropsy_target::unwind::as_text;

use super::use_after_free::poison_of;
use super::wild_pointer::is_error_code;
use crate::access::{self, Meant};
use crate::code::{self, Trace};
use crate::crash::{Crash, Trap};
use crate::expression::Namer;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const KASAN_FAULT: Detective = Detective {
    id: "kasan-fault",
    title: "a bad pointer that KASAN's check fell over",
    doc: "KASAN looks at the shadow of an address before each access, and a bad address has none: the kernel dies in the check. The address that \
          was checked follows from the one that faulted; the access is the instruction behind the check that touches it. NULL, an error \
          code, poison or a user address are told by its value.",
    examine,
};

/// No struct is larger.
const NEAR_NULL: u64 = 4096;

/// The access that was about to be made.
struct Checked {
    /// The first byte of the granule whose shadow was read.
    granule: u64,
    /// The access: its instruction, operand and address.
    access: Option<Meant>,
}

impl Checked {
    fn address(&self) -> u64 {
        self.access.as_ref().map_or(self.granule, |(.., at)| *at)
    }
}

/// Whether the kernel died in such a check.
pub(super) fn is_one(t: &Target, crash: &Crash) -> bool {
    let Some(shadow) = Shadow::of(t) else { return false };
    let Some(trap) = crash.trap(t) else { return false };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr) else { return false };
    let insns = t.near(pc).map(|near| code::function(t, &near)).unwrap_or_default();
    touched(t, crash, &trap, &insns, pc).is_some_and(|at| checked(&shadow, &trap, &insns, pc, at).is_some())
}

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(shadow) = Shadow::of(t) else { return };
    let faults = [Exception::GeneralProtection, Exception::PageFault];
    let Some(trap) = crash.trap(t).filter(|trap| trap.fatal && faults.contains(&trap.kind)) else { return };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr).filter(|pc| t.is_text(*pc)) else { return };
    let Some(near) = t.near(pc) else { return };
    let insns = code::function(t, &near);
    let Some(faulted) = touched(t, crash, &trap, &insns, pc) else { return };
    let Some(checked) = checked(&shadow, &trap, &insns, pc, faulted) else { return };
    let frames = &crash.stack.frames;
    let Some((at, sure)) = blame::culprit(t, frames, trap.index) else { return };
    let who = place_in(t, frames, at, sure);
    let h = hypothesis(t, crash, &trap, &insns, &checked, who);
    let class = h.class;
    found.hypotheses.push(h);
    let claim = format!(
        "{} read the shadow of {:#x} at {:#x}, which is not there",
        t.describe(pc),
        checked.granule,
        faulted
    );
    let bears = [
        (class, 5.0),
        (Class::WildPointerDereference, if class == Class::WildPointerDereference { 0.0 } else { -3.0 }),
    ];
    found.add_to_all(&bears, format!("text:{}", near.name), "fault".to_owned(), claim);
    if let Some((insn, ..)) = checked.access {
        let text = code::text(t, insn).unwrap_or_default();
        let claim = format!("behind the check, at {:#x}, stands the access that it is for: `{text}`", insn.0);
        found.add(class, 1.0, format!("text:{}", near.name), format!("dis {:x} 1", insn.0), claim);
    }
}

/// The address that faulted.
fn touched(t: &Target, crash: &Crash, trap: &Trap<'_>, insns: &[Insn], pc: VirtAddr) -> Option<u64> {
    let insn = insns.iter().find(|i| i.at == pc)?;
    access::touched(t, crash, trap, &code::operands(insn, trap.regs)).map(|(_, at)| at)
}

/// What was checked, if the address that faulted is one of the shadow: of nothing, or of what the access behind touches.
fn checked(shadow: &Shadow, trap: &Trap<'_>, insns: &[Insn], pc: VirtAddr, faulted: u64) -> Option<Checked> {
    let (granule, access) = access::behind_check(shadow, trap.regs, insns, pc, faulted)?;
    (access.is_some() || granule < NEAR_NULL).then_some(Checked { granule, access })
}

fn hypothesis(
    t: &Target,
    crash: &Crash,
    trap: &Trap<'_>,
    insns: &[Insn],
    checked: &Checked,
    who: Place,
) -> Hypothesis {
    let address = checked.address();
    let base = checked.access.and_then(|(_, m, _)| trap.regs.get(m.base?));
    let (class, what) = meaning(t, address, base);
    let name = named(&who);
    let expression = checked.access.and_then(|(at, m, _)| {
        let trace = Trace::new(t, insns, at, trap.regs)?;
        Namer::new(t, &crash.stack, trap.index).operand(&trace, &m)
    });
    let place = expression.map(|e| format!(" That is `{}`.", e.text)).unwrap_or_default();
    let statement = format!(
        "{name} was about to touch {address:#x}, {what}; the check that KASAN makes before fell over its shadow.{place}"
    );
    let mut h = Hypothesis::new(class, format!("{name} followed {what}"), statement);
    h.victim = Some(Place { confidence: None, ..who.clone() });
    // Who follows a pointer that somebody else wrote over is rarely to blame.
    let sure = match class {
        Class::WildPointerDereference => 0.45,
        Class::UseAfterFree => 0.7,
        _ => 1.0,
    };
    h.culprit = Some(Place { confidence: who.confidence.map(|c| c * sure), ..who });
    h.advice = vec![
        "find out why the pointer has that value: what should have set it, and who cleared or freed it"
            .into(),
    ];
    h
}

/// The class of an address that nobody may touch, and what it is.
fn meaning(t: &Target, address: u64, base: Option<u64>) -> (Class, String) {
    let pointer = base.unwrap_or(address);
    let (class, what) = match address {
        // A member of it may lie on the first page.
        _ if is_error_code(pointer) => (Class::ErrorPointerDereference, "an error code as a pointer"),
        0..NEAR_NULL => (Class::NullPointerDereference, "a NULL pointer"),
        _ if base == Some(0) => (Class::NullPointerDereference, "a NULL pointer with an index"),
        _ if poison_of(pointer).is_some() => (Class::UseAfterFree, "the poison of freed memory"),
        _ => match as_text(pointer) {
            Some(text) => {
                let what = format!("the text {text:?}, written over a pointer");
                return (Class::WildPointerDereference, what);
            }
            None if identify(t, None, address) == What::User => {
                (Class::UserAccessViolation, "an address of user space")
            }
            None => (Class::WildPointerDereference, "a pointer to nowhere"),
        },
    };
    (class, what.into())
}

#[cfg(test)]
mod tests {
    use necropsy_arch::{Arch, Regs, x86_64::X86_64};
    use necropsy_synth::functions::{Functions, TEXT};

    use super::*;
    use crate::made;

    /// movzbl (%rdx,%rax,1),%edx; test %dl,%dl; jne away; mov 0x8(%rbx),%rcx; ret
    const CODE: &[u8] = &[0x0f, 0xb6, 0x14, 0x02, 0x84, 0xd2, 0x75, 0x10, 0x48, 0x8b, 0x4b, 0x08, 0xc3];

    /// The granule, and the access with its address, where `%rbx` has this value and the check faulted at that address.
    fn of(rbx: u64, faulted: u64) -> Option<(u64, Option<u64>)> {
        let mut made = Functions::default();
        made.function(0x100, "__asan_report_load8_noabort", &[0xc3]);
        made.function(0x200, "checked", CODE);
        made.function(0x240, "next", &[0xc3]);
        let t = made::kernel(made);
        let insns = code::function(&t, &t.near(VirtAddr(TEXT + 0x200))?);
        let mut regs = Regs::new();
        regs.set(X86_64.registers().iter().position(|n| *n == "rbx")?, rbx);
        let trap = Trap { index: 0, kind: Exception::GeneralProtection, regs: &regs, fatal: true };
        let found = checked(&Shadow::of(&t)?, &trap, &insns, VirtAddr(TEXT + 0x200), faulted)?;
        Some((found.granule, found.access.map(|(.., at)| at)))
    }

    #[test]
    fn what_a_bad_address_is() {
        let t = made::kernel(Functions::default());
        let class = |address: u64, base: u64| meaning(&t, address, Some(base)).0;
        let error = (-19i64) as u64;
        assert_eq!(class(error.wrapping_add(0x20), error), Class::ErrorPointerDereference);
        assert_eq!(class(8, 0), Class::NullPointerDereference);
        assert_eq!(class(0x1_2345, 0), Class::NullPointerDereference);
        let (poison, text) = (0x6b6b_6b6b_6b6b_6b6b, u64::from_le_bytes(*b"abcdefgh"));
        assert_eq!(class(poison + 8, poison), Class::UseAfterFree);
        assert_eq!(class(0x7fff_1234_5678, 0x7fff_1234_5678), Class::UserAccessViolation);
        assert_eq!(class(text, text), Class::WildPointerDereference);
    }

    #[test]
    fn the_access_behind_a_check() {
        let shadow = |at: u64| (at >> 3).wrapping_add(0xdffffc0000000000);
        assert_eq!(of(0, shadow(8)), Some((8, Some(8))));
        let poison = 0x6b6b_6b6b_6b6b_6b6b;
        assert_eq!(of(poison, shadow(poison + 8)), Some(((poison + 8) & !7, Some(poison + 8))));
        // NULL is NULL even where the access is not found; anything else that nothing behind touches is no such fault.
        assert_eq!(of(0x5000, shadow(0x18)), Some((0x18, None)));
        assert_eq!(of(0x5000, shadow(0x77_0000)), None);
        assert_eq!(of(0, 0x1234_5678), None);
    }
}

//! An access or a jump through something that is no pointer: an error code, poison, a freed or damaged value.

use necropsy_arch::{Access, Exception, Insn, MemOperand};
use necropsy_base::VirtAddr;
use necropsy_kernel::{mm, vmalloc};
use necropsy_target::Target;
use necropsy_target::unwind::as_text;

use super::kasan_fault;
use super::null_pointer::{died_of_it, tell};
use crate::access::touched;
use crate::below_null;
use crate::code::{self, Trace};
use crate::crash::{Crash, Trap};
use crate::suspect::{named, place_in, place_of};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, poison};

pub const WILD_POINTER: Detective = Detective {
    id: "wild-pointer",
    title: "an access or a jump through something that is no pointer",
    doc: "The panicking task's stack holds a page fault or a general protection fault. The instruction is decoded, the address it used \
          computed from the registers saved; what the pointer looks like (error code, poison of freed memory or of deleted list \
          entries, text, the guard page of an area) and what the page tables and the fault's error code say decide what it was.",
    examine,
};

const NEAR_NULL: u64 = 4096;
/// Error codes are the last page of addresses (include/linux/err.h).
const MAX_ERRNO: u64 = 4095;
/// Bits of a page fault's error code (arch/x86/include/asm/trap_pf.h).
const PROTECTION: u64 = 1;
const WRITE: u64 = 2;
const EXECUTE: u64 = 16;

/// What the pointer was.
struct Reading {
    class: Class,
    /// `the error code -12`.
    what: String,
    /// How telling the value is.
    weight: f64,
}

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let t = &case.target;
    let faults = [Exception::PageFault, Exception::GeneralProtection];
    let Some(trap) = crash.trap(t).filter(|trap| faults.contains(&trap.kind)) else { return };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr) else { return };
    if t.is_text(pc) {
        // What KASAN's check fell over is no pointer of the code's own.
        if !kasan_fault::is_one(t, crash) {
            access(t, crash, &trap, pc, found);
        }
    } else if pc.0 >= NEAR_NULL {
        jump(t, crash, &trap, pc, found);
    }
}

fn access(t: &Target, crash: &Crash, trap: &Trap<'_>, pc: VirtAddr, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let Some(near) = t.near(pc) else { return };
    let insns = code::function(t, &near);
    let Some(insn) = insns.iter().find(|i| i.at == pc) else { return };
    let operands = code::operands(insn, trap.regs);
    let Some((operand, address)) = touched(t, crash, trap, &operands) else { return };
    let base = operand.base.and_then(|r| trap.regs.get(r));
    // A pointer that is NULL, whatever is added to it, is somebody else's matter.
    let error_code = base.is_some_and(is_error_code);
    if !error_code && (address < NEAR_NULL || base.is_some_and(|b| b < NEAR_NULL)) {
        return;
    }
    let below = Trace::new(t, &insns, pc, trap.regs)
        .and_then(|trace| below_null::of_operand(t, &crash.stack, trap.index, &trace, &operand, trap.regs));
    if below.is_some() {
        return;
    }
    let error = recorded(crash, trap, address);
    let value = base.unwrap_or(address);
    let writes = matches!(operand.access, Access::Write | Access::ReadWrite);
    let user_page = has_user_page(t, crash, address);
    let reading = match read(t, value, address, error, writes) {
        // The CPU does not fault at a page that is there unless something forbids the access.
        r if user_page && r.class == Class::WildPointerDereference && r.weight < 2.0 => {
            let what = format!("{address:#x}, an address of user space");
            Reading { class: Class::UserAccessViolation, what, weight: 1.5 }
        }
        r if r.class == Class::WildPointerDereference && r.weight <= 1.0 => {
            let other = behind_area(t, address).or_else(|| no_element(t, &operand, trap, address));
            other.or_else(|| per_cpu(t, crash.cpu, value)).unwrap_or(r)
        }
        r => r,
    };
    // That is another detective's.
    if reading.class == Class::UseAfterFree && trap.fatal {
        return;
    }
    let Some((index, sure)) = blame::culprit(t, frames, trap.index) else { return };
    // Who used a pointer that was written over did not write it.
    let sure = if as_text(value).is_some() { sure * 0.5 } else { sure };
    let culprit = place_in(t, frames, index, sure);
    let who = named(&culprit);
    let verb = match operand.access {
        Access::Write => "write",
        Access::ReadWrite => "read and write",
        _ => "read",
    };
    let text = code::text(t, pc).unwrap_or_default();
    let class = reading.class;
    let title = format!("{who} tried to {verb} through {}", reading.what);
    let mut statement = format!(
        "{who} tried to {verb} {} bytes through {}: `{text}` touched address {address:#x}.",
        operand.size, reading.what
    );
    let origin =
        operand.base.zip(Trace::new(t, &insns, pc, trap.regs)).and_then(|(r, trace)| trace.origin(r));
    if let Some(said) = origin.as_ref().and_then(|o| tell(t, o, &insns, operand.base)) {
        statement += &format!(" {said}");
    }
    if let Some(length) = negative_length(t, insn, trap) {
        statement += &format!(" The length was {length}: a difference that wrapped.");
    }
    let mut h = Hypothesis::new(class, title, statement);
    h.victim = Some(place_of(t, &frames[trap.index], 0.9));
    h.culprit = Some(culprit);
    h.advice = vec![
        format!("find out who put {value:#x} there: dis -r {:x}", pc.0),
        "look whether the object it came from is still alive: a freed one, or one written over, gives such values".into(),
    ];
    h.separate = Some(
        "what the object holds that the pointer was read from, and whether it was freed or written over"
            .into(),
    );
    found.hypotheses.push(h);

    let offset = pc.0 - near.start.0;
    let names = t.arch().registers();
    let register = operand.base.map_or_else(
        || "no register".to_owned(),
        |r| format!("{} = {value:#x}", names.get(r).unwrap_or(&"?")),
    );
    let claim =
        format!("`{text}` at {}+{offset:#x} touches {address:#x} ({register}): {}", near.name, reading.what);
    found.add(class, 2.0 + reading.weight, format!("text:{}", near.name), "fault".to_owned(), claim);
    mapped(t, address, class, found);
    if class == Class::UserAccessViolation && user_page {
        let claim = format!(
            "the task has a page at {address:#x}: not a missing page, but the protection of user memory from the kernel (SMAP, PAN) faulted"
        );
        let proof = format!("vtop -c {} {address:x}", crash.task.pid);
        found.add(class, 1.5, format!("memory:page tables of task {}", crash.task.pid), proof, claim);
    }
    died_of_it(crash, trap, found, class);
}

/// The length of a copy that is a negative number: the third argument of memcpy() and the like, or what a string instruction counts.
fn negative_length(t: &Target, insn: &Insn, trap: &Trap<'_>) -> Option<i64> {
    let counts = t.arch().argument_registers().iter().skip(2).take(2).filter(|_| insn.string);
    let values = counts.filter_map(|r| trap.regs.get(*r)).map(|v| v as i64);
    // What is left to do is a little less than what was asked for.
    values.filter(|v| (-(1 << 32)..0).contains(v)).max()
}

/// Whether a value is an error code made a pointer (`ERR_PTR`).
pub(super) fn is_error_code(value: u64) -> bool {
    value != 0 && value.wrapping_neg() <= MAX_ERRNO
}

/// The byte that a value consists of; the lowest may differ, as what was added to it makes it.
pub(super) fn filling(value: u64) -> Option<u8> {
    let bytes = value.to_le_bytes();
    bytes[2..].iter().all(|b| *b == bytes[1]).then_some(bytes[1])
}

/// What a value that was used as a pointer says about itself.
fn read(t: &Target, value: u64, address: u64, error: Option<u64>, writes: bool) -> Reading {
    let reading = |class, what: String, weight| Reading { class, what, weight };
    if is_error_code(value) {
        let errno = value.wrapping_neg();
        return reading(
            Class::ErrorPointerDereference,
            format!("the error code -{errno}, taken for a pointer"),
            3.0,
        );
    }
    match filling(value) {
        Some(0x6b) => {
            return reading(Class::UseAfterFree, format!("{value:#x}, the poison of freed objects"), 3.0);
        }
        Some(0xaa) => {
            return reading(Class::UseAfterFree, format!("{value:#x}, the poison of freed pages"), 3.0);
        }
        Some(0x5a) => {
            return reading(
                Class::WildPointerDereference,
                format!("{value:#x}, what fills objects that were not initialised"),
                2.0,
            );
        }
        _ => {}
    }
    if let Some((mark, off)) = poison::from_list(value) {
        let what = match off {
            0 => format!("{value:#x}, what list_del() leaves in an entry that it removed"),
            _ => format!(
                "{value:#x}, computed from {mark:#x}, which list_del() leaves in an entry that it removed"
            ),
        };
        return reading(Class::ListCorruption, what, 3.0);
    }
    if let Some(text) = as_text(value) {
        return reading(
            Class::WildPointerDereference,
            format!("the text {text:?}, written over a pointer"),
            2.5,
        );
    }
    let user = address >> 47 == 0;
    match error {
        Some(e) if e & EXECUTE != 0 => {
            reading(Class::NxViolation, format!("code at {address:#x}, which may not be executed"), 1.5)
        }
        Some(e) if e & PROTECTION != 0 && user => {
            reading(Class::UserAccessViolation, format!("{address:#x}, an address of user space"), 1.5)
        }
        Some(e) if e & (PROTECTION | WRITE) == PROTECTION | WRITE => {
            reading(Class::WriteToReadonly, format!("{address:#x}, which may only be read"), 1.5)
        }
        _ if !t.arch().is_kernel(VirtAddr(address)) && !user => {
            reading(Class::WildPointerDereference, format!("{value:#x}, which is no address"), 2.0)
        }
        _ => match (is_mapped(t, address), writes) {
            (Some(true), true) => {
                reading(Class::WriteToReadonly, format!("{address:#x}, which may only be read"), 1.0)
            }
            (Some(true), false) => {
                reading(Class::WildPointerDereference, format!("{value:#x}, which the dump has mapped"), 0.0)
            }
            (Some(false), _) => {
                reading(Class::WildPointerDereference, format!("{value:#x}, where nothing is mapped"), 1.0)
            }
            (None, _) => reading(
                Class::WildPointerDereference,
                format!("{value:#x}, which is no pointer of the kernel's"),
                0.5,
            ),
        },
    }
}

/// An address on the page that guards an area: whoever came from the area went past its end.
fn behind_area(t: &Target, address: u64) -> Option<Reading> {
    let area = vmalloc::holding(t, VirtAddr(address))?;
    let mapped = area.mapped(t.page_size());
    if address - area.start.0 < mapped {
        return None;
    }
    let by = if area.caller.is_null() {
        String::new()
    } else {
        format!(" that {} mapped", t.describe(area.caller))
    };
    let what = format!("{address:#x}, behind the {mapped} bytes at {:#x}{by}", area.start.0);
    Some(Reading { class: Class::OutOfBoundsAccess, what, weight: 2.5 })
}

/// A pointer to per-CPU memory, taken for an address: what leads somewhere only with a CPU's offset added (`per_cpu_ptr()`).
fn per_cpu(t: &Target, cpu: usize, value: u64) -> Option<Reading> {
    let at = t.percpu(VirtAddr(value), cpu)?;
    (t.arch().is_kernel(at) && !t.arch().is_kernel(VirtAddr(value))).then_some(())?;
    t.kernel()?.walk(at).ok()?;
    let what = format!(
        "{value:#x}, a pointer to per-CPU memory used as it is: CPU {cpu} has its own at {:#x}",
        at.0
    );
    Some(Reading { class: Class::WildPointerDereference, what, weight: 2.5 })
}

/// An element of a variable that it does not have: the instruction adds an index to the variable's own address.
fn no_element(t: &Target, operand: &MemOperand, trap: &Trap<'_>, address: u64) -> Option<Reading> {
    let index = operand.index.filter(|_| operand.base.is_none() && operand.scale > 0)?;
    let variable = t.near(VirtAddr(operand.disp)).filter(|n| n.start.0 == operand.disp)?;
    let (size, index) = (variable.size?, trap.regs.get(index)? as i64);
    if (operand.disp..operand.disp.saturating_add(size)).contains(&address) {
        return None;
    }
    let what = format!(
        "{address:#x}, element {index} of {} bytes each of {}, which has {size} bytes",
        operand.scale, variable.name
    );
    Some(Reading { class: Class::OutOfBoundsAccess, what, weight: 2.5 })
}

/// The error code of the page fault at `address`, if that is the fault that the kernel kept in the task.
fn recorded(crash: &Crash, trap: &Trap<'_>, address: u64) -> Option<u64> {
    let task = &crash.task;
    let this = trap.kind == Exception::PageFault
        && task.trap.value() == Some(14)
        && task.fault_address.value() == Some(address);
    task.error_code.value().filter(|_| this)
}

/// Whether the task has a page of its own at a user address.
fn has_user_page(t: &Target, crash: &Crash, address: u64) -> bool {
    let user = !t.arch().is_kernel(VirtAddr(address));
    let memory = user.then(|| mm::user_memory(t, &crash.task).ok().flatten()).flatten();
    memory.is_some_and(|m| m.to_phys(VirtAddr(address)).is_ok())
}

/// Whether the dump's page tables have a page at a kernel address.
fn is_mapped(t: &Target, address: u64) -> Option<bool> {
    let kernel = t.kernel().filter(|_| t.arch().is_kernel(VirtAddr(address)))?;
    Some(kernel.walk(VirtAddr(address)).is_ok())
}

/// Whether the dump's own page tables agree that nothing is there.
fn mapped(t: &Target, address: u64, class: Class, found: &mut Findings) {
    let Some(there) = is_mapped(t, address) else { return };
    let (weight, what) = match (there, class) {
        (true, Class::WriteToReadonly | Class::NxViolation) => (0.5, "the page tables have a page there"),
        (true, _) => (-1.0, "the page tables of the dump have a page there"),
        (false, Class::WriteToReadonly | Class::NxViolation) => {
            (-1.0, "the page tables of the dump have no page there")
        }
        (false, _) => (1.0, "the page tables have no page there"),
    };
    found.add(
        class,
        weight,
        format!("memory:page tables of {address:#x}"),
        format!("vtop {address:x}"),
        format!("{address:#x}: {what}"),
    );
}

/// The CPU went to an address that is no code.
fn jump(t: &Target, crash: &Crash, trap: &Trap<'_>, pc: VirtAddr, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let Some((index, sure)) = blame::culprit(t, frames, trap.index + 1) else { return };
    let culprit = place_in(t, frames, index, sure * 0.9);
    let who = named(&culprit);
    let error = recorded(crash, trap, pc.0);
    let mut reading = read(t, pc.0, pc.0, None, false);
    let told = error.map(|e| e & (EXECUTE | PROTECTION) == EXECUTE | PROTECTION);
    // Where memory is, but the CPU may not run it.
    if reading.class == Class::WildPointerDereference && told.or(is_mapped(t, pc.0)) == Some(true) {
        let what = format!("{:#x}, memory that holds data and may not be executed", pc.0);
        reading = Reading { class: Class::NxViolation, what, weight: 1.5 };
    }
    if reading.class == Class::WildPointerDereference && has_user_page(t, crash, pc.0) {
        let what = format!("{:#x}, memory of the program, which the kernel may not execute (SMEP)", pc.0);
        reading = Reading { class: Class::NxViolation, what, weight: 2.0 };
    }
    let class = reading.class;
    let title = format!("{who} jumped to {}", reading.what);
    let statement = format!(
        "{who} called through a function pointer that is {}: the CPU went to {:#x}, which is no code.",
        reading.what, pc.0
    );
    let mut h = Hypothesis::new(class, title, statement);
    h.victim = Some(culprit.clone());
    h.culprit = Some(culprit);
    h.advice = vec!["find out where the function pointer is kept, and who wrote there: a freed object, or one written over".into()];
    found.hypotheses.push(h);
    let claim = format!("the interrupted program counter is {:#x}: not code, but {}", pc.0, reading.what);
    found.add(class, 3.0 + reading.weight, "stack", "fault".to_owned(), claim);
    if let Some(back) = frames.get(trap.index + 1).and_then(|f| f.pc) {
        let claim =
            format!("the return address on top of the stack, {}, follows an indirect call", t.describe(back));
        found.add(class, 1.0, "stack", format!("dis -r {:x}", back.0), claim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_the_last_page() {
        assert!(is_error_code(-12i64 as u64) && is_error_code(-4095i64 as u64));
        assert!(!is_error_code(-4096i64 as u64) && !is_error_code(0) && !is_error_code(12));
    }
}

//! Firmware that failed while the kernel ran it: UEFI's runtime services, and ACPI's methods.

use necropsy_arch::Exception;
use necropsy_base::{PhysAddr, VirtAddr};
use necropsy_kernel::firmware::{self, Method, RuntimeArea};
use necropsy_report::Place;
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::access::BadAccess;
use crate::crash::{Crash, Trap, base_name};
use crate::findings::instead;
use crate::firmware_code::{calls_services, runs_method, touches_for_method};
use crate::suspect::place_of;
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, objects};

pub const FIRMWARE: Detective = Detective {
    id: "firmware",
    title: "firmware that failed while the kernel ran it",
    doc: "The exception's program counter is in memory that UEFI's table describes as that of its runtime services, or the access that faulted \
          was made by the interpreter of ACPI's methods for one of them, at the address that the method names: its name is read from the state \
          that the interpreter keeps.",
    examine,
};

const CLASS: Class = Class::FirmwareError;
/// What such an end looks like to those who do not know that it is the firmware's.
const INSTEAD: &[Class] = &[
    Class::WildPointerDereference,
    Class::NullPointerDereference,
    Class::NullFunctionCall,
    Class::NxViolation,
    Class::WriteToReadonly,
    Class::InvalidOpcode,
    Class::DivideError,
    Class::UserAccessViolation,
    Class::OutOfBoundsAccess,
    // The kernel warns of firmware that faults, and goes on without it if it may (efi_crash_gracefully_on_page_fault).
    Class::Warning,
];

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(trap) = crash.trap(t).filter(|trap| trap.fatal) else { return };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr) else { return };
    if !t.is_text(pc) {
        in_services(t, crash, &trap, pc, found);
    } else {
        in_method(t, crash, &trap, found);
    }
}

/// The CPU was in a runtime service of UEFI.
fn in_services(t: &Target, crash: &Crash, trap: &Trap<'_>, pc: VirtAddr, found: &mut Findings) {
    let areas =
        firmware::runtime_areas(t).inspect_err(|e| t.note(format!("UEFI's memory: {e}"))).unwrap_or_default();
    let Some(area) = areas.into_iter().find(|a| (a.virt.0..a.virt.0.saturating_add(a.bytes)).contains(&pc.0))
    else {
        return;
    };
    let frames = &crash.stack.frames;
    let calls = |(_, f): &(usize, &Frame)| base_name(f).is_some_and(calls_services);
    let caller = frames.iter().enumerate().skip(trap.index).find(calls);
    let service = firmware::runtime_service(t);
    let what = service
        .as_deref()
        .map_or_else(|| "a runtime service".to_owned(), |s| format!("the runtime service {s}"));
    let why = match trap.kind {
        Exception::PageFault => "touched memory that is not its own",
        Exception::GeneralProtection => "used an address or a state that the CPU does not allow",
        Exception::InvalidOpcode => "ran into what is no instruction",
        Exception::Divide => "divided by zero",
        _ => "raised an exception",
    };
    let phys = area.phys.wrapping_add(pc.0 - area.virt.0);
    let mut h = Hypothesis::new(
        CLASS,
        format!("the firmware's {what} {why}").replace("firmware's the", "firmware's"),
        format!(
            "The kernel had called {what} of UEFI, and the firmware {why} at {:#x} (physical {phys:#x}, in its own memory): the kernel only \
             called it.",
            pc.0
        ),
    );
    h.victim = caller.map(|(i, _)| place_of(t, &frames[i], 0.5)).map(without_confidence);
    h.advice = vec![
        "update the machine's firmware, or report it to its maker with this address".into(),
        "until then: boot with efi=noruntime (no UEFI variables, no capsules, no efi-pstore)".into(),
    ];
    found.hypotheses.push(h);
    let kind = if area.kind == 5 { "code" } else { "memory" };
    let claim = format!("the exception was at {:#x}, in the {kind} of UEFI's runtime services", pc.0);
    found.add_to_all(&instead(CLASS, 4.0, INSTEAD, 4.0), "stack", "fault".to_owned(), claim);
    described(&area, found);
    if let Some((i, frame)) = caller {
        let name = frame.name().unwrap_or_default();
        let claim =
            format!("{name}, which calls UEFI, is on the stack ({} frames from the end)", frames.len() - i);
        found.add(CLASS, 1.5, "stack", "bt".to_owned(), claim);
    }
    if let Some((service, at)) = service.zip(t.symbol("efi_rts_work")) {
        let proof = format!("struct efi_runtime_work.efi_rts_id {:x}", at.0);
        found.add(
            CLASS,
            0.5,
            "memory:efi_rts_work",
            proof,
            format!("what the kernel had called is {service}"),
        );
    }
}

/// The descriptor of the firmware's memory.
fn described(area: &RuntimeArea, found: &mut Findings) {
    let claim = format!(
        "UEFI's table of memory has {} KiB at {:#x}, physical {:#x}, for its runtime services",
        area.bytes / 1024,
        area.virt.0,
        area.phys
    );
    let at = area.descriptor.0;
    found.add(CLASS, 1.0, format!("memory:efi.memmap {at:#x}"), format!("rd {at:x} 5"), claim);
}

/// The interpreter of ACPI's methods touched what a method told it to.
fn in_method(t: &Target, crash: &Crash, trap: &Trap<'_>, found: &mut Findings) {
    let frames = &crash.stack.frames;
    let Some((index, _)) = frames.get(trap.index).and_then(|_| blame::nearest(frames, trap.index)) else {
        return;
    };
    let Some(handler) = base_name(&frames[index]).filter(|n| touches_for_method(n)) else { return };
    let Some(run) = frames.iter().skip(index).position(|f| base_name(f).is_some_and(runs_method)) else {
        return;
    };
    let methods = methods(t, frames, index, index + run);
    let access = BadAccess::of(t, crash);
    let address = access.as_ref().map(|a| VirtAddr(a.address));
    let phys = address.and_then(|at| t.kernel()?.to_phys(at).ok()).map(|p| p.0);
    let method = methods.first().map_or_else(|| "a method".to_owned(), |m| format!("the method {}", m.path));
    let touched = match (address, phys) {
        (Some(at), Some(phys)) => format!("physical address {phys:#x} ({:#x})", at.0),
        (Some(at), None) => format!("the address {:#x}", at.0),
        _ => "an address".to_owned(),
    };
    let outer: Vec<&str> = methods.iter().skip(1).map(|m| m.path.as_str()).collect();
    let called = if outer.is_empty() { String::new() } else { format!(", called by {}", outer.join(", ")) };
    let mut h = Hypothesis::new(
        CLASS,
        format!(
            "the firmware's ACPI {} touched {touched}, which it must not",
            method.trim_start_matches("the ")
        ),
        format!(
            "{handler} did for the firmware what {method}{called} told it to: to touch {touched}. That is none of the firmware's; the kernel's \
             interpreter only carried it out."
        ),
    );
    h.victim = Some(without_confidence(place_of(t, &frames[index], 0.5)));
    h.advice = vec![
        "update the machine's firmware, or report it to its maker with the name of the method".into(),
        "read what the method does: acpidump, iasl -d; what made the kernel run it: bt".into(),
    ];
    found.hypotheses.push(h);
    let claim = format!(
        "{handler} was where the exception happened: it touches what a method of ACPI names, for nobody else"
    );
    found.add_to_all(&instead(CLASS, 4.0, INSTEAD, 4.0), "stack", "bt".to_owned(), claim);
    for m in &methods {
        let claim = format!("its interpreter was running {}", m.path);
        let proof = format!("struct acpi_namespace_node.name {:x}", m.node.0);
        found.add(CLASS, 1.0, format!("memory:acpi_walk_state {:#x}", m.walk.0), proof, claim);
    }
    if let (Some(at), Some(phys)) = (address, phys) {
        let claim = format!("{:#x} is physical {phys:#x}", at.0);
        found.add(
            CLASS,
            0.5,
            format!("memory:page tables of {:#x}", at.0),
            format!("vtop {:x}", at.0),
            claim,
        );
        there(t, at, PhysAddr(phys), found);
    }
}

/// What is at an address that the firmware took for its own.
fn there(t: &Target, at: VirtAddr, phys: PhysAddr, found: &mut Findings) {
    let image = t.image();
    let begins = t.kernel().and_then(|k| k.to_phys(VirtAddr(image.start)).ok());
    let into = begins.and_then(|b| phys.0.checked_sub(b.0)).filter(|by| *by < image.end - image.start);
    let (what, proof) = match into.map(|by| VirtAddr(image.start + by)) {
        Some(own) => (format!("{}, of the kernel itself", t.describe(own)), format!("sym {:x}", own.0)),
        None => match objects::at(t, at) {
            Some((object, _)) => (objects::named(&object), objects::shown(at)),
            None => return,
        },
    };
    found.add(CLASS, 0.5, format!("memory:{:#x}", at.0), proof, format!("what is there is {what}"));
}

fn methods(t: &Target, frames: &[Frame], from: usize, to: usize) -> Vec<Method> {
    let (Some(from), Some(to)) = (frames.get(from), frames.get(to)) else { return Vec::new() };
    firmware::methods_on(t, from.sp, to.sp)
}

fn without_confidence(place: Place) -> Place {
    Place { confidence: None, ..place }
}

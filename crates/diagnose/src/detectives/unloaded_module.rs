//! Something of a module that was unloaded is still known to the kernel.

use necropsy_arch::Exception;
use necropsy_base::VirtAddr;
use necropsy_kernel::{modules, vmalloc};
use necropsy_report::{Place, terminal_safe};
use necropsy_target::Target;

use super::null_pointer::died_of_it;
use crate::access::BadAccess;
use crate::crash::Crash;
use crate::findings::place;
use crate::suspect::named;
use crate::{Case, Class, Detective, Findings, Hypothesis};

pub const UNLOADED_MODULE: Detective = Detective {
    id: "unloaded-module",
    title: "something of a module that was unloaded is still in use",
    doc: "The address that faulted, or the code that was to run, lies where modules are loaded, no module and no other area is there, and a \
          module was unloaded before: a timer, a work item, a notifier or a file of it was left behind. The kernel keeps the name of the module \
          unloaded last.",
    examine,
};

const CLASS: Class = Class::UseAfterFree;
/// Modules lie no further from the kernel than its calls reach.
const REACH: u64 = 2 << 30;
/// The end of the address space is for fixed mappings and error codes.
const LAST: u64 = u64::MAX - (16 << 20);

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let Some(trap) = crash.trap(t).filter(|trap| trap.kind == Exception::PageFault && trap.fatal) else {
        return;
    };
    let Some(pc) = trap.regs.get(t.arch().pc()).map(VirtAddr) else { return };
    let runs = !t.is_text(pc);
    let touched = if runs { Some(pc.0) } else { BadAccess::of(t, crash).map(|a| a.address) };
    let Some(address) = touched.filter(|at| is_gone(t, VirtAddr(*at))) else { return };
    let Some(name) = modules::last_unloaded(t).map(|name| terminal_safe(&name)) else { return };
    let user = user(t, crash, if runs { trap.index + 1 } else { trap.index });
    found.hypotheses.push(hypothesis(&name, user, address, runs));
    tell(&name, address, runs, found);
    died_of_it(crash, &trap, found, CLASS);
}

/// Whether an address lies where modules do, and nothing is there.
fn is_gone(t: &Target, at: VirtAddr) -> bool {
    let image = t.image();
    let near = at.0.abs_diff(image.start) < REACH && !image.contains(&at.0) && at.0 < LAST;
    near && t.arch().is_kernel(at) && t.modules().holding(at).is_none() && vmalloc::holding(t, at).is_none()
}

fn user(t: &Target, crash: &Crash, index: usize) -> Option<Place> {
    crash.stack.frames.get(index)?.pc.map(|pc| place(t, pc, None))
}

fn hypothesis(name: &str, user: Option<Place>, address: u64, runs: bool) -> Hypothesis {
    let who = user.as_ref().map_or_else(|| "the kernel".to_owned(), named);
    let did = if runs { "went to code" } else { "used memory" };
    let statement = format!(
        "{who} {did} at {address:#x}, where modules are loaded and none is any more. The module unloaded last is {name}: something of it (a \
         timer, a work item, a notifier, a file) was left behind when it went."
    );
    let mut h = Hypothesis::new(
        CLASS,
        format!("{who} {did} of a module that was unloaded, probably {name}"),
        statement,
    );
    h.victim = user;
    h.culprit = Some(Place { confidence: Some(0.75), module: Some(name.to_owned()), ..Place::default() });
    h.advice = vec![
        format!("read what the exit function of {name} does not undo: timers, work, notifiers, files, hooks"),
        "keep the module loaded until it is mended: unloading is what kills".into(),
    ];
    h.separate = Some("what was registered at that address: the module's symbols while it was loaded".into());
    h
}

fn tell(name: &str, address: u64, runs: bool, found: &mut Findings) {
    let claim = format!(
        "{address:#x} lies where modules are loaded; no module and no area of the kernel's memory is there"
    );
    let bears = [
        (CLASS, 3.0),
        (Class::WildPointerDereference, -2.0),
        (Class::NxViolation, -2.0),
        (Class::OutOfBoundsAccess, -1.0),
    ];
    found.add_to_all(
        &bears,
        format!("memory:page tables of {address:#x}"),
        format!("vtop {address:x}"),
        claim,
    );
    let claim = format!("the module unloaded last is {name}");
    found.add(CLASS, 1.5, "memory:last_unloaded_module", "rd -a last_unloaded_module".to_owned(), claim);
    if runs {
        found.add(
            CLASS,
            1.0,
            "stack",
            "bt".to_owned(),
            format!("the interrupted program counter is {address:#x}: code that is gone"),
        );
    }
}

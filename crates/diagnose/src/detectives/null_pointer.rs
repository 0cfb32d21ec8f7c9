//! An access, or a call, through a pointer that is NULL.

use necropsy_arch::{Access, Exception, Insn, MemOperand};
use necropsy_base::VirtAddr;
use necropsy_kernel::workqueue;
use necropsy_report::{Place, bytes_text};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use super::wild_pointer::is_error_code;
use crate::below_null::{self, BelowNull};
use crate::code::{self, Origin, Trace};
use crate::crash::{Crash, Trap, base_name};
use crate::expression::{Expression, Namer};
use crate::findings::place;
use crate::queued;
use crate::suspect::{named, place_in};
use crate::timeline::first_event;

/// Lines of the log that say the same.
const NULL_EVENTS: &[&str] = &["pf.null.x86", "pf.null.x86.old", "pf.generic.null", "pf.ppc.null"];
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const NULL_POINTER: Detective = Detective {
    id: "null-pointer",
    title: "an access or a call through a NULL pointer",
    doc: "The panicking task's stack holds a page fault in kernel code whose handler gave up. The fault address, as the kernel \
          saved it in `task_struct.thread`, lies in the first page; or the instruction adds an index to a base register that is \
          zero. The instruction is decoded and must touch the fault address with the registers saved; the value of its base \
          register is followed back to where it was loaded from.",
    examine,
};

/// Page faults of the first page are NULL pointers: nothing is ever mapped there (`mmap_min_addr`), and few structs are larger.
const NEAR_NULL: u64 = 4096;
/// `X86_TRAP_PF` (arch/x86/include/asm/trapnr.h).
const PAGE_FAULT: u64 = 14;

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let Some(trap) = crash.trap(&case.target).filter(|t| t.kind == Exception::PageFault) else { return };
    let Some(pc) = trap.regs.get(case.target.arch().pc()).map(VirtAddr) else { return };
    if case.target.is_text(pc) {
        dereference(case, crash, &trap, pc, found);
    } else if pc.0 < NEAR_NULL {
        call(case, crash, &trap, pc, found);
    }
}

/// What is known of the access that faulted.
struct Fault {
    /// The address, recorded or worked out.
    address: u64,
    /// Who recorded it.
    recorded: Option<Recorded>,
    /// The operand that touched the address; `None` when none of the instruction's does.
    operand: Option<MemOperand>,
    /// The address the operand gives.
    computed: Option<u64>,
}

/// Who recorded the fault's address.
#[derive(Clone, Copy)]
enum Recorded {
    /// The kernel, in the task.
    Task(u64),
    /// The CPU's own register, as the emulator that made the dump saw it.
    Cpu(u64),
}

impl Recorded {
    fn address(self) -> u64 {
        match self {
            Recorded::Task(a) | Recorded::Cpu(a) => a,
        }
    }
}

/// The kernel's record, if it kept one; else the CPU's register, which holds the last fault's address, if it fits.
fn record(t: &Target, crash: &Crash, fits: impl Fn(u64) -> bool) -> Option<Recorded> {
    let task = crash
        .task
        .fault_address
        .value()
        .filter(|_| crash.task.trap.value() == Some(PAGE_FAULT))
        .map(Recorded::Task);
    let cpu = || t.cpu_state(crash.cpu)?.fault_address.filter(|a| fits(*a)).map(Recorded::Cpu);
    task.or_else(cpu)
}

fn fault(t: &Target, crash: &Crash, trap: &Trap<'_>, insns: &[Insn], pc: VirtAddr) -> Option<Fault> {
    let insn = insns.iter().find(|i| i.at == pc)?;
    let operands = code::operands(insn, trap.regs);
    let recorded = record(t, crash, |a| operands.iter().any(|o| code::touches(a, o)));
    let hit = match recorded {
        Some(r) => operands.iter().find(|o| code::touches(r.address(), o)).copied(),
        // Nobody recorded the address: of several operands only one near zero can have faulted this way.
        None => operands.iter().find(|o| o.1 < NEAR_NULL).or(operands.first()).copied(),
    };
    let address = recorded.map(Recorded::address).or(hit.map(|h| h.1))?;
    Some(Fault { address, recorded, operand: hit.map(|h| h.0), computed: hit.map(|h| h.1) })
}

/// How the address is NULL.
#[derive(PartialEq)]
enum Shape {
    /// In the first page.
    Near,
    /// A base of zero and an index.
    Indexed,
    /// A sum of which one part was zero.
    Sum,
    /// Less than zero by an offset that was taken away.
    Below(BelowNull),
}

fn shape(fault: &Fault, trap: &Trap<'_>, origin: Option<&Origin>) -> Option<Shape> {
    if fault.address < NEAR_NULL {
        return Some(Shape::Near);
    }
    let m = fault.operand?;
    let base = m.base.and_then(|r| trap.regs.get(r));
    match (base, m.index) {
        (Some(0), None) => Some(Shape::Near), // a member far behind the start of a large struct
        (Some(base), Some(_)) if base < NEAR_NULL => Some(Shape::Indexed),
        _ => matches!(origin, Some(Origin::Sum { .. })).then_some(Shape::Sum),
    }
}

fn dereference(case: &Case, crash: &Crash, trap: &Trap<'_>, pc: VirtAddr, found: &mut Findings) {
    const CLASS: Class = Class::NullPointerDereference;
    let t = &case.target;
    let Some(near) = t.near(pc) else { return };
    let insns = code::function(t, &near);
    let Some(fault) = fault(t, crash, trap, &insns, pc) else { return };
    let trace = Trace::new(t, &insns, pc, trap.regs);
    let base = fault.operand.and_then(|m| m.base);
    let below = fault
        .operand
        .zip(trace.as_ref())
        .and_then(|(mem, trace)| below_null::of_operand(t, &crash.stack, trap.index, trace, &mem, trap.regs));
    // An error code plus a member's offset lands in the first page, too: that is no NULL pointer.
    if below.is_none() && base.and_then(|r| trap.regs.get(r)).is_some_and(is_error_code) {
        return;
    }
    let origin = base.zip(trace.as_ref()).and_then(|(reg, trace)| trace.origin(reg));
    let shape = below.map(Shape::Below).or_else(|| shape(&fault, trap, origin.as_ref()));
    let Some(shape) = shape else { return };
    let frames = &crash.stack.frames;
    let Some((index, sure)) = blame::culprit(t, frames, trap.index) else { return };
    let culprit = place_in(t, frames, index, sure);
    let verb = match fault.operand.map(|m| m.access) {
        Some(Access::Write) => "write",
        Some(Access::ReadWrite) => "read and write",
        _ if crash.task.error_code.value().is_some_and(|e| e & 2 != 0) => "write",
        _ => "read",
    };
    let text = code::text(t, pc).unwrap_or_default();
    let offset = pc.0 - near.start.0;
    let size = fault.operand.map_or(0, |m| m.size);
    let who = named(&culprit);
    let how = match shape {
        Shape::Near if fault.address == 0 => "a NULL pointer".to_owned(),
        Shape::Near => format!("a NULL pointer, at the member {:#x} bytes behind it", fault.address),
        Shape::Indexed => "a NULL pointer plus an index".to_owned(),
        Shape::Sum => "a sum of a NULL pointer and an offset".to_owned(),
        Shape::Below(b) => {
            let at = b.at.map(|at| format!(" at {}", t.describe(at))).unwrap_or_default();
            format!("NULL minus {:#x}, as container_of() makes it of a member's address{at}", b.offset)
        }
    };
    let mut statement = format!(
        "{who} tried to {verb} {size} bytes through {how}: `{text}` touched address {:#x}.",
        fault.address
    );
    let names = trace.as_ref().map(|trace| Names::of(t, crash, trap, trace, fault.operand));
    statement += &names.as_ref().map(Names::text).unwrap_or_default();
    if let Some(said) = origin.as_ref().and_then(|o| tell(t, o, &insns, base)) {
        statement += &format!(" {said}");
    }
    let title = format!("NULL pointer dereference ({verb}) in {who}");
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.victim = Some(place(t, pc, None));
    h.advice = advice(&culprit, &near.name, offset);
    h.separate = Some(
        "whether the pointer was ever set, or its object was freed: look at the object it was loaded from"
            .into(),
    );
    h.culprit = Some(culprit);
    found.hypotheses.push(h);

    recorded(crash, &fault, found);
    decoded(&fault, trap, t, &near.name, offset, &text, found);
    died_of_it(crash, trap, found, CLASS);
    loaded(t, origin.as_ref(), found);
    if let Some((line, text)) = first_event(case.log(), NULL_EVENTS) {
        found.add(CLASS, 0.5, format!("log:{line}"), "log".to_owned(), format!("the log says: {text}"));
    }
}

/// What was touched, in the words of the source.
struct Names {
    /// The place: `p->ops->flags`.
    place: Option<Expression>,
    /// The pointer it was reached through: `p->ops`.
    pointer: Option<Expression>,
}

impl Names {
    fn of(
        t: &Target,
        crash: &Crash,
        trap: &Trap<'_>,
        trace: &Trace<'_>,
        operand: Option<MemOperand>,
    ) -> Names {
        let namer = Namer::new(t, &crash.stack, trap.index);
        Names {
            place: operand.as_ref().and_then(|m| namer.operand(trace, m)),
            pointer: operand.and_then(|m| namer.register(trace, m.base?)),
        }
    }

    fn text(&self) -> String {
        let place = self.place.as_ref().map(|p| format!(" That is `{}`.", p.text)).unwrap_or_default();
        let pointer = self.pointer.as_ref().map(|p| {
            let member =
                p.member.as_ref().map(|(of, at)| format!(" (at {at:#x} of {of})")).unwrap_or_default();
            format!(" `{}`{member} is NULL.", p.text)
        });
        place + &pointer.unwrap_or_default()
    }
}

/// The record of the fault.
fn recorded(crash: &Crash, fault: &Fault, found: &mut Findings) {
    const CLASS: Class = Class::NullPointerDereference;
    match fault.recorded {
        Some(Recorded::Task(address)) => {
            let error = crash.task.error_code.value().unwrap_or(0);
            let present = error & 1 != 0;
            let (weight, state) =
                if present { (-1.5, "mapped, but the access was not allowed") } else { (3.0, "not mapped") };
            let source = format!("memory:((struct task_struct *){:#x})->thread.cr2", crash.task.at.0);
            let reproduce = format!("task -R thread.cr2,thread.trap_nr,thread.error_code {}", crash.task.pid);
            let who = bytes_text(&crash.task.comm.0);
            let pid = crash.task.pid;
            let claim = format!(
                "the kernel recorded a page fault at {address:#x} (error code {error:#x}) for {who} ({pid}): {state}"
            );
            found.add(CLASS, weight, source, reproduce, claim);
        }
        Some(Recorded::Cpu(address)) => {
            let claim = format!(
                "CPU {} had its last page fault at {address:#x} (CR2), as the emulator saved it",
                crash.cpu
            );
            found.add(CLASS, 1.5, "note:QEMU", "fault".to_owned(), claim);
        }
        None => {}
    }
}

/// What the instruction does with the registers as they were.
fn decoded(
    fault: &Fault,
    trap: &Trap<'_>,
    t: &Target,
    name: &str,
    offset: u64,
    text: &str,
    found: &mut Findings,
) {
    let names = t.arch().registers();
    let reproduce = "fault".to_owned();
    let Some(m) = fault.operand else {
        let claim = format!("no operand of `{text}` touches {:#x} with the registers saved", fault.address);
        return found.add(Class::NullPointerDereference, -2.0, format!("text:{name}"), reproduce, claim);
    };
    let register =
        |r: usize| format!("{} = {:#x}", names.get(r).unwrap_or(&"?"), trap.regs.get(r).unwrap_or(0));
    let parts: Vec<String> = [m.base, m.index].into_iter().flatten().map(register).collect();
    let with =
        if parts.is_empty() { "a constant address: no register at all".into() } else { parts.join(", ") };
    found.add(
        Class::NullPointerDereference,
        3.5,
        format!("text:{name}"),
        reproduce,
        format!(
            "`{text}` at {name}+{offset:#x} touches {:#x} ({with})",
            fault.computed.unwrap_or(fault.address)
        ),
    );
}

pub(super) fn died_of_it(crash: &Crash, trap: &Trap<'_>, found: &mut Findings, class: Class) {
    let (weight, claim) = if trap.fatal {
        (1.5, "the exception's handler gave up and ended the kernel: nothing else happened in between")
    } else {
        (-2.0, "an exception was being handled, but no frame shows that its handler gave up")
    };
    let frames = &crash.stack.frames[..trap.index];
    let path: Vec<&str> = frames.iter().rev().filter_map(|f| f.name()).collect();
    found.add(class, weight, "stack", "bt".to_owned(), format!("{claim} ({})", path.join(" > ")));
}

/// The place in memory the NULL pointer was loaded from still holds it.
fn loaded(t: &Target, origin: Option<&Origin>, found: &mut Findings) {
    use necropsy_base::MemoryExt;
    let Some(Origin::Loaded { at, from: Some(from), mem, .. }) = origin else { return };
    let size = usize::from(mem.size).clamp(1, 8);
    let Ok(now) = t.memory().uint(VirtAddr(*from), size) else { return };
    let (weight, state) = if now < NEAR_NULL { (1.0, "still holds") } else { (-0.5, "by now holds") };
    found.add(
        Class::NullPointerDereference,
        weight,
        format!("memory:{from:#x}"),
        format!("rd {from:x} 1"),
        format!("the pointer was loaded at {} from {from:#x}, which {state} {now:#x}", t.describe(*at)),
    );
}

/// Where the pointer came from, in words.
pub(super) fn tell(t: &Target, origin: &Origin, insns: &[Insn], base: Option<usize>) -> Option<String> {
    let names = t.arch().registers();
    let reg = base.and_then(|b| names.get(b)).copied().unwrap_or("the pointer");
    Some(match origin {
        Origin::Loaded { at, from, mem, base } => {
            let place = t.describe(*at);
            let from = from.map(|a| format!(" ({a:#x})")).unwrap_or_default();
            let field = mem
                .base
                .and_then(|b| names.get(b))
                .map(|b| format!("{:#x} bytes behind {b}{from}", mem.disp));
            let field = field.unwrap_or_else(|| format!("the variable at {:#x}", mem.disp));
            let chain = base
                .as_deref()
                .and_then(|b| behind(t, b))
                .map(|c| format!(", and that object {c}"))
                .unwrap_or_default();
            format!("{reg} was loaded at {place} from {field}{chain}.")
        }
        Origin::Returned { at, by } => {
            let by = by.map_or("a function called through a pointer".into(), |by| {
                t.describe(by).replace("+0x0", "")
            });
            format!("{reg} is what {by} returned at {}: the result was not checked.", t.describe(*at))
        }
        Origin::Constant { at } => format!("{reg} was set to a constant at {}.", t.describe(*at)),
        Origin::Sum { at } => format!("{reg} was computed at {}, where one part was zero.", t.describe(*at)),
        Origin::Argument(n) => {
            let function = insns.first().map(|i| t.describe(i.at).replace("+0x0", "")).unwrap_or_default();
            format!("{reg} is argument {} of {function}: the caller passed it.", n + 1)
        }
    })
}

fn behind(t: &Target, origin: &Origin) -> Option<String> {
    match origin {
        Origin::Loaded { at, from: Some(from), .. } => {
            Some(format!("was reached through {from:#x} (loaded at {})", t.describe(*at)))
        }
        Origin::Loaded { at, .. } => {
            Some(format!("was reached through a pointer loaded at {}", t.describe(*at)))
        }
        Origin::Argument(n) => Some(format!("is argument {}", n + 1)),
        Origin::Returned { by: Some(by), .. } => {
            Some(format!("is what {} returned", t.describe(*by).replace("+0x0", "")))
        }
        _ => None,
    }
}

/// A call through a NULL pointer: the CPU stands at the pointer's value, the return address on top of the stack.
fn call(case: &Case, crash: &Crash, trap: &Trap<'_>, pc: VirtAddr, found: &mut Findings) {
    const CLASS: Class = Class::NullFunctionCall;
    let t = &case.target;
    let frames = &crash.stack.frames;
    let Some((index, sure)) = blame::culprit(t, frames, trap.index + 1) else { return };
    let culprit = place_in(t, frames, index, sure);
    let who = named(&culprit);
    let mut h = Hypothesis::new(
        CLASS,
        format!("call of a NULL function pointer in {who}"),
        format!("{who} called through a function pointer that is NULL: the CPU went to {:#x}.", pc.0),
    );
    h.victim = Some(culprit.clone());
    h.advice = vec![
        format!("look at which pointer was called: dis -r {}", address(&culprit)),
        "was its ops structure filled in?".into(),
    ];
    h.culprit = Some(culprit.clone());
    work_item(t, crash, &frames[index], &mut h, found);
    found.hypotheses.push(h);
    found.add(
        CLASS,
        3.0,
        "stack",
        "bt".to_owned(),
        format!("the interrupted program counter is {:#x}: not code", pc.0),
    );
    if let Some(return_address) = frames.get(trap.index + 1).and_then(|f| f.pc) {
        let claim = format!(
            "the return address on top of the stack, {}, follows an indirect call",
            t.describe(return_address)
        );
        found.add(CLASS, 2.0, "stack", format!("dis -r {:x}", return_address.0), claim);
    }
    died_of_it(crash, trap, found, CLASS);
}

/// A worker calls what the work item has for a function: who queued it is to blame, if one place alone does.
fn work_item(t: &Target, crash: &Crash, caller: &Frame, h: &mut Hypothesis, found: &mut Findings) {
    const CLASS: Class = Class::NullFunctionCall;
    let runs = base_name(caller).is_some_and(|n| matches!(n, "process_one_work" | "process_scheduled_works"));
    let Some(worker) = workqueue::worker(t, &crash.task).filter(|w| runs && !w.work.is_null()) else {
        return;
    };
    let name = t
        .near(worker.work)
        .map_or_else(|| format!("{:#x}", worker.work.0), |_| t.describe(worker.work).replace("+0x0", ""));
    h.title = format!("the work item {name} has no function");
    h.statement = format!(
        "A worker took the work item {name} from its queue and called its function, which is NULL: it was queued before it was set up, or was \
         cleared since."
    );
    let claim = format!("the worker runs the work item at {:#x}", worker.work.0);
    found.add(
        CLASS,
        0.5,
        format!("memory:worker {:#x}", worker.at.0),
        format!("struct worker.current_work {:x}", worker.at.0),
        claim,
    );
    let calls = queued::by(t, worker.work);
    let [call] = calls.as_slice() else { return };
    let culprit = place(t, *call, Some(0.7));
    let who = named(&culprit);
    h.statement += &format!(" The only place of its module that queues it is in {who}.");
    let claim = format!("{who} queues the work item, the only one of its module");
    found.add(CLASS, 0.5, format!("text:{who}"), format!("dis -r {:x}", call.0), claim);
    h.culprit = Some(culprit);
}

fn address(p: &Place) -> String {
    p.address.map_or_else(String::new, |a| format!("{:x}", a.0))
}

fn advice(culprit: &Place, near: &str, offset: u64) -> Vec<String> {
    let module = culprit.module.as_ref().map(|m| format!(" (module {m})")).unwrap_or_default();
    vec![
        format!(
            "read the code of {}{module} before the faulting instruction: dis -r {near}+{offset:#x}",
            culprit.function.as_deref().unwrap_or(near)
        ),
        "find out why the pointer was NULL: never set, failed allocation, or cleared by somebody else".into(),
    ]
}

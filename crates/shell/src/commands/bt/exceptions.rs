//! `bt -e`, `bt -E`: register sets that exceptions and system calls left on a stack.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr, Why};
use necropsy_kernel::stacks::{self, Stacks};
use necropsy_kernel::tasks::Task;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::text::registers;
use crate::{CommandError, Context, Sink, SinkExt};

/// Every place in the task's stack whose bytes can be such a set.
pub fn show(cx: &Context, task: &Task, out: &mut dyn Sink) -> Result<(), CommandError> {
    in_range(cx, task.stack_range(&cx.target), true, out).map(|_| ())
}

/// The same for the interrupt and exception stacks of CPUs.
pub fn of_cpus(cx: &Context, cpus: &[usize], out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let (irq, exceptions) = (stacks::irq(t), stacks::exceptions(t));
    let mut first = true;
    for cpu in cpus {
        of_stack(cx, &irq, *cpu, "IRQ", &mut first, out)?;
    }
    for cpu in cpus {
        for kind in &exceptions {
            of_stack(cx, kind, *cpu, &format!("{} EXCEPTION", kind.name), &mut first, out)?;
        }
    }
    Ok(())
}

fn of_stack(
    cx: &Context,
    kind: &Stacks,
    cpu: usize,
    name: &str,
    first: &mut bool,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let Some(range) = kind.of_cpu(cpu) else { return Ok(()) };
    let top = cx.target.memory().word(VirtAddr(range.end.saturating_sub(8)));
    // A stack that no page is mapped for is not used on this machine.
    if matches!(&top, Err(e) if e.why == Why::NotMapped) {
        return Ok(());
    }
    if !std::mem::take(first) {
        out.heading("")?;
    }
    out.heading(&format!("CPU {cpu} {name} STACK:"))?;
    if let Err(e) = top {
        out.note(&format!("CPU {cpu} {name} STACK: {e}"));
        return Ok(());
    }
    // A CPU that comes from user mode goes on with the task's stack.
    if in_range(cx, range, false, out)? == 0 {
        out.heading("(none found)")?;
    }
    Ok(())
}

fn in_range(cx: &Context, range: Range<u64>, users: bool, out: &mut dyn Sink) -> Result<usize, CommandError> {
    let arch = cx.target.arch();
    let size = arch.pt_regs_size();
    let mut count = 0;
    let end = range.end.saturating_sub(size as u64);
    for at in (range.start..=end).step_by(8) {
        let Ok(bytes) = cx.target.memory().bytes(VirtAddr(at), size) else {
            continue;
        };
        let Some(regs) = arch.pt_regs(&bytes) else { continue };
        let user = arch.user_mode(&regs);
        let pc = VirtAddr(regs.get(arch.pc()).unwrap_or(0));
        let sp = regs.get(arch.sp()).unwrap_or(0);
        // The kernel's own registers must stand in its code, on its stack; a user's at the very end of the stack.
        let fits = match user {
            true => users && at == end,
            false => {
                cx.target.is_text(pc) && arch.is_kernel(VirtAddr(sp)) && sp % 8 == 0 && arch.plausible(&regs)
            }
        };
        if !fits {
            continue;
        }
        count += 1;
        let named = super::named(cx, &regs);
        let mode = if user { "USER-MODE" } else { "KERNEL-MODE" };
        let row = Exception { address: Hex(at), mode, registers: named };
        out.row(&row, |r| {
            let place = super::super::rd::symbolic(cx, pc.0).filter(|_| !user);
            let place = place.map(|p| format!("    [exception RIP: {p}]\n")).unwrap_or_default();
            format!("\n  {mode} EXCEPTION FRAME AT: {at:x}\n{place}{}", registers(&r.registers))
        })?;
    }
    Ok(count)
}

/// Registers that were saved on a stack.
#[derive(Serialize, JsonSchema)]
pub struct Exception {
    address: Hex,
    mode: &'static str,
    registers: Vec<(&'static str, Hex)>,
}

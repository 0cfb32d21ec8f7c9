//! The exception that interrupted a task for good: its instruction, what that touches, the registers.

use necropsy_arch::{Access, Exception, Insn, MemOperand};
use necropsy_base::VirtAddr;
use necropsy_kernel::bugs::{Listed, listed};
use necropsy_kernel::identify::{What, identify};
use necropsy_kernel::tasks::{Task, Tasks, stack};
use necropsy_report::{FaultInfo, Hex, OperandInfo};
use necropsy_target::Target;

use crate::crash::{Crash, Trap};
use crate::{code, present};

/// `X86_TRAP_PF` (arch/x86/include/asm/trapnr.h): the kernel keeps a fault's address together with it.
const PAGE_FAULT: u64 = 14;

/// The exception that a task, on this CPU, did not come back from; `None` if it had none in kernel code.
pub fn fault(t: &Target, tasks: Option<&Tasks>, task: &Task, cpu: usize) -> Option<FaultInfo> {
    let own = Crash::find(t).filter(|crash| crash.task.at == task.at);
    let crash = own.unwrap_or_else(|| Crash { cpu, task: task.clone(), stack: stack(t, task, Some(cpu)) });
    let trap = crash.trap(t)?;
    let pc = trap.regs.get(t.arch().pc()).map(VirtAddr)?;
    let insn = instruction(t, pc);
    let is_recorded = trap.kind == Exception::PageFault && crash.task.trap.value() == Some(PAGE_FAULT);
    let recorded = crash.task.fault_address.value().filter(|_| is_recorded);
    Some(FaultInfo {
        task: present::task_info(&crash.task, Some(crash.cpu)),
        at: Hex(crash.task.at.0),
        kind: kind(trap.kind),
        fatal: trap.fatal,
        pc: Hex(pc.0),
        place: t.describe(pc),
        instruction: code::text(t, pc).filter(|_| insn.is_some()),
        operands: insn.iter().flat_map(|i| operands(t, tasks, i, &trap)).collect(),
        recorded: recorded.map(Hex),
        cr2: t.cpu_state(crash.cpu).and_then(|state| state.fault_address).map(Hex),
        listed: in_table(t, pc),
        registers: present::identified(t, tasks, trap.regs),
    })
}

fn kind(exception: Exception) -> &'static str {
    match exception {
        Exception::PageFault => "page fault",
        Exception::GeneralProtection => "general protection fault",
        Exception::InvalidOpcode => "invalid instruction",
        Exception::Divide => "division error",
        Exception::DoubleFault => "double fault",
    }
}

fn instruction(t: &Target, pc: VirtAddr) -> Option<Insn> {
    let near = t.near(pc).filter(|_| t.is_text(pc))?;
    code::function(t, &near).into_iter().find(|i| i.at == pc)
}

fn operands(t: &Target, tasks: Option<&Tasks>, insn: &Insn, trap: &Trap<'_>) -> Vec<OperandInfo> {
    let info = |(operand, at): (MemOperand, u64)| OperandInfo {
        address: Hex(at),
        access: match operand.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "read and write",
            Access::None => "none",
        },
        bytes: operand.size.into(),
        what: lies_there(t, tasks, at),
    };
    code::operands(insn, trap.regs).into_iter().map(info).collect()
}

/// What an address is, and what the page tables say of it.
fn lies_there(t: &Target, tasks: Option<&Tasks>, at: u64) -> String {
    let what = identify(t, tasks, at);
    let mapped = match (&what, t.kernel()) {
        (What::User | What::Small, _) | (_, None) => "",
        (_, Some(k)) if k.to_phys(VirtAddr(at)).is_ok() => ", mapped",
        _ => ", not mapped",
    };
    format!("{}{mapped}", what.text())
}

/// What the kernel's table of `BUG()` and `WARN()` says of an instruction that is in it.
fn in_table(t: &Target, pc: VirtAddr) -> Option<String> {
    let Listed::Site(site) = listed(t, pc) else { return None };
    let kind = if site.warning { "WARN()" } else { "BUG()" };
    Some(match (site.file, site.line) {
        (Some(file), Some(line)) => format!("{kind}, {file} line {line}"),
        _ => kind.to_owned(),
    })
}

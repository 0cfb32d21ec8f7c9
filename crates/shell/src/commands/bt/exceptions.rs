//! `bt -e`: register sets that exceptions and system calls left on a stack.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::tasks::Task;
use necropsy_report::Hex;
use serde_json::json;

use super::text::registers;
use crate::{CommandError, Context, Sink, SinkExt};

/// Every place in the task's stack whose bytes can be such a set.
pub fn show(cx: &Context, task: &Task, out: &mut dyn Sink) -> Result<(), CommandError> {
    let arch = cx.target.arch();
    let size = arch.pt_regs_size();
    let range = task.stack_range(&cx.target);
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
            true => at == end,
            false => {
                cx.target.is_text(pc) && arch.is_kernel(VirtAddr(sp)) && sp % 8 == 0 && arch.plausible(&regs)
            }
        };
        if !fits {
            continue;
        }
        let named = super::named(cx, &regs);
        let mode = if user { "USER-MODE" } else { "KERNEL-MODE" };
        let row = json!({ "address": Hex(at), "mode": mode, "registers": named });
        out.row(&row, |_| {
            let place = super::super::rd::symbolic(cx, pc.0).filter(|_| !user);
            let place = place.map(|p| format!("    [exception RIP: {p}]\n")).unwrap_or_default();
            format!("\n  {mode} EXCEPTION FRAME AT: {at:x}\n{place}{}", registers(&named))
        })?;
    }
    Ok(())
}

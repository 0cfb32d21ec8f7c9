//! How instructions that the kernel rewrites while it runs are shown.

use necropsy_arch::Syntax;
use necropsy_base::VirtAddr;
use necropsy_kernel::patched::{Patch, Patches, moved};
use necropsy_report::terminal_safe;
use necropsy_target::Target;

use crate::Context;

/// What an instruction is, if the kernel rewrites it there: `static key sched_schedstats`, `static call to …`.
pub fn mark(cx: &Context, at: VirtAddr) -> Option<String> {
    let patch = cx.keep(&cx.patches, || Patches::read(&cx.target)).at(at)?;
    Some(match patch {
        Patch::Key(key) => format!("static key {}", name(&cx.target, key)),
        Patch::Call(key) => format!("static call {}", name(&cx.target, key).trim_start_matches("__SCK__")),
        Patch::Probe(probe) => format!("kprobe {}", name(&cx.target, probe)),
    })
}

/// What stood at `at` when the kernel was built, if that differs from `code` and the kernel's file is at hand.
pub fn was(cx: &Context, at: VirtAddr, code: &[u8], syntax: Syntax) -> Option<String> {
    let debug = cx.target.kernel_debug_loaded()?;
    // A module's own file is not relocated yet: its code always differs.
    cx.target.modules().holding(at).is_none().then_some(())?;
    let built = debug.file.code_at(at.0.wrapping_sub(debug.bias), 16)?;
    let same = built.get(..code.len())?;
    if same == code || moved(same, code, debug.bias) {
        return None;
    }
    let resolve = |to: u64| {
        let near = cx.target.near(VirtAddr(to.wrapping_add(debug.bias)))?;
        Some(terminal_safe(&near.name))
    };
    cx.target.arch().text(built, VirtAddr(at.0.wrapping_sub(debug.bias)), syntax, &resolve)
}

fn name(t: &Target, at: VirtAddr) -> String {
    match t.near(at) {
        Some(near) if near.start == at => terminal_safe(&near.name),
        Some(near) => format!("{}+{:#x}", terminal_safe(&near.name), at.0 - near.start.0),
        None => format!("at {at:#x}"),
    }
}

//! Calls: which one stands before a return address, and what a function calls.

use necropsy_arch::{CallSite, Flow};
use necropsy_base::{Near, VirtAddr};

use crate::Target;

/// No function is longer.
const MAX_FUNCTION: u64 = 1 << 16;

/// The call that ends at `ret`.
pub fn call_before(t: &Target, ret: VirtAddr) -> Option<CallSite> {
    let n = t.arch().longest_call();
    let mut buf = [0; 16];
    let before = &mut buf[..n.min(16)];
    t.memory().read(ret.moved(-(before.len() as i64)), before).ok()?;
    t.arch().call_before(before, ret)
}

/// Target of the direct call that ends at `ret`, when it goes to a real function and not to a thunk that jumps on.
pub fn direct_target(t: &Target, ret: VirtAddr) -> Option<VirtAddr> {
    let target = call_before(t, ret)?.direct?;
    if !t.is_text(target) {
        return None;
    }
    let name = t.near(target)?;
    (name.start == target && !is_indirect_thunk(&name.name)).then_some(target)
}

/// Calls to these are calls through a register or a patched pointer: retpolines and static calls.
pub fn is_indirect_thunk(name: &str) -> bool {
    ["__x86_indirect_", "__SCT__", "__static_call", "__pi___x86_indirect_"]
        .iter()
        .any(|p| name.starts_with(p))
}

/// Every direct call or tail jump in `function`: where it stands and where it goes.
pub fn function_calls(t: &Target, function: &Near) -> Vec<(VirtAddr, VirtAddr)> {
    let leaves = |step: Step| match step.flow {
        Flow::Call(Some(to)) => Some((step.at, to)),
        Flow::Jump(Some(to)) | Flow::Branch(to) if !covers(function, to) => Some((step.at, to)),
        _ => None,
    };
    function_flow(t, function).into_iter().filter_map(leaves).collect()
}

/// Where `function` jumps to outside of itself.
pub fn function_jumps(t: &Target, function: &Near) -> Vec<VirtAddr> {
    let leaves = |step: Step| match step.flow {
        Flow::Jump(Some(to)) | Flow::Branch(to) if !covers(function, to) => Some(to),
        _ => None,
    };
    function_flow(t, function).into_iter().filter_map(leaves).collect()
}

/// A call: where it returns to, and where it goes if that is fixed.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub returns: VirtAddr,
    pub to: Option<VirtAddr>,
}

/// Every call in `function`. A call of a thunk that jumps on is one through a pointer.
pub fn call_sites(t: &Target, function: &Near) -> Vec<Site> {
    let thunk = |to: VirtAddr| t.near(to).is_some_and(|n| is_indirect_thunk(&n.name));
    let site = |step: Step| match step.flow {
        Flow::Call(to) => Some(Site { returns: step.next, to: to.filter(|to| !thunk(*to)) }),
        _ => None,
    };
    function_flow(t, function).into_iter().filter_map(site).collect()
}

fn covers(function: &Near, at: VirtAddr) -> bool {
    at >= function.start && at.0 - function.start.0 < function.size.unwrap_or(0)
}

fn function_flow(t: &Target, function: &Near) -> Vec<Step> {
    let size = function.size.unwrap_or(0).min(MAX_FUNCTION) as usize;
    let mut code = vec![0; size];
    match t.memory().read(function.start, &mut code) {
        Ok(()) => sweep(t, function.start, &code).collect(),
        Err(_) => Vec::new(),
    }
}

/// An instruction, where it ends, and where it leads.
struct Step {
    at: VirtAddr,
    next: VirtAddr,
    flow: Flow,
}

/// Where each instruction of a piece of code leads. A linear sweep: kernel code holds no data between instructions.
fn sweep<'a>(t: &'a Target, start: VirtAddr, code: &'a [u8]) -> impl Iterator<Item = Step> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < code.len() {
            let here = start.offset(at as u64);
            match t.arch().disassemble(&code[at..], here) {
                Some(insn) => {
                    at += usize::from(insn.len.max(1));
                    return Some(Step { at: here, next: insn.next(), flow: insn.flow });
                }
                None => at += 1,
            }
        }
        None
    })
}

/// The functions of the module of `function` that call it directly.
pub fn callers_in_module(t: &Target, function: &Near) -> Vec<Near> {
    let mut callers: Vec<Near> = Vec::new();
    let Some(module) = t.modules().text_of(function.start) else {
        return callers;
    };
    for range in &module.text {
        let mut code = vec![0; (range.end - range.start).min(4 << 20) as usize];
        if t.memory().read(VirtAddr(range.start), &mut code).is_err() {
            continue;
        }
        for step in sweep(t, VirtAddr(range.start), &code) {
            let to = match step.flow {
                Flow::Call(to) | Flow::Jump(to) => to,
                Flow::Branch(to) => Some(to),
                _ => None,
            };
            if to == Some(function.start)
                && let Some(caller) = t.near(step.at)
                && caller.start != function.start
                && !callers.iter().any(|c| c.start == caller.start)
            {
                callers.push(caller);
            }
        }
    }
    callers
}

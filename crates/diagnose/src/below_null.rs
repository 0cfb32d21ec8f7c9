//! Pointers a little below zero: NULL, from which the offset of a member was taken (`container_of()`, the entry of a list), or an error code.
//!
//! Both look the same. What the code did last to the register tells: if it took away exactly what the pointer lacks to zero, it was NULL.

use necropsy_arch::{Flow, MemOperand, Op, Operand, Regs};
use necropsy_base::VirtAddr;
use necropsy_target::Target;
use necropsy_target::unwind::{Stack, registers};

use crate::code::{self, MAX_DEPTH, Trace};

/// Callers that are looked into for what they passed.
const CALLERS: usize = 3;

/// NULL minus an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BelowNull {
    /// The offset.
    pub offset: u64,
    /// The instruction that took it away; `None` where the compiler did.
    pub at: Option<VirtAddr>,
}

/// What an operand goes through, if that is NULL minus an offset. `frame` is that of the trace's function.
pub fn of_operand(
    t: &Target,
    stack: &Stack,
    frame: usize,
    trace: &Trace<'_>,
    mem: &MemOperand,
    regs: &Regs,
) -> Option<BelowNull> {
    let is_below = |value: u64| value != 0 && value.wrapping_neg() < 4096;
    match (mem.base, mem.index) {
        // A constant: no error code is known when the kernel is compiled.
        (None, None) => is_below(mem.disp).then(|| BelowNull { offset: mem.disp.wrapping_neg(), at: None }),
        (Some(base), _) => {
            let value = regs.get(base).filter(|v| is_below(*v))?;
            let at = taken_from_null(t, stack, frame, trace, base, value, CALLERS)?;
            Some(BelowNull { offset: value.wrapping_neg(), at: Some(at) })
        }
        _ => None,
    }
}

/// The instruction by which `reg`, which is `value`, became that from zero.
fn taken_from_null(
    t: &Target,
    stack: &Stack,
    frame: usize,
    trace: &Trace<'_>,
    mut reg: usize,
    mut value: u64,
    callers: usize,
) -> Option<VirtAddr> {
    let mut before = trace.at;
    for _ in 0..MAX_DEPTH {
        let Some(i) = trace.definition(reg, before) else {
            t.arch().argument_registers().contains(&reg).then_some(())?;
            return passed(t, stack, frame + 1, reg, value, callers.checked_sub(1)?);
        };
        let insn = &trace.insns[i];
        let by = match (insn.op, insn.mem) {
            _ if matches!(insn.flow, Flow::Call(_)) => return None,
            (Op::Move { src: Operand::Reg(from), .. }, _) => {
                reg = from;
                0
            }
            (Op::Add { by, .. }, _) => by,
            (Op::Address { .. }, Some(mem)) if mem.index.is_none() && !mem.percpu => {
                reg = mem.base?;
                mem.disp
            }
            _ => return None,
        };
        value = value.wrapping_sub(by);
        if value == 0 {
            return Some(insn.at);
        }
        before = i;
    }
    None
}

fn passed(
    t: &Target,
    stack: &Stack,
    frame: usize,
    reg: usize,
    value: u64,
    callers: usize,
) -> Option<VirtAddr> {
    let call = code::call_in(t, stack.frames.get(frame)?)?;
    let insns = code::function(t, &call.function);
    let all = registers(t, stack);
    let trace = Trace::new(t, &insns, call.at, all.get(frame)?)?;
    taken_from_null(t, stack, frame, &trace, reg, value, callers)
}

#[cfg(test)]
mod tests {
    use necropsy_synth::functions::{Functions, TEXT};
    use necropsy_target::unwind::End;

    use super::*;

    /// The last instruction reads through %rax, which is `rax`.
    fn below(code: &[u8], rax: u64) -> Option<(u64, Option<u64>)> {
        let mut made = Functions::default();
        made.function(0x100, "walk", code);
        made.function(0x180, "next", &[0xc3]);
        let t = crate::made::kernel(made);
        let insns = code::function(&t, &t.near(VirtAddr(TEXT + 0x100)).unwrap());
        let mut regs = Regs::new();
        regs.set(t.arch().registers().iter().position(|r| *r == "rax").unwrap(), rax);
        let end = VirtAddr(TEXT + 0x100 + code.len() as u64);
        let last = insns.iter().rfind(|i| i.at < end).unwrap();
        let trace = Trace::new(&t, &insns, last.at, &regs).unwrap();
        let stack = Stack { frames: Vec::new(), end: End::Thread, breaks: Vec::new() };
        let found = of_operand(&t, &stack, 0, &trace, &last.mem.unwrap(), &regs)?;
        Some((found.offset, found.at.map(|at| at.0 - TEXT - 0x100)))
    }

    #[test]
    fn an_entry_of_null_and_an_error_code() {
        let minus_16 = -16_i64 as u64;
        // mov (%rbx),%rax; sub $0x10,%rax; mov 0x8(%rax),%ecx
        let entry = [0x48, 0x8b, 0x03, 0x48, 0x83, 0xe8, 0x10, 0x8b, 0x48, 0x08];
        assert_eq!(below(&entry, minus_16), Some((16, Some(3))));
        // The same with a pointer that was not zero before.
        assert_eq!(below(&entry, -12_i64 as u64), None);
        // mov (%rbx),%rcx; lea -0x10(%rcx),%rdx; mov %rdx,%rax; mov 0x8(%rax),%ecx
        let copied = [0x48, 0x8b, 0x0b, 0x48, 0x8d, 0x51, 0xf0, 0x48, 0x89, 0xd0, 0x8b, 0x48, 0x08];
        assert_eq!(below(&copied, minus_16), Some((16, Some(3))));
        // mov (%rbx),%rax; mov 0x8(%rax),%ecx: a pointer that was kept, and is an error code.
        assert_eq!(below(&[0x48, 0x8b, 0x03, 0x8b, 0x48, 0x08], minus_16), None);
        // mov 0xfffffffffffffffc,%ecx: a constant.
        assert_eq!(below(&[0x8b, 0x0c, 0x25, 0xfc, 0xff, 0xff, 0xff], 0), Some((4, None)));
    }
}

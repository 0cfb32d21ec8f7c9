//! What decides that an instruction is come to: the conditional jump before it, and the comparison before that.

use std::collections::HashSet;

use necropsy_arch::{Flow, Insn, Op, Operand};
use necropsy_base::{Near, VirtAddr};
use necropsy_target::Target;

use crate::code;

/// Jumps that are followed backwards.
const JUMPS: usize = 4;
/// Instructions between a comparison and its jump.
const BETWEEN: usize = 6;

/// The condition on which an instruction is come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Index of the instruction that compares.
    pub compares: usize,
    /// Index of the conditional jump.
    pub jump: usize,
    /// Whether it must jump, or not.
    pub jumps: bool,
}

/// A function with the condition in it.
pub struct Decided {
    /// Its instructions.
    pub insns: Vec<Insn>,
    /// What decides there.
    pub condition: Condition,
}

/// The condition on which the instruction at `at` of a function is come to, if one alone decides. The cold part of a function is come to from
/// the rest of it.
pub fn of(t: &Target, function: &Near, at: VirtAddr) -> Option<Decided> {
    let insns = code::function(t, function);
    let here = insns.iter().position(|i| i.at == at)?;
    let targets: HashSet<VirtAddr> = insns.iter().filter_map(target).collect();
    if let Some(condition) = before(&insns, &targets, here, JUMPS) {
        return Some(Decided { insns, condition });
    }
    let (parent, _) = function.name.split_once(".cold")?;
    let start = insns[block(&insns, &targets, here)].at;
    let parent = match function.module {
        Some(_) => t.modules().symbol(t, parent).map(|(_, at)| at),
        None => t.symbol(parent),
    };
    let insns = code::function(t, &t.near(parent?)?);
    let jump = insns.iter().position(|i| matches!(i.flow, Flow::Branch(to) if to == start))?;
    Some(Decided { condition: at_jump(&insns, jump, true)?, insns })
}

/// The beginning of the straight run of instructions that ends at `here`.
fn block(insns: &[Insn], targets: &HashSet<VirtAddr>, here: usize) -> usize {
    let begins = |i: usize| {
        i == 0
            || insns[i - 1].flow != Flow::Next && !matches!(insns[i - 1].flow, Flow::Call(_))
            || targets.contains(&insns[i].at)
    };
    (0..=here).rev().find(|i| begins(*i)).unwrap_or(0)
}

fn target(i: &Insn) -> Option<VirtAddr> {
    match i.flow {
        Flow::Branch(to) | Flow::Jump(Some(to)) => Some(to),
        _ => None,
    }
}

fn before(insns: &[Insn], targets: &HashSet<VirtAddr>, here: usize, left: usize) -> Option<Condition> {
    let start = block(insns, targets, here);
    let above = start.checked_sub(1).map(|i| (i, insns[i].flow));
    let falls = above.filter(|(_, flow)| matches!(flow, Flow::Branch(_) | Flow::Next | Flow::Call(_)));
    let to_here = insns.iter().enumerate().filter(|(_, i)| target(i) == Some(insns[start].at));
    let ways: Vec<usize> = to_here.map(|(i, _)| i).collect();
    match (falls, ways.as_slice()) {
        (Some((jump, Flow::Branch(_))), []) => at_jump(insns, jump, false),
        (None, [jump]) if matches!(insns[*jump].flow, Flow::Branch(_)) => at_jump(insns, *jump, true),
        (None, [jump]) => before(insns, targets, *jump, left.checked_sub(1)?),
        _ => None,
    }
}

fn at_jump(insns: &[Insn], jump: usize, jumps: bool) -> Option<Condition> {
    let decides = |op: &Op| matches!(op, Op::Compare { .. } | Op::Test { .. });
    let keeps = |i: &Insn| {
        matches!(i.op, Op::Move { .. } | Op::Address { .. } | Op::Store { .. }) && i.flow == Flow::Next
    };
    let last = jump.checked_sub(1)?;
    let compares = (last.saturating_sub(BETWEEN)..=last).rev().find(|i| !keeps(&insns[*i]))?;
    decides(&insns[compares].op).then_some(Condition { compares, jump, jumps })
}

impl Decided {
    /// The value that is compared or tested.
    pub fn value(&self) -> Option<Operand> {
        match self.insns[self.condition.compares].op {
            Op::Compare { left, .. } => Some(left),
            Op::Test { value } => Some(value),
            _ => None,
        }
    }

    /// The constant that it must be equal to for the instruction to be come to.
    pub fn equals(&self, t: &Target) -> Option<u64> {
        let Op::Compare { right: Operand::Imm(n), .. } = self.insns[self.condition.compares].op else {
            return None;
        };
        let text = code::text(t, self.insns[self.condition.jump].at)?;
        let jumps_if_equal = match text.split(' ').next()? {
            "je" | "jz" => true,
            "jne" | "jnz" => false,
            _ => return None,
        };
        (jumps_if_equal == self.condition.jumps).then_some(n)
    }
}

#[cfg(test)]
mod tests {
    use necropsy_synth::functions::{Functions, TEXT};

    use super::*;

    fn decided(code: &[u8], at: u64) -> Option<(Condition, Option<u64>)> {
        let mut made = Functions::default();
        made.function(0x100, "one", code);
        made.function(0x180, "next", &[0xc3]);
        let t = crate::made::kernel(made);
        let found = of(&t, &t.near(VirtAddr(TEXT + 0x100))?, VirtAddr(TEXT + 0x100 + at))?;
        Some((found.condition, found.equals(&t)))
    }

    #[test]
    fn jumped_to_or_fallen_into() {
        // cmp $-1,%eax; mov %rdi,%rbx; je bad; ret; bad: ud2
        let jumped = [0x83, 0xf8, 0xff, 0x48, 0x89, 0xfb, 0x74, 0x01, 0xc3, 0x0f, 0x0b];
        let condition = Condition { compares: 0, jump: 2, jumps: true };
        assert_eq!(decided(&jumped, 9), Some((condition, Some(u64::MAX))));
        // cmp $-1,%eax; jne good; ud2; good: ret
        let fallen = [0x83, 0xf8, 0xff, 0x75, 0x02, 0x0f, 0x0b, 0xc3];
        let condition = Condition { compares: 0, jump: 1, jumps: false };
        assert_eq!(decided(&fallen, 5), Some((condition, Some(u64::MAX))));
        // The other way it is every value but this.
        let other = [0x83, 0xf8, 0xff, 0x74, 0x02, 0x0f, 0x0b, 0xc3];
        assert_eq!(decided(&other, 5), Some((condition, None)));
    }

    #[test]
    fn what_is_come_to_on_two_ways_has_no_one_condition() {
        // test %eax,%eax; je bad; test %edi,%edi; je bad; ret; bad: ud2
        let code = [0x85, 0xc0, 0x74, 0x05, 0x85, 0xff, 0x74, 0x01, 0xc3, 0x0f, 0x0b];
        assert_eq!(decided(&code, 9), None);
        // Nothing decides about the first instruction.
        assert_eq!(decided(&code, 0), None);
    }
}

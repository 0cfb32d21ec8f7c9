//! How a function computed a value, as a small tree: arguments, variables, results, and what was loaded through them.

use necropsy_arch::{Flow, MemOperand, Op, Operand};
use necropsy_base::VirtAddr;
use necropsy_target::unwind::is_indirect_thunk;

use crate::code::{MAX_DEPTH, Trace};

/// A value and what it was, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How it was computed.
    pub how: How,
    /// The value.
    pub value: Option<u64>,
}

/// How a value was computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The function's argument, counted from 0.
    Argument(usize),
    /// The address of this place.
    Address(u64),
    /// A per-CPU variable at this offset.
    PerCpu(u64),
    /// What a call returned; of an indirect call the target is not known.
    Result(Option<VirtAddr>),
    /// So many bytes loaded from there.
    Load(Box<Term>, u8),
    /// That, plus a constant.
    Plus(Box<Term>, i64),
}

impl Term {
    /// The term plus a constant.
    pub fn plus(self, by: i64) -> Term {
        let value = self.value.map(|v| v.wrapping_add_signed(by));
        match (self.how, by) {
            (how, 0) => Term { how, value },
            (How::Plus(base, before), by) => base.plus(before.wrapping_add(by)),
            (How::Address(at), by) => Term { how: How::Address(at.wrapping_add_signed(by)), value },
            (how, by) => Term { how: How::Plus(Box::new(Term { how, value: self.value }), by), value },
        }
    }
}

impl Trace<'_> {
    /// How the value came about that `reg` has at the instruction.
    pub fn term(&self, reg: usize) -> Option<Term> {
        self.term_before(reg, self.at, 0)
    }

    /// How the address came about that an operand of the instruction names.
    pub fn operand_term(&self, mem: &MemOperand) -> Option<Term> {
        self.address_term(mem, self.at, 0)
    }

    /// What the instruction calls, where that is no fixed function: the pointer it goes through.
    pub fn called_term(&self) -> Option<Term> {
        let insn = self.insns.get(self.at)?;
        match (insn.flow, insn.mem) {
            (Flow::Call(None), Some(mem)) => self.load_term(&mem, self.at, 0),
            (Flow::Call(Some(to)), _) => {
                let thunk = self.t.near(to).filter(|n| is_indirect_thunk(&n.name))?;
                let register = thunk.name.rsplit('_').next()?;
                let reg = self.t.arch().registers().iter().position(|r| *r == register)?;
                self.term(reg)
            }
            (Flow::Call(None), None) => {
                // `call *%rax`: the one register that is read has no operand of its own.
                let text = crate::code::text(self.t, insn.at)?;
                let register = text.rsplit('%').next()?;
                let reg = self.t.arch().registers().iter().position(|r| *r == register)?;
                self.term(reg)
            }
            _ => None,
        }
    }

    fn term_before(&self, reg: usize, before: usize, depth: usize) -> Option<Term> {
        if depth > MAX_DEPTH {
            return None;
        }
        let value = self.value(reg, before, depth);
        let definition = self.definition(reg, before);
        if self.changed_in_loop(reg, definition, before) {
            return None;
        }
        let Some(i) = definition else {
            let args = self.t.arch().argument_registers();
            let number = args.iter().position(|r| *r == reg)?;
            return Some(Term { how: How::Argument(number), value });
        };
        let insn = &self.insns[i];
        let term = match (insn.op, insn.flow, insn.mem) {
            (_, Flow::Call(by), _) => {
                (Some(reg) == self.t.arch().return_register()).then_some(())?;
                let by = by.filter(|to| !self.t.near(*to).is_some_and(|n| is_indirect_thunk(&n.name)));
                Term { how: How::Result(by), value }
            }
            (Op::Move { src: Operand::Reg(from), .. }, ..) => self.term_before(from, i, depth + 1)?,
            (Op::Move { src: Operand::Imm(n), .. }, ..) => Term { how: How::Address(n), value: Some(n) },
            (Op::Move { src: Operand::Mem, .. }, _, Some(mem)) => self.load_term(&mem, i, depth + 1)?,
            (Op::Address { .. }, _, Some(mem)) => self.address_term(&mem, i, depth + 1)?,
            (Op::Add { by, .. }, ..) => self.term_before(reg, i, depth + 1)?.plus(by as i64),
            _ => return None,
        };
        Some(Term { value: value.or(term.value), ..term })
    }

    fn load_term(&self, mem: &MemOperand, before: usize, depth: usize) -> Option<Term> {
        if mem.percpu {
            return mem.base.is_none().then_some(Term { how: How::PerCpu(mem.disp), value: None });
        }
        let from = self.address_term(mem, before, depth)?;
        Some(Term { how: How::Load(Box::new(from), mem.size), value: None })
    }

    fn address_term(&self, mem: &MemOperand, before: usize, depth: usize) -> Option<Term> {
        let index = match mem.index {
            None => 0,
            Some(index) => self.value(index, before, depth)?.wrapping_mul(u64::from(mem.scale)),
        };
        let by = mem.disp.wrapping_add(index);
        match mem.base {
            None => Some(Term { how: How::Address(by), value: Some(by) }),
            Some(base) => Some(self.term_before(base, before, depth + 1)?.plus(by as i64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(value: u64) -> Term {
        Term { how: How::Argument(0), value: Some(value) }
    }

    #[test]
    fn constants_add_up() {
        let twice = argument(0x1000).plus(0x18).plus(-8);
        assert_eq!(twice, Term { how: How::Plus(Box::new(argument(0x1000)), 0x10), value: Some(0x1010) });
        assert_eq!(twice.plus(-0x10), argument(0x1000));
        let place = Term { how: How::Address(0x2000), value: None }.plus(4);
        assert_eq!(place.how, How::Address(0x2004));
    }
}

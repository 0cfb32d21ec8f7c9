//! Reading a function backwards: where a value came from.

use std::collections::{BTreeSet, HashMap};

use necropsy_arch::{Access, Flow, Insn, MemOperand, Op, Operand, Regs, narrowed, shifted};
use necropsy_base::{MemoryExt, Near, VirtAddr};
use necropsy_target::unwind::Frame;
use necropsy_target::{Module, Target};

/// No function is longer.
const MAX_FUNCTION: u64 = 1 << 16;
/// How far a value is followed.
pub(crate) const MAX_DEPTH: usize = 12;

/// The instructions of a function, by a linear sweep.
pub fn function(t: &Target, near: &Near) -> Vec<Insn> {
    let size = near.size.unwrap_or(0).min(MAX_FUNCTION) as usize;
    let mut code = vec![0; size];
    if t.memory().read(near.start, &mut code).is_err() {
        return Vec::new();
    }
    let (mut out, mut at) = (Vec::new(), 0);
    while at < size {
        match t.arch().disassemble(&code[at..], near.start.offset(at as u64)) {
            Some(insn) => {
                at += usize::from(insn.len.max(1));
                out.push(insn);
            }
            None => at += 1,
        }
    }
    out
}

/// The functions of a module, each once.
pub fn functions(t: &Target, module: &Module) -> Vec<Near> {
    let starts: BTreeSet<u64> = module.symbols(t).iter().map(|s| s.value).collect();
    let function = |at: VirtAddr| t.near(at).filter(|n| n.start == at && t.is_text(at));
    starts.into_iter().filter_map(|at| function(VirtAddr(at))).collect()
}

/// Text of the instruction at `at`, symbols named.
pub fn text(t: &Target, at: VirtAddr) -> Option<String> {
    let mut code = [0; 15];
    let readable = (1..=15).rev().find(|n| t.memory().read(at, &mut code[..*n]).is_ok())?;
    let name = |a: u64| t.near(VirtAddr(a)).map(|n| format!("{}+{:#x}", n.name, a - n.start.0));
    let text = t.arch().text(&code[..readable], at, Default::default(), &name)?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether what the instruction `from` did still holds at `to`: a way leads there, and none on which an instruction `changes` it.
pub fn carries(insns: &[Insn], from: usize, to: usize, changes: &dyn Fn(&Insn) -> bool) -> bool {
    let index: HashMap<VirtAddr, usize> = insns.iter().enumerate().map(|(i, insn)| (insn.at, i)).collect();
    let mut seen = vec![[false; 2]; insns.len()];
    let mut ways = vec![(from + 1, false)];
    while let Some((i, changed)) = ways.pop() {
        let Some(insn) = insns.get(i).filter(|_| !seen[i][usize::from(changed)]) else { continue };
        seen[i][usize::from(changed)] = true;
        let changed = changed || changes(insn);
        match insn.flow {
            // A trap may be one that the kernel returns from.
            Flow::Next | Flow::Call(_) | Flow::Trap => ways.push((i + 1, changed)),
            Flow::Branch(at) => {
                ways.extend(index.get(&at).copied().into_iter().chain([i + 1]).map(|i| (i, changed)))
            }
            Flow::Jump(Some(at)) => ways.extend(index.get(&at).map(|i| (*i, changed))),
            Flow::Jump(None) | Flow::Return => {}
        }
    }
    seen.get(to).is_some_and(|seen| seen[0] && !seen[1])
}

/// A call in a function.
pub struct CallAt {
    /// The instruction.
    pub at: VirtAddr,
    /// The function that it is in.
    pub function: Near,
}

/// The call that a frame stands in.
pub fn call_in(t: &Target, frame: &Frame) -> Option<CallAt> {
    let back = frame.pc.filter(|_| !frame.exact && frame.trap.is_none())?;
    let near = t.near(frame.place()?)?;
    let insns = function(t, &near);
    let at = insns.iter().find(|i| i.next() == back && matches!(i.flow, Flow::Call(_)))?.at;
    Some(CallAt { at, function: near })
}

/// Where a value came from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Loaded from this address, by this instruction.
    Loaded {
        /// The instruction.
        at: VirtAddr,
        /// Where from, if that can be told.
        from: Option<u64>,
        /// The operand.
        mem: MemOperand,
        /// Where the base register's value came from.
        base: Option<Box<Origin>>,
    },
    /// A constant.
    Constant {
        /// The instruction.
        at: VirtAddr,
    },
    /// What a call returned.
    Returned {
        /// The call.
        at: VirtAddr,
        /// The function called, if fixed.
        by: Option<VirtAddr>,
    },
    /// The sum of a register that was zero and something else.
    Sum {
        /// The instruction.
        at: VirtAddr,
    },
    /// The function's argument, counted from 0.
    Argument(usize),
}

/// A function and the registers at one instruction of it.
pub struct Trace<'t> {
    pub(crate) t: &'t Target,
    pub(crate) insns: &'t [Insn],
    pub(crate) at: usize,
    /// The last instruction before it behind which the text does not go on.
    end: Option<usize>,
    regs: &'t Regs,
    /// What registers held when the function began, where its caller's code says so.
    entry: Option<&'t Regs>,
}

impl<'t> Trace<'t> {
    /// For the instruction at `pc`.
    pub fn new(t: &'t Target, insns: &'t [Insn], pc: VirtAddr, regs: &'t Regs) -> Option<Trace<'t>> {
        let at = insns.iter().position(|i| i.at == pc)?;
        let ends = |i: &Insn| matches!(i.flow, Flow::Return | Flow::Jump(_));
        let end = insns[..at].iter().rposition(ends);
        Some(Trace { t, insns, at, end, regs, entry: None })
    }

    /// With what registers held when the function began.
    pub fn entered_with(self, entry: &'t Regs) -> Trace<'t> {
        Trace { entry: Some(entry), ..self }
    }

    /// Where the value that `reg` has at the instruction came from. The last assignment before it in the order of the text
    /// counts: nearly always the one that was executed. `None` where a loop may have brought another.
    pub fn origin(&self, reg: usize) -> Option<Origin> {
        self.origin_before(reg, self.at, 0)
    }

    fn origin_before(&self, reg: usize, before: usize, depth: usize) -> Option<Origin> {
        if depth > MAX_DEPTH {
            return None;
        }
        let definition = self.definition(reg, before);
        if self.changed_in_loop(reg, definition, before) {
            return None;
        }
        let Some(i) = definition else {
            let args = self.t.arch().argument_registers();
            return args.iter().position(|r| *r == reg).map(Origin::Argument);
        };
        let insn = &self.insns[i];
        match (insn.op, insn.flow, insn.mem) {
            (_, Flow::Call(by), _) => {
                (Some(reg) == self.t.arch().return_register()).then_some(Origin::Returned { at: insn.at, by })
            }
            (Op::Move { src: Operand::Reg(from), .. }, ..) => self.origin_before(from, i, depth + 1),
            (Op::Move { src: Operand::Imm(_), .. }, ..) => Some(Origin::Constant { at: insn.at }),
            (Op::Move { src: Operand::Mem, .. }, _, Some(mem)) => {
                let base = mem.base.and_then(|b| self.origin_before(b, i, depth + 1)).map(Box::new);
                Some(Origin::Loaded { at: insn.at, from: self.address(&mem, i, depth + 1), mem, base })
            }
            (Op::Address { .. }, _, Some(mem)) => {
                let zero = |r: Option<usize>| r.and_then(|r| self.value(r, i, depth + 1)) == Some(0);
                if mem.index.is_some() && (zero(mem.base) || zero(mem.index)) {
                    return Some(Origin::Sum { at: insn.at });
                }
                mem.base.and_then(|b| self.origin_before(b, i, depth + 1))
            }
            (Op::Add { .. }, ..) => self.origin_before(reg, i, depth + 1),
            _ => None,
        }
    }

    /// The last instruction before `before` that changes `reg`.
    pub(crate) fn definition(&self, reg: usize, before: usize) -> Option<usize> {
        let mut before = before;
        while let Some(i) = self.insns[..before].iter().rposition(|i| self.changes(i, reg)) {
            if !self.gives_back(i, reg) {
                return Some(i);
            }
            before = i;
        }
        None
    }

    /// Whether `reg` may come round a loop to instruction `before`, changed since its definition there.
    pub(crate) fn changed_in_loop(&self, reg: usize, definition: Option<usize>, before: usize) -> bool {
        loop_around(self.insns, definition, before)
            .is_some_and(|body| body.iter().any(|i| self.changes(i, reg)))
    }

    /// Whether an instruction takes the caller's value of a register from the stack again, before an end of the function: what comes behind
    /// that end is jumped to from before.
    fn gives_back(&self, index: usize, reg: usize) -> bool {
        let preserved = self.t.arch().preserved_registers() >> reg & 1 == 1;
        preserved
            && self.insns[index].changes(self.t.arch().sp())
            && reg != self.t.arch().sp()
            && self.end.is_some_and(|end| index < end)
    }

    fn changes(&self, insn: &Insn, reg: usize) -> bool {
        let preserved = self.t.arch().preserved_registers() >> reg & 1 == 1;
        insn.changes(reg) || matches!(insn.flow, Flow::Call(_)) && !preserved
    }

    /// The value of `reg` just before instruction `before`: as the registers have it if nothing changed it since, else worked
    /// out from its definition and from memory as it is now.
    pub fn value(&self, reg: usize, before: usize, depth: usize) -> Option<u64> {
        self.computed(reg, before, depth).or_else(|| self.copied(reg, before))
    }

    /// The value by a copy that was made of it before and is still in a register.
    fn copied(&self, reg: usize, before: usize) -> Option<u64> {
        let from = self.definition(reg, before).map_or(0, |i| i + 1);
        let kept = |i: &usize| match self.insns[*i].op {
            Op::Move { dst, src: Operand::Reg(src) } if src == reg => {
                (self.definition(dst, self.at) == Some(*i)).then(|| self.regs.get(dst)).flatten()
            }
            _ => None,
        };
        (from..before).find_map(|i| kept(&i))
    }

    fn computed(&self, reg: usize, before: usize, depth: usize) -> Option<u64> {
        let unchanged = match self.definition(reg, self.at) {
            None => true,
            Some(last) => last < before,
        };
        // What a call may change is not known behind it, but its arguments can be worked out.
        if let Some(known) = self.regs.get(reg).filter(|_| unchanged) {
            return Some(known);
        }
        if depth > MAX_DEPTH {
            return None;
        }
        let Some(i) = self.definition(reg, before) else { return self.entry?.get(reg) };
        if self.changed_in_loop(reg, Some(i), before) {
            return None;
        }
        let insn = &self.insns[i];
        match insn.op {
            Op::Move { src: Operand::Reg(from), .. } => self.value(from, i, depth + 1),
            Op::Move { src: Operand::Imm(n), .. } => Some(n),
            Op::Move { src: Operand::Mem, .. } => {
                let mem = insn.mem?;
                let at = self.address(&mem, i, depth + 1)?;
                self.t.memory().uint(VirtAddr(at), usize::from(mem.size).min(8)).ok()
            }
            Op::Address { .. } => self.address(&insn.mem?, i, depth + 1),
            Op::Add { by, .. } => Some(self.value(reg, i, depth + 1)?.wrapping_add(by)),
            Op::Sum { src: Operand::Reg(from), wide, .. } => {
                let sum = self.value(reg, i, depth + 1)?.wrapping_add(self.value(from, i, depth + 1)?);
                Some(narrowed(sum, wide))
            }
            Op::Shift { by, wide, .. } => Some(shifted(self.value(reg, i, depth + 1)?, by, wide)),
            _ => None,
        }
    }

    pub(crate) fn address(&self, mem: &MemOperand, before: usize, depth: usize) -> Option<u64> {
        if mem.percpu {
            return None;
        }
        let part = |r: Option<usize>| r.map_or(Some(0), |r| self.value(r, before, depth));
        let index = part(mem.index)?.wrapping_mul(u64::from(mem.scale));
        Some(part(mem.base)?.wrapping_add(index).wrapping_add(mem.disp))
    }
}

/// What an instruction touches in memory, and where, with these registers.
pub fn operands(insn: &Insn, regs: &Regs) -> Vec<(MemOperand, u64)> {
    let all = [insn.mem, insn.source].into_iter().flatten().filter(|m| m.access != Access::None);
    all.filter_map(|m| Some((m, m.address(regs)?))).collect()
}

/// Whether a fault at `address` is that of an operand: in the middle of one that crosses a page it is reported at the page's start.
pub fn touches(address: u64, (m, at): &(MemOperand, u64)) -> bool {
    address.wrapping_sub(*at) < u64::from(m.size.max(1))
}

/// The smallest loop around an instruction: from the target of a jump back over it to that jump.
pub fn innermost_loop(insns: &[Insn], pc: VirtAddr) -> Option<std::ops::RangeInclusive<VirtAddr>> {
    let back = |i: &Insn| match i.flow {
        Flow::Branch(to) | Flow::Jump(Some(to)) if to <= pc && pc <= i.at => Some(to..=i.at),
        _ => None,
    };
    insns.iter().filter_map(back).min_by_key(|r| r.end().0 - r.start().0)
}

/// The instructions from `before` to the last jump back over it, to a place behind the definition.
fn loop_around(insns: &[Insn], definition: Option<usize>, before: usize) -> Option<&[Insn]> {
    let (start, rest) = (insns.get(before)?.at, insns.get(before..)?);
    let low = definition.and_then(|i| insns.get(i)).map(|i| i.at);
    let back = |to: VirtAddr| to <= start && low.is_none_or(|low| to > low);
    let last = rest.iter().rposition(|i| match i.flow {
        Flow::Branch(to) | Flow::Jump(Some(to)) => back(to),
        _ => false,
    })?;
    rest.get(..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(code: &[u8]) -> Vec<Insn> {
        let arch = necropsy_arch::ARCHES.iter().find(|a| a.name() == "x86_64").unwrap();
        let (mut out, mut at) = (Vec::new(), 0);
        while let Some(insn) = arch.disassemble(&code[at..], VirtAddr(0x1000 + at as u64)) {
            at += usize::from(insn.len);
            out.push(insn);
        }
        out
    }

    #[test]
    fn a_value_that_comes_round_a_loop_is_not_the_one_from_above() {
        // mov %rsi,%rdi; next: mov 0x8(%rdi),%rdi; cmp %esi,(%rdi); jne next; ret
        let insns = decoded(&[0x48, 0x89, 0xf7, 0x48, 0x8b, 0x7f, 0x08, 0x39, 0x37, 0x75, 0xf8, 0xc3]);
        assert_eq!(insns.len(), 5);
        let body = |definition, before| loop_around(&insns, definition, before).map(<[Insn]>::len);
        // Before the load, %rdi may come from the move or from the load of the round before.
        assert_eq!(body(Some(0), 1), Some(3));
        assert_eq!(body(None, 1), Some(3));
        // Before the comparison it comes from the load: the jump goes to the definition itself, which then runs again …
        assert_eq!(body(Some(1), 2), None);
        // … and nothing jumps back over the first and the last instruction.
        assert_eq!(body(None, 0), None);
        assert_eq!(body(Some(3), 4), None);
    }
    /// push %rbx; mov %rdi,%rbx; test %ebx,%ebx; jne on; pop %rbx; ret; on: call; mov %esi,%ebx; jmp on
    const SPLIT: &[u8] = &[
        0x53, 0x48, 0x89, 0xfb, 0x85, 0xdb, 0x75, 0x02, 0x5b, 0xc3, 0xe8, 0, 0, 0, 0, 0x89, 0xf3, 0xeb, 0xf7,
    ];

    #[test]
    fn what_a_function_takes_back_before_its_end_does_not_count_behind_it() {
        use necropsy_synth::functions::{Functions, TEXT};
        let mut made = Functions::default();
        made.function(0x100, "split", SPLIT);
        made.function(0x140, "next", &[0xc3]);
        let t = crate::made::kernel(made);
        let insns = function(&t, &t.near(VirtAddr(TEXT + 0x100)).unwrap());
        let rbx = t.arch().registers().iter().position(|r| *r == "rbx").unwrap();
        let regs = Regs::new();
        let last = |at: usize| Trace::new(&t, &insns, insns[at].at, &regs).unwrap().definition(rbx, at);
        // At the call it is what was moved; at the return what was taken back.
        assert_eq!((last(6), last(5)), (Some(1), Some(4)));
    }

    #[test]
    fn what_holds_on_all_ways() {
        let insns = decoded(SPLIT);
        let rbx = |i: &Insn| i.changes(5);
        assert!(insns[1].changes(5) && insns[7].changes(5));
        // The call is also come to round the loop, with another value; the comparison is not.
        assert!(carries(&insns, 1, 2, &rbx));
        assert!(!carries(&insns, 1, 6, &rbx));
        assert!(carries(&insns, 1, 6, &|_| false));
        // Nothing leads back.
        assert!(!carries(&insns, 6, 1, &rbx));
    }
}

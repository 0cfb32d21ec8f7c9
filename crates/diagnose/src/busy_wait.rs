//! Loops that only look at a word of memory until somebody changes it (a flag, a sequence count, a bit that is a lock): the bug may be with who
//! should change it, and is where a function can leave it changed halfway.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use necropsy_arch::{Access, Flow, Insn, MemOperand, Regs};
use necropsy_base::{Near, VirtAddr};
use necropsy_target::unwind::Frame;
use necropsy_target::{Module, Target};

use crate::code;
use crate::lost_lock::{Loser, left_with};

/// What a loop waits for.
pub struct Awaited {
    /// The word.
    pub word: VirtAddr,
    /// Its size in bytes.
    pub size: u8,
}

/// No more certain is who is to blame for a loop that waits for others.
pub const SURE: f64 = 0.75;

/// The word that the interrupted code in frame `stuck` only waits for.
pub fn awaited_in(t: &Target, frames: &[Frame], stuck: usize) -> Option<Awaited> {
    let regs = frames.get(stuck.checked_sub(1)?)?.trap.as_ref()?;
    awaited(t, frames.get(stuck)?.pc?, regs)
}

/// The word that the loop around `pc` waits for; `None` if the loop does anything else.
fn awaited(t: &Target, pc: VirtAddr, regs: &Regs) -> Option<Awaited> {
    let insns = code::function(t, &t.near(pc)?);
    let whole = code::innermost_loop(&insns, pc)
        .map(|range| insns.iter().filter(|i| range.contains(&i.at)).collect::<Vec<_>>());
    // A compiler may put the wait out of the way, around other code: then the shortest way back to the same place is the loop.
    let waits = whole.and_then(|inside| only_waits(&inside, regs));
    waits.or_else(|| only_waits(&shortest_way_round(&insns, pc)?, regs))
}

/// Instructions of a loop that does nothing but wait are few.
const FEW: usize = 12;

/// The instructions on the shortest way from `pc` back to it.
fn shortest_way_round(insns: &[Insn], pc: VirtAddr) -> Option<Vec<&Insn>> {
    let index = |at: VirtAddr| insns.iter().position(|i| i.at == at);
    let start = index(pc)?;
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut ways = VecDeque::from([(start, 0)]);
    while let Some((at, steps)) = ways.pop_front().filter(|(_, steps)| *steps < FEW) {
        let insn = &insns[at];
        let next = Some(at + 1).filter(|next| *next < insns.len());
        let after = match insn.flow {
            Flow::Next | Flow::Call(_) => [next, None],
            Flow::Branch(to) => [index(to), next],
            Flow::Jump(Some(to)) => [index(to), None],
            _ => [None, None],
        };
        for to in after.into_iter().flatten() {
            if to == start {
                let mut way = vec![at];
                while let Some(before) = way.last().and_then(|last| from.get(last)) {
                    way.push(*before);
                }
                return Some(way.into_iter().map(|i| &insns[i]).collect());
            }
            if let Entry::Vacant(new) = from.entry(to) {
                new.insert(at);
                ways.push_back((to, steps + 1));
            }
        }
    }
    None
}

/// The word that these instructions wait for, if that is all they do.
fn only_waits(inside: &[&Insn], regs: &Regs) -> Option<Awaited> {
    let touched = |i: &Insn| i.mem.filter(|m| m.access != Access::None);
    let operands: Vec<MemOperand> = inside.iter().copied().filter_map(touched).collect();
    let (read, written): (Vec<MemOperand>, Vec<MemOperand>) =
        operands.into_iter().partition(|m| m.access == Access::Read);
    // It may count how often it looked.
    let first = read.first().filter(|first| read.iter().all(|m| m == *first))?;
    let same_place = |m: &MemOperand| (m.base, m.index, m.disp) == (first.base, first.index, first.disp);
    // A pointer that moves walks over something: that is work.
    let moves = |r: Option<usize>| r.is_some_and(|r| inside.iter().any(|i| i.changes(r)));
    let still = |m: &MemOperand| !m.percpu && !moves(m.base) && !moves(m.index);
    let waits = still(first)
        && written.iter().all(|m| still(m) && !same_place(m))
        && !inside.iter().any(|i| matches!(i.flow, Flow::Call(_)) || i.string);
    let word = VirtAddr(first.address(regs).filter(|_| waits)?);
    Some(Awaited { word, size: first.size })
}

/// The functions of the module with this word that change it and may return without changing it back.
pub fn losers(t: &Target, word: VirtAddr) -> Vec<Loser> {
    t.modules().holding(word).map(|module| in_module(t, module, word)).unwrap_or_default()
}

fn in_module(t: &Target, module: &Module, word: VirtAddr) -> Vec<Loser> {
    let variable = t.near(word).map(|n| n.start..n.start.offset(n.size.unwrap_or(0)));
    let variable = variable.filter(|v| v.contains(&word)).unwrap_or(word..word.offset(1));
    code::functions(t, module).into_iter().filter_map(|near| loser(t, near, word, &variable)).collect()
}

/// The function, if it changes the word and may return without changing it back.
fn loser(t: &Target, function: Near, word: VirtAddr, variable: &Range<VirtAddr>) -> Option<Loser> {
    let insns = code::function(t, &function);
    let first =
        |of: &dyn Fn(&MemOperand) -> bool| insns.iter().find_map(|i| Some((i.at, changed(i).filter(of)?)));
    let named = |m: &MemOperand| !m.percpu && variable.contains(&VirtAddr(m.disp));
    let fixed = |m: &MemOperand| m.base.is_none() && m.index.is_none() && m.disp == word.0 && !m.percpu;
    let (taken, operand) = first(&fixed)
        // Of an array the word is reached by an index, or through a pointer into it.
        .or_else(|| first(&|m| named(m) && (m.base.is_some() || m.index.is_some())))
        .or_else(|| {
            first(&|m| pointer(t, m)).filter(|_| insns.iter().any(|i| i.mem.is_some_and(|m| named(&m))))
        })?;
    let same = |m: &MemOperand| (m.base, m.index, m.disp) == (operand.base, operand.index, operand.disp);
    let gives =
        |i: &Insn| i.mem.is_some_and(|m| same(&m) && matches!(m.access, Access::Write | Access::ReadWrite));
    left_with(t, function, &insns, taken, &gives)
}

/// The operand that an instruction both reads and writes.
fn changed(insn: &Insn) -> Option<MemOperand> {
    insn.mem.filter(|m| m.access == Access::ReadWrite && !insn.string)
}

fn pointer(t: &Target, m: &MemOperand) -> bool {
    m.base.is_some_and(|r| r != t.arch().sp()) && !m.percpu
}

#[cfg(test)]
mod tests {
    use necropsy_arch::Arch;
    use necropsy_arch::x86_64::X86_64;
    use necropsy_synth::functions::{DATA, Functions, TEXT};

    use super::*;
    use crate::made;

    /// `opcode... disp32` that names `DATA + to`, in an instruction of `len` bytes at `TEXT + at`.
    fn at_data(opcode: &[u8], at: u64, to: u64, tail: &[u8]) -> Vec<u8> {
        let next = TEXT + at + (opcode.len() + 4 + tail.len()) as u64;
        let distance = (DATA + to).wrapping_sub(next) as u32;
        [opcode, &distance.to_le_bytes(), tail].concat()
    }

    fn waits_for(code: &[u8], pc: u64, regs: &Regs) -> Option<u64> {
        let mut functions = Functions::default();
        functions.function(0x100, "loop", code);
        functions.data(0, "flag", &[0, 0]);
        awaited(&made::kernel(functions), VirtAddr(TEXT + 0x100 + pc), regs).map(|a| a.word.0)
    }

    #[test]
    fn a_loop_that_only_looks() {
        // again: mov flag,%eax; test %eax,%eax; je again; ret
        let look = at_data(&[0x8b, 0x05], 0x100, 0, &[]);
        let end = [0x85, 0xc0, 0x74, 0xf6, 0xc3];
        assert_eq!(waits_for(&[&look[..], &end].concat(), 6, &Regs::new()), Some(DATA));
        // The same, and counts how often: again: addq $1,counter; …
        let count = at_data(&[0x48, 0x83, 0x05], 0x100, 8, &[1]);
        let look = at_data(&[0x8b, 0x05], 0x108, 0, &[]);
        let end = [0x85, 0xc0, 0x74, 0xee, 0xc3];
        assert_eq!(waits_for(&[&count[..], &look, &end].concat(), 8, &Regs::new()), Some(DATA));
    }

    #[test]
    fn a_wait_that_stands_out_of_the_way() {
        // again: mov count,%eax; test $1,%al; jne wait; mov value,%rdx; cmp count,%eax; jne again; ret; wait: pause; jmp again
        let code = [
            &at_data(&[0x8b, 0x05], 0x100, 0, &[])[..],
            &[0xa8, 0x01, 0x75, 0x10],
            &at_data(&[0x48, 0x8b, 0x15], 0x10a, 8, &[]),
            &at_data(&[0x3b, 0x05], 0x111, 0, &[]),
            &[0x75, 0xe7, 0xc3],
            &[0xf3, 0x90, 0xeb, 0xe2],
        ]
        .concat();
        assert_eq!(waits_for(&code, 0x1a, &Regs::new()), Some(DATA));
        assert_eq!(waits_for(&code, 0x1c, &Regs::new()), Some(DATA));
    }

    #[test]
    fn a_loop_that_walks_or_writes_does_not_wait() {
        let mut regs = Regs::new();
        regs.set(X86_64.argument_registers()[0], DATA);
        // again: mov (%rdi),%rax; test %rax,%rax; je again; ret: waits for what %rdi points to
        let still = [0x48, 0x8b, 0x07, 0x48, 0x85, 0xc0, 0x74, 0xf8, 0xc3];
        // again: mov (%rdi),%rdi; test %rdi,%rdi; jne again; ret: a list
        let walks = [0x48, 0x8b, 0x3f, 0x48, 0x85, 0xff, 0x75, 0xf8, 0xc3];
        // again: incq (%rdi); jne again; ret
        let writes = [0x48, 0xff, 0x07, 0x75, 0xfb, 0xc3];
        let found = [&still[..], &walks, &writes].map(|code| waits_for(code, 0, &regs));
        assert_eq!(found, [Some(DATA), None, None]);
    }

    #[test]
    fn a_way_out_that_leaves_it_changed() {
        let change = |at| at_data(&[0x83, 0x05], at, 0, &[1]);
        // change; je out; change; out: ret
        let skips = [&change(0x100)[..], &[0x74, 7], &change(0x109), &[0xc3]].concat();
        // change; change; ret
        let fine = [&change(0x100)[..], &change(0x107), &[0xc3]].concat();
        // The same with a bit of an array's element: lock btsq $0,array(%rax); je out; lock andb $0xfe,array(%rax); out: ret
        let array = (DATA as u32).to_le_bytes();
        let set = [&[0xf0, 0x48, 0x0f, 0xba, 0xa8][..], &array, &[0]].concat();
        let clear = [&[0xf0, 0x80, 0xa0][..], &array, &[0xfe]].concat();
        let bit = [&set[..], &[0x74, 8], &clear, &[0xc3]].concat();
        let cleared = [&set[..], &clear, &[0xc3]].concat();
        for (code, expected) in [(skips, true), (fine, false), (bit, true), (cleared, false)] {
            let mut functions = Functions::default();
            functions.function(0x100, "writer", &code);
            functions.data(0, "count", &[1]);
            let t = made::kernel(functions);
            let near = t.near(VirtAddr(TEXT + 0x100)).unwrap();
            let word = VirtAddr(DATA);
            let found = loser(&t, near, word, &(word..word.offset(8)));
            assert_eq!(found.is_some(), expected);
        }
    }
}

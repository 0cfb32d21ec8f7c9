//! Loops that only look at a word of memory until somebody changes it (a flag, a sequence count, a bit that is a lock): the bug may be with who
//! should change it, and is where a function can leave it changed halfway.

use necropsy_arch::{Access, Flow, Insn, MemOperand, Regs};
use necropsy_base::VirtAddr;
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

/// The word that the loop around `pc` waits for; `None` if the loop does anything else.
pub fn awaited(t: &Target, pc: VirtAddr, regs: &Regs) -> Option<Awaited> {
    let insns = code::function(t, &t.near(pc)?);
    let range = code::innermost_loop(&insns, pc)?;
    let inside: Vec<&Insn> = insns.iter().filter(|i| range.contains(&i.at)).collect();
    let touched = |i: &&Insn| i.mem.filter(|m| m.access != Access::None);
    let operands: Vec<MemOperand> = inside.iter().filter_map(touched).collect();
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
    let mut found: Vec<Loser> = Vec::new();
    for symbol in module.symbols(t) {
        let at = VirtAddr(symbol.value);
        let Some(near) = t.near(at).filter(|n| n.start == at && t.is_text(at)) else { continue };
        if found.iter().any(|l| l.function.start == at) {
            continue;
        }
        let insns = code::function(t, &near);
        let takes = |i: &&Insn| is_of(i, word).is_some_and(|access| access == Access::ReadWrite);
        let Some(taken) = insns.iter().find(takes).map(|i| i.at) else { continue };
        let gives = |i: &Insn| is_of(i, word).is_some_and(|access| access != Access::Read);
        found.extend(left_with(t, near, &insns, taken, &gives));
    }
    found
}

/// What an instruction does to the word, if it names it.
fn is_of(insn: &Insn, word: VirtAddr) -> Option<Access> {
    let m = insn.mem.filter(|m| m.base.is_none() && m.index.is_none() && !m.percpu && m.disp == word.0)?;
    (m.access != Access::None).then_some(m.access)
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
        for (code, expected) in [(skips, true), (fine, false)] {
            let mut functions = Functions::default();
            functions.function(0x100, "writer", &code);
            functions.data(0, "count", &[1]);
            let t = made::kernel(functions);
            let near = t.near(VirtAddr(TEXT + 0x100)).unwrap();
            let insns = code::function(&t, &near);
            let gives = |i: &Insn| is_of(i, VirtAddr(DATA)).is_some_and(|access| access != Access::Read);
            let found = left_with(&t, near, &insns, VirtAddr(TEXT + 0x100), &gives);
            assert_eq!(found.is_some(), expected);
        }
    }
}

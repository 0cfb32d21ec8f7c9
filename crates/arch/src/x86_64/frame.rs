//! What a function does with the stack: its frame record, and how much it keeps there.

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};
use necropsy_base::VirtAddr;

use super::decode::decode;
use crate::FrameSetup;

/// A prologue that does not come within so many instructions does not come.
const PROLOGUE: usize = 64;
/// `push %rbp` and `mov %rsp,%rbp` are at most so many instructions apart.
const APART: usize = 6;

/// How far the function in `code` has got with its frame record at `at`.
pub fn setup(code: &[u8], at: usize) -> FrameSetup {
    let here = code.get(at..).and_then(|rest| decode(rest, VirtAddr(at as u64)));
    let Some((push, done, above)) = record(code) else { return FrameSetup::Never };
    match at {
        at if at <= push => FrameSetup::Before(above),
        at if at <= done => FrameSetup::Before(above + 8),
        _ if here.is_some_and(|i| i.flow_control() == FlowControl::Return) => FrameSetup::Gone,
        _ => FrameSetup::Done,
    }
}

/// How many bytes lie between the stack pointer and the return address at `at`: the sum of what was pushed and reserved.
/// `None` where that is not a constant.
pub fn depth(code: &[u8], at: usize) -> Option<u64> {
    let (mut here, mut deepest, mut framed) = (0i64, 0i64, false);
    for insn in instructions(code).take_while(|i| (i.ip() as usize) < at) {
        match stack_change(&insn, framed)? {
            Change::By(n) => here += n,
            // After a return comes code that is jumped to from before it.
            Change::Return => here = deepest,
            Change::Record => framed = true,
        }
        deepest = deepest.max(here);
    }
    u64::try_from(here).ok()
}

/// Where the function in `code` has put the registers that it must preserve, once it has come to `at`: the register, and the distance
/// of its slot from the caller's stack pointer before the call. `None` where the stack's depth is not a constant.
///
/// The first push of such a register saves it: only then may the function change it.
pub fn saved(code: &[u8], at: usize) -> Option<Vec<(usize, i64)>> {
    let (mut here, mut deepest, mut framed) = (0i64, 0i64, false);
    let mut found: Vec<(usize, i64)> = Vec::new();
    for insn in instructions(code).take_while(|i| (i.ip() as usize) < at) {
        match stack_change(&insn, framed) {
            Some(Change::By(n)) => here += n,
            Some(Change::Return) => here = deepest,
            Some(Change::Record) => framed = true,
            // Aligned or grown by a number, behind a frame record: what was pushed before stays where it is.
            None if framed => break,
            None => return None,
        }
        deepest = deepest.max(here);
        let pushed = (insn.mnemonic() == Mnemonic::Push && insn.op0_kind() == OpKind::Register)
            .then(|| super::decode::index(insn.op0_register()))
            .flatten();
        if let Some(register) =
            pushed.filter(|r| super::PRESERVED.contains(r) && !found.iter().any(|(f, _)| f == r))
        {
            found.push((register, -(here + 8)));
        }
    }
    // What lies below the stack pointer by now was taken back.
    found.retain(|(_, slot)| -slot - 8 <= here);
    Some(found)
}

enum Change {
    By(i64),
    Record,
    Return,
}

fn stack_change(insn: &Instruction, framed: bool) -> Option<Change> {
    let on_sp =
        insn.op_count() > 0 && insn.op0_kind() == OpKind::Register && insn.op0_register() == Register::RSP;
    let constant = || insn.try_immediate(1).ok().map(|n| n as i64);
    Some(match insn.mnemonic() {
        _ if is_record(insn) => Change::Record,
        _ if matches!(insn.flow_control(), FlowControl::Return | FlowControl::UnconditionalBranch) => {
            Change::Return
        }
        // A jump away ends a piece of code just as a return does.
        _ if insn.flow_control() == FlowControl::IndirectBranch => Change::Return,
        Mnemonic::Call => Change::By(0),
        Mnemonic::Push | Mnemonic::Pushfq => Change::By(8),
        Mnemonic::Pop | Mnemonic::Popfq => Change::By(-8),
        Mnemonic::Sub if on_sp => Change::By(constant()?),
        Mnemonic::Add if on_sp => Change::By(-constant()?),
        Mnemonic::Leave if framed => Change::By(0), // a return follows
        Mnemonic::Lea if on_sp && insn.memory_base() == Register::RBP && framed => Change::By(0), // pops and a return follow
        _ if on_sp && insn.mnemonic() != Mnemonic::Cmp && insn.mnemonic() != Mnemonic::Test => return None,
        _ => Change::By(0),
    })
}

/// Where the frame record is made: the offsets of the push and of the move, and how far above the push's stack pointer the
/// return address lies.
fn record(code: &[u8]) -> Option<(usize, usize, u64)> {
    let first: Vec<Instruction> = instructions(code).take(PROLOGUE + APART).collect();
    for (i, insn) in first.iter().enumerate().take(PROLOGUE) {
        let push = insn.mnemonic() == Mnemonic::Push && insn.op0_register() == Register::RBP;
        let made = push.then(|| first[i + 1..].iter().take(APART).find(|next| is_record(next))).flatten();
        if let Some(made) = made {
            let push = insn.ip() as usize;
            return Some((push, made.ip() as usize, depth(code, push).unwrap_or(0)));
        }
    }
    None
}

/// `mov %rsp,%rbp`.
fn is_record(insn: &Instruction) -> bool {
    insn.mnemonic() == Mnemonic::Mov
        && insn.op0_register() == Register::RBP
        && insn.op1_register() == Register::RSP
}

fn instructions(code: &[u8]) -> impl Iterator<Item = Instruction> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let insn = decode(code.get(at..)?, VirtAddr(at as u64))?;
        at += insn.len();
        Some(insn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `nopl; push %rbp; mov %rsp,%rbp; push %rbx; sub $0x28,%rsp; call; add $0x28,%rsp; pop %rbx; pop %rbp; ret; call`.
    const FUNCTION: &[u8] = b"\x0f\x1f\x44\x00\x00\x55\x48\x89\xe5\x53\x48\x83\xec\x28\xe8\x00\x00\x00\x00\
        \x48\x83\xc4\x28\x5b\x5d\xc3\xe8\x00\x00\x00\x00";

    #[test]
    fn a_frame_record_comes_and_goes() {
        let expected = [(0, FrameSetup::Before(0)), (5, FrameSetup::Before(0)), (6, FrameSetup::Before(8))];
        let later =
            [(9, FrameSetup::Done), (19, FrameSetup::Done), (25, FrameSetup::Gone), (26, FrameSetup::Done)];
        for (at, setup_there) in expected.into_iter().chain(later) {
            assert_eq!(setup(FUNCTION, at), setup_there, "at {at}");
        }
        // `test %edi,%edi; je; ret` makes none; neither does an entry function that saves all registers.
        assert_eq!(setup(b"\x85\xff\x74\x00\xc3", 2), FrameSetup::Never);
        assert_eq!(setup(b"\x55\x53\x41\x54\x48\x8d\x6c\x24\x01\xe8\x00\x00\x00\x00", 9), FrameSetup::Never);
    }

    #[test]
    fn saved_registers_are_where_they_were_pushed() {
        use super::super::{BP, BX};
        assert_eq!(saved(FUNCTION, 5), Some(vec![]));
        assert_eq!(saved(FUNCTION, 6), Some(vec![(BP, -16)]));
        assert_eq!(saved(FUNCTION, 18), Some(vec![(BP, -16), (BX, -24)]));
        assert_eq!(saved(FUNCTION, 24), Some(vec![(BP, -16)]), "%rbx was taken back");
        // push %rbp; mov %rsp,%rbp; push %rbx; and $-16,%rsp; mov %r15,%rsp; nop: aligned behind the record, and before one.
        let aligned = b"\x55\x48\x89\xe5\x53\x48\x83\xe4\xf0\x4c\x89\xfc\x90";
        assert_eq!(saved(aligned, 12), Some(vec![(BP, -16), (BX, -24)]));
        assert_eq!(saved(&aligned[4..], 8), None);
    }

    #[test]
    fn depth_adds_up() {
        for (at, bytes) in [(5, 0), (6, 8), (10, 16), (14, 56), (23, 16), (25, 0), (26, 56)] {
            assert_eq!(depth(FUNCTION, at), Some(bytes), "at {at}");
        }
        // `and $-16,%rsp` could be anything.
        assert_eq!(depth(b"\x48\x83\xe4\xf0\x90", 4), None);
    }
}

#![allow(clippy::unwrap_used)]

use necropsy_base::{Abi, VirtAddr};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::{Cfi, FrameSpec, debug_frame, eh_frame};
use proptest::prelude::*;

use super::*;

const CODE: u64 = 0xffff_ffff_8100_0000;
const EH: u64 = 0xffff_ffff_8200_0000;
const STACK: u64 = 0xffff_c900_0000_0000;
const RBX: u16 = 3;
const RBP: u16 = 6;
const RSP: u16 = 7;
const RIP: u16 = 16;

/// `push %rbp; mov %rsp,%rbp; push %rbx; …`, and a function without a frame pointer.
fn functions() -> Vec<FrameSpec> {
    let framed = vec![
        Cfi::Advance(1),
        Cfi::FrameOffset(16),
        Cfi::Saved(RBP as u8, 2),
        Cfi::Advance(3),
        Cfi::FrameRegister(RBP as u8),
        Cfi::Advance(1),
        Cfi::Saved(RBX as u8, 3),
    ];
    // The frame is what lies at the stack pointer (DW_OP_breg7 0, DW_OP_deref); rbx is its own value plus 1.
    let computed = vec![
        Cfi::FrameValue(vec![0x77, 0, 0x06]),
        Cfi::Value(RBX as u8, vec![0x73, 1]),
        Cfi::Lost(RBP as u8),
    ];
    vec![
        FrameSpec { start: CODE + 0x100, size: 0x40, steps: computed },
        FrameSpec { start: CODE, size: 0x80, steps: framed },
        FrameSpec { start: 0, size: 0x1000, steps: Vec::new() },
    ]
}

fn sections<'a>(debug: &'a [u8], eh: &'a [u8]) -> CfiSections<'a> {
    CfiSections { abi: Abi::LE64, debug_frame: debug, eh_frame: eh, eh_frame_address: EH }
}

fn memory() -> SparseMemory {
    let mut m = SparseMemory::new(Abi::LE64);
    for (offset, value) in [(0, STACK + 0x80), (0x20, 0xb0b), (0x28, 0xfeed), (0x30, 0x1111), (0x78, 0x2222)]
    {
        m.put_uint(VirtAddr(STACK + offset), value, 8);
    }
    m
}

/// Both tables, and what they say at `place`.
fn rows(place: u64) -> Vec<Option<CfiRow>> {
    let (debug, eh) = (debug_frame(Abi::LE64, &functions()), eh_frame(Abi::LE64, EH, &functions()));
    let both = [sections(&debug, &[]), sections(&[], &eh), sections(&debug, &eh)];
    both.iter().map(|s| CfiIndex::new(s).row(s, place).unwrap()).collect()
}

/// The caller's rbx, rbp, rsp and rip.
fn caller(row: &CfiRow, rsp: u64, rbp: u64) -> [Option<u64>; 4] {
    let register = |n: u16| match n {
        RBX => Some(0x33),
        RBP => Some(rbp),
        RSP => Some(rsp),
        _ => None,
    };
    let memory = memory();
    let known = Known { register: &register, memory: &memory };
    let frame = row.frame(&known).unwrap();
    let value = |n: u16| match row.rule(n) {
        Some(rule) => row.value(rule, n, frame, &known),
        None => register(n),
    };
    [value(RBX), value(RBP), Some(frame), value(RIP)]
}

#[test]
fn each_instruction_of_a_prologue() {
    let steps = [
        // At the first instruction nothing was pushed; then rbp; then rbp is the frame pointer; then rbx is on the stack.
        (0, STACK + 0x30, 0x5555, [Some(0x33), Some(0x5555), Some(STACK + 0x38), Some(0x1111)]),
        (1, STACK + 0x28, 0x5555, [Some(0x33), Some(0xfeed), Some(STACK + 0x38), Some(0x1111)]),
        (4, 0, STACK + 0x28, [Some(0x33), Some(0xfeed), Some(STACK + 0x38), Some(0x1111)]),
        (5, 0, STACK + 0x28, [Some(0xb0b), Some(0xfeed), Some(STACK + 0x38), Some(0x1111)]),
        (0x7f, 0, STACK + 0x28, [Some(0xb0b), Some(0xfeed), Some(STACK + 0x38), Some(0x1111)]),
    ];
    for (offset, rsp, rbp, expected) in steps {
        for row in rows(CODE + offset) {
            let row = row.unwrap();
            assert_eq!(caller(&row, rsp, rbp), expected, "at {offset:#x}");
            assert!(!row.signal);
            assert_eq!(row.return_register, RIP);
        }
    }
}

#[test]
fn expressions_and_lost_registers() {
    for row in rows(CODE + 0x110) {
        let expected = [Some(0x34), None, Some(STACK + 0x80), Some(0x2222)];
        assert_eq!(caller(&row.unwrap(), STACK, 7), expected);
    }
}

#[test]
fn between_functions_there_is_nothing() {
    for place in [CODE - 1, CODE + 0x80, CODE + 0x140, 0, 0x10, u64::MAX] {
        assert!(rows(place).iter().all(Option::is_none), "{place:#x}");
    }
}

#[test]
fn saved_registers_have_a_place() {
    let memory = memory();
    let register = |n: u16| (n == RBP).then_some(STACK + 0x28);
    let known = Known { register: &register, memory: &memory };
    let row = rows(CODE + 0x20).remove(0).unwrap();
    let frame = row.frame(&known).unwrap();
    assert_eq!(row.slot(RIP, frame, &known), Some(STACK + 0x30));
    assert_eq!(row.slot(RBX, frame, &known), Some(STACK + 0x20));
    assert_eq!(row.slot(RSP, frame, &known), None);
}

proptest! {
    #[test]
    fn damage_is_an_error_or_fewer_answers(at in 0usize..300, byte in any::<u8>(), cut in 0usize..300) {
        for mut bytes in [debug_frame(Abi::LE64, &functions()), eh_frame(Abi::LE64, EH, &functions())] {
            if let Some(b) = bytes.get_mut(at) {
                *b = byte;
            }
            bytes.truncate(cut.max(at));
            for s in [sections(&bytes, &[]), sections(&[], &bytes)] {
                let index = CfiIndex::new(&s);
                for place in [CODE, CODE + 5, CODE + 0x110] {
                    if let Ok(Some(row)) = index.row(&s, place) {
                        let memory = memory();
                        let register = |n: u16| Some(STACK + u64::from(n));
                        let known = Known { register: &register, memory: &memory };
                        if let Some(frame) = row.frame(&known) {
                            row.rules.iter().for_each(|(n, rule)| { row.value(rule, *n, frame, &known); });
                        }
                    }
                }
            }
        }
    }
}

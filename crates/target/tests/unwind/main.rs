//! Unwinding without ORC: frame pointers, marked registers, call frame information, and nothing at all.
#![allow(clippy::unwrap_used)]

mod cfi;
mod machine;

use machine::{Machine, STACK, STACK_END, kernel_regs, user_regs};
use necropsy_arch::Regs;
use necropsy_arch::x86_64::IP;
use necropsy_base::VirtAddr;
use necropsy_target::Target;
use necropsy_target::unwind::{End, Methods, Stack, Trust, unwind};

/// Names of the frames, innermost first.
fn names(stack: &Stack) -> Vec<&str> {
    stack.frames.iter().map(|f| f.name().unwrap_or("?")).collect()
}

fn walk(t: &Target, regs: Regs) -> Stack {
    unwind(t, regs, Trust::Context, STACK..STACK_END)
}

/// The program counter in user space where a stack ended.
fn user_pc(stack: &Stack) -> Option<u64> {
    match &stack.end {
        End::User(regs) => regs.get(IP),
        _ => None,
    }
}

/// A system call: `entry` → `outer` → `middle` → `inner`, the registers of user space at the end. Gives the frame pointer of
/// `inner`, after it made its record.
fn system_call(m: &mut Machine) -> u64 {
    m.push_regs(&user_regs(0x40_1000));
    let outer = m.call_framed("entry", 0);
    let middle = m.call_framed("outer", outer);
    m.call_framed("middle", middle)
}

#[test]
fn a_chain_of_records_to_user_space() {
    let mut m = Machine::new();
    let fp = system_call(&mut m);
    let regs = kernel_regs(m.at("inner") + 9, m.sp(), fp);
    let stack = walk(&m.target(), regs);
    assert_eq!(names(&stack), ["inner", "middle", "outer", "entry"]);
    assert_eq!(user_pc(&stack), Some(0x40_1000));
    assert!(stack.breaks.is_empty());
    let trust: Vec<_> = stack.frames.iter().map(|f| f.trust).collect();
    assert_eq!(trust, [Trust::Context, Trust::FramePointer, Trust::FramePointer, Trust::FramePointer]);
}

#[test]
fn interrupted_before_and_after_the_record_is_there() {
    // At the first instruction; after the push; at the return.
    for (offset, above) in [(0, 8), (1, 0), (11, 8)] {
        let mut m = Machine::new();
        let fp = system_call(&mut m);
        let middle = m.memory.clone();
        let callers = necropsy_base::MemoryExt::u64(&middle, VirtAddr(fp)).unwrap();
        let regs = kernel_regs(m.at("inner") + offset, fp + above, callers);
        let stack = walk(&m.target(), regs);
        assert_eq!(names(&stack), ["inner", "middle", "outer", "entry"], "at +{offset:#x}");
        assert!(user_pc(&stack).is_some());
    }
}

/// `outer` was interrupted; the entry code marked its saved registers in the frame pointer.
fn interrupted(m: &mut Machine, marked: bool) -> Regs {
    m.push_regs(&user_regs(0x40_2000));
    let outer = m.call_framed("entry", 0);
    let saved = m.push_regs(&kernel_regs(m.at("outer") + 8, m.sp(), outer));
    let handler = m.call_framed("trap_entry", if marked { saved | 1 } else { outer });
    kernel_regs(m.at("handler") + 8, m.sp(), handler)
}

#[test]
fn registers_saved_by_an_entry_are_crossed() {
    for marked in [true, false] {
        let mut m = Machine::new();
        let regs = interrupted(&mut m, marked);
        let stack = walk(&m.target(), regs);
        assert_eq!(names(&stack), ["handler", "trap_entry", "outer", "entry"], "marked: {marked}");
        assert!(stack.frames[1].trap.is_some() && stack.frames[2].exact);
        assert_eq!(user_pc(&stack), Some(0x40_2000));
    }
}

#[test]
fn damaged_marked_registers_are_no_end() {
    let mut m = Machine::new();
    m.reserve(0x800);
    let mark = m.sp() - 0x400;
    let handler = m.call_framed("trap_entry", mark | 1);
    let regs = kernel_regs(m.at("handler") + 8, m.sp(), handler);
    let stack = walk(&m.target(), regs);
    assert_eq!(&names(&stack)[..2], ["handler", "trap_entry"]);
    assert!(!stack.end.is_complete());
    assert!(stack.breaks[0].why.contains("damaged"), "{:?}", stack.breaks);
}

#[test]
fn a_kernel_thread_ends_where_its_unfilled_registers_are() {
    for mark in [1, 0] {
        let mut m = Machine::new();
        let unfilled = m.push_regs(&Regs::new());
        m.push(m.returns("entry", 1));
        let thread = m.push(if mark == 1 { unfilled | 1 } else { 0 });
        m.reserve(0x20);
        let inner = m.call_framed("thread", thread);
        let regs = kernel_regs(m.at("inner") + 9, m.sp(), inner);
        let stack = walk(&m.target(), regs);
        assert_eq!(names(&stack), ["inner", "thread", "entry"], "mark {mark}");
        assert!(matches!(stack.end, End::Thread), "{:?}", stack.end);
    }
}

#[test]
fn an_overwritten_record_is_a_break_and_the_callers_are_found() {
    let mut m = Machine::new();
    let fp = system_call(&mut m);
    m.memory.put(VirtAddr(fp), b"AAAAAAAABBBBBBBB");
    let regs = kernel_regs(m.at("inner") + 9, m.sp(), fp);
    let stack = walk(&m.target(), regs);
    assert_eq!(stack.breaks.len(), 1);
    assert!(stack.breaks[0].why.contains("BBBBBBBB"), "{}", stack.breaks[0].why);
    assert_eq!(stack.breaks[0].slot, Some(VirtAddr(fp + 8)));
    assert_eq!(stack.frames[0].name(), Some("inner"));
    assert_eq!(&names(&stack)[stack.frames.len() - 2..], ["outer", "entry"]);
    assert_eq!(user_pc(&stack), Some(0x40_1000));
}

#[test]
fn wild_frame_pointers_end() {
    for wild in [0, 1, 8, 0xdead_beef, u64::MAX, u64::MAX - 7, STACK, STACK + 4, 0xffff_8000_0000_0000] {
        let mut m = Machine::new();
        m.reserve(0x100);
        let regs = kernel_regs(m.at("inner") + 9, m.sp(), wild);
        assert!(!walk(&m.target(), regs).end.is_complete(), "{wild:#x}");
    }
    // A record that names itself.
    let mut m = Machine::new();
    m.reserve(0x100);
    let back = m.push(m.returns("middle", 0));
    let own = m.push(back - 8);
    let regs = kernel_regs(m.at("inner") + 9, own, own);
    assert!(!walk(&m.target(), regs).end.is_complete());
}

/// Up to 4.8: the saved stack pointer leads to the frame pointer and the flags that the scheduler pushed.
#[test]
fn a_task_that_an_old_scheduler_switched_out() {
    let mut m = Machine::new();
    m.push_regs(&user_regs(0x40_6000));
    let outer = m.call_framed("entry", 0);
    m.push(m.returns("outer", 0)); // taken for the way into `sleeper`
    let sleeper = m.push(outer);
    m.reserve(0x20);
    let scheduler = m.call_framed("sleeper", sleeper);
    m.push(0x246);
    let sp = m.push(scheduler);
    let stack = m.target().sleeping_stack(VirtAddr(sp), STACK..STACK_END);
    assert_eq!(names(&stack), ["__schedule", "sleeper", "outer", "entry"]);
    assert_eq!(user_pc(&stack), Some(0x40_6000));
}

const NOTHING: Methods = Methods { orc: false, cfi: false, frame_pointer: false };

#[test]
fn with_no_tables_a_functions_own_pushes_lead_on() {
    let mut m = Machine::new();
    m.push_regs(&user_regs(0x40_3000));
    for caller in ["plain_entry", "plain_outer"] {
        m.push(m.returns(caller, 0));
        m.push(0xb0b); // rbx
        m.reserve(0x10);
    }
    let regs = kernel_regs(m.at("plain_inner") + 5, m.sp(), 0x5555);
    let t = m.target().with_methods(NOTHING);
    let stack = walk(&t, regs);
    assert_eq!(names(&stack), ["plain_inner", "plain_outer", "plain_entry"]);
    assert!(stack.frames[1..].iter().all(|f| f.trust == Trust::Scan));
    assert_eq!(user_pc(&stack), Some(0x40_3000));
}

#[test]
fn a_word_that_fits_is_taken_where_pushes_do_not_tell() {
    let mut m = Machine::new();
    m.push_regs(&user_regs(0x40_4000));
    m.push(m.returns("plain_entry", 0));
    m.reserve(0x18);
    m.push(m.returns("plain_outer", 0));
    // A stale address of code that does not call plain_inner lies below the true one.
    m.push(0);
    m.push(m.returns("middle", 0));
    m.reserve(0x30);
    let regs = kernel_regs(m.at("plain_inner") + 5, m.sp(), 0);
    let stack = walk(&m.target().with_methods(NOTHING), regs);
    assert_eq!(names(&stack), ["plain_inner", "plain_outer", "plain_entry"]);
}

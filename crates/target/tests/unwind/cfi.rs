//! Call frame information from a file beside the dump.

use std::sync::Arc;

use necropsy_arch::x86_64::BX;
use necropsy_base::Abi;
use necropsy_debuginfo::locate::Search;
use necropsy_synth::names::{Cfi, ElfBuilder, FrameSpec, debug_frame, elf_note, elf_symbols};
use necropsy_target::unwind::{Trust, caller_regs, frame_address, registers};
use necropsy_target::{Target, VirtAddr};

use super::machine::{BUILD_ID, Machine, TEXT, kernel_regs, user_regs};
use super::{names, user_pc, walk};

/// How far the kernel was moved.
const MOVED: u64 = 0x20_0000;

/// A vmlinux that knows the functions without frame pointers, linked elsewhere.
fn vmlinux(m: &Machine) -> Vec<u8> {
    let abi = Abi::LE64;
    let frames = |name: &str| FrameSpec {
        start: m.at(name) - MOVED,
        size: 32,
        // push %rbx; sub $0x10,%rsp
        steps: vec![
            Cfi::Advance(1),
            Cfi::FrameOffset(16),
            Cfi::Saved(3, 2),
            Cfi::Advance(4),
            Cfi::FrameOffset(32),
        ],
    };
    let names = ["plain_inner", "plain_outer", "plain_entry"];
    let mut symbols = vec![("_stext", 0, 1, TEXT - MOVED, 0)];
    symbols.extend(names.map(|name| (name, 2, 1, m.at(name) - MOVED, 32)));
    let (symtab, strtab) = elf_symbols(abi, &symbols);
    ElfBuilder::new(abi, 2, 62)
        .section(".debug_info", 1, 0, &[0; 12])
        .section(".debug_frame", 1, 0, &debug_frame(abi, &[frames("plain_inner"), frames("plain_outer")]))
        .section(".note.gnu.build-id", 7, 0, &elf_note(abi, "GNU", 3, &[BUILD_ID; 20]))
        .section(".symtab", 2, 0, &symtab)
        .section(".strtab", 3, 0, &strtab)
        .build()
}

/// `plain_entry` → `plain_outer` → `plain_inner`: the target, its file, and the registers in `plain_inner`.
fn stopped() -> (Target, tempfile::NamedTempFile, necropsy_arch::Regs) {
    let mut m = Machine::new();
    m.push_regs(&user_regs(0x40_5000));
    for (caller, rbx) in [("plain_entry", 0xe0e0), ("plain_outer", 0x0707)] {
        m.push(m.returns(caller, 0));
        m.push(rbx);
        m.reserve(0x10);
    }
    let mut regs = kernel_regs(m.at("plain_inner") + 5, m.sp(), 0x5555);
    regs.set(BX, 0x1111);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vmlinux(&m)).unwrap();
    let mut search = Search::default();
    search.files.push(file.path().into());
    let t = m.target().with_search(Arc::new(search));
    (t, file, regs)
}

#[test]
fn frames_without_frame_pointers_and_their_registers() {
    let (t, _file, regs) = stopped();
    let stack = walk(&t, regs);
    assert_eq!(names(&stack), ["plain_inner", "plain_outer", "plain_entry"]);
    assert_eq!(stack.frames[1].trust, Trust::Cfi);
    assert_eq!(user_pc(&stack), Some(0x40_5000));
    let rbx: Vec<_> = registers(&t, &stack).iter().map(|r| r.get(BX)).collect();
    assert_eq!(rbx, [Some(0x1111), Some(0x0707), Some(0xe0e0)]);
    // Where each frame begins: above its return address.
    let starts: Vec<_> = stack.frames[..2].iter().map(|f| frame_address(&t, f)).collect();
    assert_eq!(starts, [Some(stack.frames[1].sp.0), Some(stack.frames[2].sp.0)]);
}

#[test]
fn a_callers_registers_where_something_else_found_the_frame() {
    let (t, _file, regs) = stopped();
    let pc = VirtAddr(regs.get(t.arch().pc()).unwrap());
    let caller = caller_regs(&t, pc, &regs).unwrap();
    assert_eq!(caller.regs.get(BX), Some(0x0707));
    assert!(caller.slot.is_some());
    // No rule, no answer.
    assert!(caller_regs(&t, VirtAddr(TEXT), &regs).is_none());
}

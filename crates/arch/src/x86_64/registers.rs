//! Register numbers and the layouts they are saved in.
//!
//! `pt_regs`, `prstatus` and `inactive_task_frame` have not changed on x86-64 since 2.6.24, 2.6 and 4.9
//! (arch/x86/include/asm/ptrace.h, linux/elfcore.h, asm/switch_to.h).

use necropsy_base::{Abi, Cursor, VirtAddr};

use crate::{CpuState, Regs};

macro_rules! registers {
    ($($index:literal $constant:ident $name:literal)*) => {
        /// Names by index: the order of `struct pt_regs`.
        pub static NAMES: [&str; 21] = [$($name),*];
        $(#[doc = concat!("Index of `", $name, "`.")] pub const $constant: usize = $index;)*
    };
}

registers! {
    0 R15 "r15" 1 R14 "r14" 2 R13 "r13" 3 R12 "r12" 4 BP "rbp" 5 BX "rbx" 6 R11 "r11" 7 R10 "r10" 8 R9 "r9" 9 R8 "r8"
    10 AX "rax" 11 CX "rcx" 12 DX "rdx" 13 SI "rsi" 14 DI "rdi" 15 ORIG_AX "orig_rax" 16 IP "rip" 17 CS "cs"
    18 FLAGS "rflags" 19 SP "rsp" 20 SS "ss"
}

/// Indices by DWARF number (System V ABI, AMD64 supplement, figure 3.36).
pub const DWARF: [usize; 17] = [AX, DX, CX, BX, SI, DI, BP, SP, R8, R9, R10, R11, R12, R13, R14, R15, IP];

/// Size of `struct pt_regs`: 21 words.
pub const PT_REGS_SIZE: usize = 168;
/// Size of `struct inactive_task_frame`: six registers and a return address.
pub const SWITCHED_OUT_SIZE: usize = 56;
/// Offset of `pr_reg` in `struct elf_prstatus`.
const PR_REG: usize = 112;

/// The registers of a `struct pt_regs`.
pub fn pt_regs(bytes: &[u8]) -> Option<Regs> {
    let mut regs = Regs::new();
    let mut c = Cursor::new(bytes, Abi::LE64);
    for index in 0..NAMES.len() {
        regs.set(index, c.u64().ok()?);
    }
    // The upper halves of the selectors' slots are not theirs: FRED keeps event data there (6.9 and later).
    for selector in [CS, SS] {
        regs.put(selector, regs.get(selector).map(|v| v & 0xffff));
    }
    Some(regs)
}

/// The registers of a `struct elf_prstatus`.
pub fn prstatus(note: &[u8]) -> Option<Regs> {
    pt_regs(note.get(PR_REG..PR_REG + PT_REGS_SIZE)?)
}

/// The registers that a context switch leaves on the stack of the task that is switched out.
pub fn switched_out(frame: &[u8], sp: VirtAddr) -> Option<Regs> {
    let mut regs = Regs::new();
    let mut c = Cursor::new(frame, Abi::LE64);
    for index in [R15, R14, R13, R12, BX, BP, IP] {
        regs.set(index, c.u64().ok()?);
    }
    regs.set(SP, sp.0.wrapping_add(SWITCHED_OUT_SIZE as u64));
    Some(regs)
}

/// The CPU state that QEMU adds to its dumps (`QEMUCPUState`, target/i386/arch_dump.c, version 1).
pub fn qemu_state(note: &[u8]) -> Option<CpuState> {
    const ORDER: [usize; 18] =
        [AX, BX, CX, DX, SI, DI, SP, BP, R8, R9, R10, R11, R12, R13, R14, R15, IP, FLAGS];
    let mut c = Cursor::new(note, Abi::LE64);
    let (_version, _size) = (c.u32().ok()?, c.u32().ok()?);
    let mut state = CpuState::default();
    for index in ORDER {
        state.regs.set(index, c.u64().ok()?);
    }
    // Ten segments of selector, limit, flags, pad, base: cs ds es fs gs ss ldt tr gdt idt.
    let mut segment = || -> Option<(u32, u64)> {
        let selector = c.u32().ok()?;
        c.skip(12);
        Some((selector, c.u64().ok()?))
    };
    let mut segments = [(0, 0); 10];
    for s in &mut segments {
        *s = segment()?;
    }
    state.regs.set(CS, u64::from(segments[0].0));
    state.regs.set(SS, u64::from(segments[5].0));
    state.gs_base = Some(segments[4].1);
    state.idt = Some(segments[9].1);
    c.skip(2 * 8);
    state.fault_address = c.u64().ok();
    state.root = c.u64().ok().map(|cr3| cr3 & 0x000f_ffff_ffff_f000);
    state.five_levels = c.u64().is_ok_and(|cr4| cr4 >> 12 & 1 == 1);
    Some(state)
}

/// Whether registers can be those of an interrupted context: known selectors, flags with the fixed bit, a real stack.
pub fn plausible(regs: &Regs) -> bool {
    let is = |r: usize, ok: fn(u64) -> bool| regs.get(r).is_some_and(ok);
    let kernel = is(CS, |v| v == 0x10) && is(SS, |v| v == 0x18 || v == 0) && is(SP, |v| v >> 56 == 0xff);
    let user = is(CS, |v| v == 0x33 || v == 0x23) && is(SS, |v| v == 0x2b) && is(IP, |v| v >> 56 == 0);
    (kernel || user) && is(FLAGS, |v| v & 2 == 2 && v >> 22 == 0)
}

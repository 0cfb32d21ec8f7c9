//! arm64.

mod decode;
mod paging;

use necropsy_base::{Abi, Cursor, PhysMem, VirtAddr};

use crate::{Arch, Boot, BootFacts, CallSite, Insn, Mapping, PageTables, Regs, Resolve, Syntax, WalkError};

/// The CPU of phones and many servers.
pub struct Aarch64;

/// `x0` to `x30`, then these; the order of `struct user_pt_regs`.
static NAMES: [&str; 34] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
    "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30",
    "sp", "pc", "pstate",
];
const FP: usize = 29;
const SP: usize = 31;
const PC: usize = 32;
const PSTATE: usize = 33;
/// Offset of `pr_reg` in `struct elf_prstatus`.
const PR_REG: usize = 112;
/// Kernel addresses have bit 55 set and all bits above the address: a signed one has other bits there.
const KERNEL: u64 = 1 << 55;
const TOP: u64 = 0xffff_0000_0000_0000;

impl Arch for Aarch64 {
    fn name(&self) -> &'static str {
        "aarch64"
    }
    fn registers(&self) -> &'static [&'static str] {
        &NAMES
    }
    fn pc(&self) -> usize {
        PC
    }
    fn sp(&self) -> usize {
        SP
    }
    fn fp(&self) -> usize {
        FP
    }
    fn pt_regs_size(&self) -> usize {
        NAMES.len() * 8
    }
    fn pt_regs(&self, bytes: &[u8]) -> Option<Regs> {
        let mut regs = Regs::new();
        let mut c = Cursor::new(bytes, Abi::LE64);
        for index in 0..NAMES.len() {
            regs.set(index, c.u64().ok()?);
        }
        Some(regs)
    }
    fn prstatus(&self, note: &[u8]) -> Option<Regs> {
        self.pt_regs(note.get(PR_REG..)?)
    }
    fn user_mode(&self, regs: &Regs) -> bool {
        // The exception level: PSR_MODE_EL0t is 0 (asm/ptrace.h).
        regs.get(PSTATE).is_some_and(|p| p & 0xf == 0)
    }
    fn plausible(&self, regs: &Regs) -> bool {
        let kernel = |r: usize| regs.get(r).is_some_and(|v| v & TOP == TOP);
        let mode = regs.get(PSTATE).map(|p| p & 0xf);
        match mode {
            Some(0) => regs.get(PC).is_some_and(|pc| pc & TOP == 0),
            Some(4 | 5 | 8 | 9) => kernel(SP),
            _ => false,
        }
    }
    fn boot(&self, facts: &dyn BootFacts) -> Result<Boot, &'static str> {
        paging::boot(facts)
    }
    fn direct_map(
        &self,
        _read: &dyn Fn(&str) -> Option<u64>,
        number: &dyn Fn(&str) -> Option<i64>,
    ) -> Option<(u64, u64)> {
        // `__phys_to_virt` (asm/memory.h): PAGE_OFFSET is minus two to the VA_BITS, PHYS_OFFSET what lies there.
        let bits = number("VA_BITS").filter(|b| (36..=52).contains(b))?;
        let start = u64::MAX << bits;
        Some((start, start.wrapping_sub(number("PHYS_OFFSET")? as u64)))
    }
    fn is_kernel(&self, at: VirtAddr) -> bool {
        at.0 >= 0xfff0_0000_0000_0000
    }
    fn is_canonical(&self, at: VirtAddr, tables: &PageTables) -> bool {
        paging::is_canonical(at, tables)
    }
    fn translate(&self, phys: &dyn PhysMem, tables: &PageTables, at: VirtAddr) -> Result<Mapping, WalkError> {
        paging::translate(phys, tables, at)
    }
    fn call_before(&self, before: &[u8], _ret: VirtAddr) -> Option<CallSite> {
        let word = before.get(before.len().checked_sub(4)?..)?;
        let insn = Abi::LE64.uint(word) as u32;
        call(insn, _ret)
    }
    fn longest_call(&self) -> usize {
        4
    }
    fn dwarf_register(&self, number: u16) -> Option<usize> {
        (number <= 32).then_some(usize::from(number))
    }
    fn preserved_registers(&self) -> u64 {
        (19..=FP).chain([SP]).fold(0, |set, r| set | 1 << r)
    }
    fn disassemble(&self, code: &[u8], at: VirtAddr) -> Option<Insn> {
        decode::instruction(code, at)
    }
    fn text(&self, code: &[u8], at: VirtAddr, _: Syntax, resolve: Resolve<'_>) -> Option<String> {
        decode::text(code, at, resolve)
    }
    fn frame_record(&self) -> Option<usize> {
        Some(8)
    }
    fn saves_registers(&self, function: &str) -> bool {
        // `el1h_64_irq`, `el0t_64_sync` since 5.13; `el1_irq`, `el0_sync` before (arch/arm64/kernel/entry.S). Their handlers in C
        // begin alike but are ordinary functions.
        let mut parts = function.split('_');
        let level = parts.next().is_some_and(|l| ["el0", "el1", "el0t", "el1t", "el1h"].contains(&l));
        let rest: Vec<&str> = parts.filter(|p| !["64", "32", "compat"].contains(p)).collect();
        level && matches!(rest[..], ["sync" | "irq" | "fiq" | "error"])
    }
    fn strip(&self, pc: u64) -> u64 {
        if pc & KERNEL != 0 { pc | TOP } else { pc }
    }
}

/// `bl`, `blr` and `blr` with pointer authentication.
fn call(insn: u32, ret: VirtAddr) -> Option<CallSite> {
    if insn & 0xfc00_0000 == 0x9400_0000 {
        let offset = i64::from((insn << 6) as i32 >> 6) * 4;
        return Some(CallSite { direct: Some(ret.moved(offset - 4)), indirect: false });
    }
    let indirect = insn & 0xffff_fc1f == 0xd63f_0000 || insn & 0xfeff_f800 == 0xd63f_0800;
    indirect.then_some(CallSite { direct: None, indirect })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_from_other_instructions() {
        let at = |insn: u32| Aarch64.call_before(&insn.to_le_bytes(), VirtAddr(0x1004));
        assert_eq!(at(0x9400_0002).unwrap().direct, Some(VirtAddr(0x1008)));
        assert_eq!(at(0x97ff_ffff).unwrap().direct, Some(VirtAddr(0xffc)));
        assert!(at(0xd63f_0100).unwrap().indirect); // blr x8
        assert!(at(0xd73f_0909).unwrap().indirect); // blraa x8, x9
        assert_eq!(at(0xd65f_03c0), None); // ret
    }

    #[test]
    fn entries_are_told_from_their_handlers() {
        let yes = ["el0t_64_sync", "el1h_64_irq", "el1_irq", "el0_sync", "el0_sync_compat"];
        assert!(yes.iter().all(|f| Aarch64.saves_registers(f)));
        let no = ["el0_svc_common", "el0t_64_sync_handler", "el0_svc", "elevator_init"];
        assert!(!no.iter().any(|f| Aarch64.saves_registers(f)));
    }

    #[test]
    fn signed_addresses_are_stripped() {
        assert_eq!(Aarch64.strip(0x00b6_8000_1000_1234), 0xffff_8000_1000_1234);
        assert_eq!(Aarch64.strip(0x0000_aaaa_0000_1234), 0x0000_aaaa_0000_1234);
    }
}

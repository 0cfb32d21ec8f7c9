//! x86-64.

mod decode;
mod frame;
mod paging;
mod registers;
mod text;

use necropsy_base::{PhysMem, VirtAddr};

use crate::{
    Arch, Boot, BootFacts, CallSite, CpuState, Exception, FrameSetup, Insn, Mapping, PageTables, Regs,
    Resolve, Syntax, WalkError,
};
pub use registers::*;
pub use text::of_32_bit as text_of_32_bit;

/// Registers that a function must preserve (System V ABI).
const PRESERVED: [usize; 7] = [BX, BP, SP, R12, R13, R14, R15];

/// The CPU of PCs and most servers.
pub struct X86_64;

impl Arch for X86_64 {
    fn name(&self) -> &'static str {
        "x86_64"
    }
    fn registers(&self) -> &'static [&'static str] {
        &registers::NAMES
    }
    fn pc(&self) -> usize {
        IP
    }
    fn sp(&self) -> usize {
        SP
    }
    fn fp(&self) -> usize {
        BP
    }
    fn pt_regs_size(&self) -> usize {
        registers::PT_REGS_SIZE
    }
    fn pt_regs(&self, bytes: &[u8]) -> Option<Regs> {
        registers::pt_regs(bytes)
    }
    fn prstatus(&self, note: &[u8]) -> Option<Regs> {
        registers::prstatus(note)
    }
    fn qemu_state(&self, note: &[u8]) -> Option<CpuState> {
        registers::qemu_state(note)
    }
    fn switched_out(&self, frame: &[u8], sp: VirtAddr) -> Option<Regs> {
        registers::switched_out(frame, sp)
    }
    fn switched_out_size(&self) -> usize {
        registers::SWITCHED_OUT_SIZE
    }
    fn user_mode(&self, regs: &Regs) -> bool {
        regs.get(CS).is_some_and(|cs| cs & 3 == 3)
    }
    fn plausible(&self, regs: &Regs) -> bool {
        registers::plausible(regs)
    }
    fn boot(&self, facts: &dyn BootFacts) -> Result<Boot, &'static str> {
        paging::boot(facts)
    }
    fn direct_map(
        &self,
        read: &dyn Fn(&str) -> Option<u64>,
        _number: &dyn Fn(&str) -> Option<i64>,
    ) -> Option<(u64, u64)> {
        let base = read("page_offset_base").filter(|b| b >> 56 == 0xff && b & 0x3fff_ffff == 0)?;
        Some((base, base))
    }
    fn is_kernel(&self, at: VirtAddr) -> bool {
        at.0 >= 0xff00_0000_0000_0000
    }
    fn is_canonical(&self, at: VirtAddr, tables: &PageTables) -> bool {
        paging::is_canonical(at, tables)
    }
    fn translate(&self, phys: &dyn PhysMem, tables: &PageTables, at: VirtAddr) -> Result<Mapping, WalkError> {
        paging::translate(phys, tables, at)
    }
    fn disassemble(&self, code: &[u8], at: VirtAddr) -> Option<Insn> {
        decode::instruction(code, at)
    }
    fn text(&self, code: &[u8], at: VirtAddr, syntax: Syntax, resolve: Resolve<'_>) -> Option<String> {
        text::instruction(code, at, syntax, resolve)
    }
    fn call_before(&self, before: &[u8], ret: VirtAddr) -> Option<CallSite> {
        decode::call_before(before, ret)
    }
    fn exception(&self, entry_function: &str) -> Option<Exception> {
        // `asm_exc_*` since 5.8, the bare names before (arch/x86/entry/entry_64.S).
        let name = entry_function.trim_start_matches("asm_exc_").trim_start_matches("async_");
        Some(match name {
            "page_fault" => Exception::PageFault,
            "general_protection" => Exception::GeneralProtection,
            "invalid_op" => Exception::InvalidOpcode,
            "divide_error" => Exception::Divide,
            "double_fault" => Exception::DoubleFault,
            _ => return None,
        })
    }
    fn argument_registers(&self) -> &'static [usize] {
        &[DI, SI, DX, CX, R8, R9]
    }
    fn return_register(&self) -> Option<usize> {
        Some(AX)
    }
    fn preserved_registers(&self) -> u64 {
        PRESERVED.iter().fold(0, |set, r| set | 1 << r)
    }
    fn exception_stacks(&self) -> Option<&'static str> {
        Some("cea_exception_stacks") // 5.2 and later (asm/cpu_entry_area.h)
    }
    fn frame_setup(&self, code: &[u8], at: usize) -> FrameSetup {
        frame::setup(code, at)
    }
    fn saved_registers(&self, code: &[u8], at: usize) -> Option<Vec<(usize, i64)>> {
        frame::saved(code, at)
    }
    fn stack_depth(&self, code: &[u8], at: usize) -> Option<u64> {
        frame::depth(code, at)
    }
    fn marked_regs(&self, fp: u64) -> Option<u64> {
        // `ENCODE_FRAME_POINTER`, 4.10 and later (arch/x86/include/asm/frame.h).
        (fp & 1 == 1 && fp >> 63 == 1).then_some(fp & !1)
    }
    fn dwarf_register(&self, number: u16) -> Option<usize> {
        registers::DWARF.get(usize::from(number)).copied()
    }
    fn frame_record(&self) -> Option<usize> {
        Some(8)
    }
}

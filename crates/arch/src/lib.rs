//! What a CPU is: page walk, registers, `pt_regs`, disassembly, what a faulting instruction touched.
//!
//! One folder per CPU, one line each in [`ARCHES`]. Nothing here knows a task structure by name.

pub mod aarch64;
mod frame;
mod insn;
mod paging;
mod regs;
mod text;
pub mod x86_64;

use necropsy_base::{PhysMem, VirtAddr};

pub use frame::FrameSetup;
pub use insn::{
    Access, CallSite, Exception, Flow, Insn, MemOperand, Op, Operand, Resolve, Syntax, narrowed, shifted,
};
pub use paging::{Boot, BootFacts, Level, Mapping, PageTables, WalkError};
pub use regs::{CpuState, Regs};
pub use text::instruction_text;

/// A kind of CPU.
///
/// # Porting checklist
///
/// 1. **Names and registers**: `name`, `registers`, `pc`, `sp`, `fp`, `pt_regs_size`, `pt_regs`, `prstatus`: then `bt` shows
///    where each CPU stood.
/// 2. **Memory**: `page_tables`, `translate`, `kernel_image`: then every read works.
/// 3. **Stacks**: `switched_out`, `stacks`, `user_mode`, `unwinds_by`: then sleeping tasks unwind.
/// 4. **Instructions**: `disassemble`, `call_before`: then `dis` works and broken stacks recover.
/// 5. Add the dump of a real guest to the corpus and the line to [`ARCHES`].
///
/// Defaults mean "not yet".
pub trait Arch: Sync {
    /// As `uname -m` says.
    fn name(&self) -> &'static str;
    /// Names of the registers, by index into [`Regs`].
    fn registers(&self) -> &'static [&'static str];
    /// Index of the program counter.
    fn pc(&self) -> usize;
    /// Index of the stack pointer.
    fn sp(&self) -> usize;
    /// Index of the frame pointer.
    fn fp(&self) -> usize;

    /// Size of `struct pt_regs`.
    fn pt_regs_size(&self) -> usize;
    /// Registers out of the bytes of a `struct pt_regs`.
    fn pt_regs(&self, bytes: &[u8]) -> Option<Regs>;
    /// Registers out of the descriptor of an `NT_PRSTATUS` note.
    fn prstatus(&self, note: &[u8]) -> Option<Regs>;
    /// Registers and control registers out of QEMU's own CPU state note.
    fn qemu_state(&self, _note: &[u8]) -> Option<CpuState> {
        None
    }
    /// Registers of a sleeping task out of the frame that the context switch leaves at its saved stack pointer.
    fn switched_out(&self, _frame: &[u8], _sp: VirtAddr) -> Option<Regs> {
        None
    }
    /// Size of the frame that [`Arch::switched_out`] wants; 0 where the context switch saves registers in the task instead.
    fn switched_out_size(&self) -> usize {
        0
    }
    /// Whether these registers are those of user space.
    fn user_mode(&self, regs: &Regs) -> bool;
    /// Whether `regs` could be the registers of kernel code: segments, flags, alignment.
    fn plausible(&self, regs: &Regs) -> bool;

    /// Where the kernel is, from the dump's own description; `Err` names what is missing.
    fn boot(&self, facts: &dyn BootFacts) -> Result<Boot, &'static str>;
    /// Where all RAM is mapped in a row: first virtual address, and what to subtract to get the physical one. `read` gives
    /// the value of a kernel variable, `number` that of a VMCOREINFO key.
    fn direct_map(
        &self,
        _read: &dyn Fn(&str) -> Option<u64>,
        _number: &dyn Fn(&str) -> Option<i64>,
    ) -> Option<(u64, u64)> {
        None
    }
    /// Whether the address is one that the kernel itself uses.
    fn is_kernel(&self, at: VirtAddr) -> bool;
    /// Whether the CPU accepts the address at all.
    fn is_canonical(&self, at: VirtAddr, tables: &PageTables) -> bool;
    /// Walks the page tables.
    fn translate(&self, phys: &dyn PhysMem, tables: &PageTables, at: VirtAddr) -> Result<Mapping, WalkError>;

    /// The instruction at `at`; `code` begins there. `None` when the bytes are no instruction.
    fn disassemble(&self, _code: &[u8], _at: VirtAddr) -> Option<Insn> {
        None
    }
    /// Text of the instruction at `at`; `resolve` names addresses.
    fn text(&self, _code: &[u8], _at: VirtAddr, _syntax: Syntax, _resolve: Resolve<'_>) -> Option<String> {
        None
    }
    /// The call whose last byte stands just before `ret`, if `before` (which ends there) can be read as one.
    fn call_before(&self, _before: &[u8], _ret: VirtAddr) -> Option<CallSite> {
        None
    }
    /// How many bytes [`Arch::call_before`] wants at most.
    fn longest_call(&self) -> usize {
        8
    }
    /// Where the caller's registers are in a frame-pointer chain: the pair `(saved fp, return address)` at the frame pointer.
    fn frame_record(&self) -> Option<usize> {
        None
    }
    /// How far a function has got with its frame record `at` bytes into `code`, which begins where it does.
    fn frame_setup(&self, _code: &[u8], _at: usize) -> FrameSetup {
        FrameSetup::Unknown
    }
    /// Where a function has saved the registers that it must preserve, `at` bytes into `code`: each with the distance of its slot
    /// from the caller's stack pointer before the call.
    fn saved_registers(&self, _code: &[u8], _at: usize) -> Option<Vec<(usize, i64)>> {
        None
    }
    /// How many bytes a function keeps between the stack pointer and its return address, `at` bytes into `code`.
    fn stack_depth(&self, _code: &[u8], _at: usize) -> Option<u64> {
        None
    }
    /// Where a `pt_regs` is, if the frame pointer is a mark that an entry function leaves to say so.
    fn marked_regs(&self, _fp: u64) -> Option<u64> {
        None
    }
    /// Index of the register with this number in DWARF.
    fn dwarf_register(&self, _number: u16) -> Option<usize> {
        None
    }
    /// Which exception a low-level entry function of the kernel handles; `None` for interrupts and system calls.
    fn exception(&self, _entry_function: &str) -> Option<Exception> {
        None
    }
    /// The registers that carry a function's first arguments, in order.
    fn argument_registers(&self) -> &'static [usize] {
        &[]
    }
    /// The register that carries what a function returns.
    fn return_register(&self) -> Option<usize> {
        None
    }
    /// Registers that a called function must not change, as a bit set.
    fn preserved_registers(&self) -> u64 {
        0
    }
    /// Whether an entry function keeps its `pt_regs` around the frame record that its frame pointer names.
    fn saves_registers(&self, _function: &str) -> bool {
        false
    }
    /// The per-CPU pointer, and the struct of the same name behind it, that holds the stacks exceptions switch to.
    fn exception_stacks(&self) -> Option<&'static str> {
        None
    }
    /// Removes the signature bits that pointer authentication leaves in a code address.
    fn strip(&self, pc: u64) -> u64 {
        pc
    }
}

/// Every CPU there is.
pub static ARCHES: &[&dyn Arch] = &[&x86_64::X86_64, &aarch64::Aarch64];

/// The CPU with this `uname -m` name.
pub fn by_name(name: &str) -> Option<&'static dyn Arch> {
    ARCHES.iter().copied().find(|a| a.name() == name)
}

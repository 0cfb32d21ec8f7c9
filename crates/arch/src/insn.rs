//! What an instruction does, in terms that hold on every CPU. Registers are indices into [`crate::Regs`].

use necropsy_base::VirtAddr;

use crate::Regs;

/// How to write instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// As `objdump` and `gdb` do by default (AT&T on x86).
    #[default]
    Gnu,
    /// Intel's on x86; the same as [`Syntax::Gnu`] elsewhere.
    Intel,
}

/// Names an address as `symbol+offset`.
pub type Resolve<'a> = &'a dyn Fn(u64) -> Option<String>;

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next one.
    Next,
    /// Away for good; the target if it is fixed.
    Jump(Option<VirtAddr>),
    /// Away or to the next one.
    Branch(VirtAddr),
    /// To a function and back; the target if it is fixed.
    Call(Option<VirtAddr>),
    /// To the caller.
    Return,
    /// Into a trap (`ud2`, `int3`).
    Trap,
}

/// What is done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Bytes are loaded.
    Read,
    /// Bytes are stored.
    Write,
    /// Both.
    ReadWrite,
    /// Only the address is computed.
    None,
}

/// A memory operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemOperand {
    /// Register added.
    pub base: Option<usize>,
    /// Register added after scaling.
    pub index: Option<usize>,
    /// Factor of `index`.
    pub scale: u8,
    /// Constant added; for addresses relative to the program counter the whole address.
    pub disp: u64,
    /// Relative to the per-CPU area (GS on x86-64).
    pub percpu: bool,
    /// Bytes touched.
    pub size: u8,
    /// What is done.
    pub access: Access,
}

impl MemOperand {
    /// The address, when the registers it needs are known and it is not per-CPU.
    pub fn address(&self, regs: &Regs) -> Option<u64> {
        if self.percpu {
            return None;
        }
        let part = |r: Option<usize>| r.map_or(Some(0), |r| regs.get(r));
        let index = part(self.index)?.wrapping_mul(u64::from(self.scale));
        Some(part(self.base)?.wrapping_add(index).wrapping_add(self.disp))
    }
}

/// A source operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A register.
    Reg(usize),
    /// A constant.
    Imm(u64),
    /// The memory operand.
    Mem,
}

/// The few operations that following a value backwards needs; all else is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `dst = src`.
    Move {
        /// Register written.
        dst: usize,
        /// Where the value comes from.
        src: Operand,
    },
    /// `memory = src`.
    Store {
        /// What is written.
        src: Operand,
    },
    /// `dst = address of the memory operand`.
    Address {
        /// Register written.
        dst: usize,
    },
    /// `dst += constant`.
    Add {
        /// Register changed.
        dst: usize,
        /// The constant.
        by: u64,
    },
    /// `dst &= constant`.
    And {
        /// Register changed.
        dst: usize,
        /// The constant.
        mask: u64,
    },
    /// `dst += src`.
    Sum {
        /// Register changed.
        dst: usize,
        /// What is added: a register or the memory operand.
        src: Operand,
        /// Whether on 64 bits; else the upper 32 become zero.
        wide: bool,
    },
    /// `dst <<= by`; to the right, without sign, where `by` is negative.
    Shift {
        /// Register changed.
        dst: usize,
        /// Bits.
        by: i8,
        /// Whether on 64 bits; else the upper 32 become zero.
        wide: bool,
    },
    /// Two values are compared, and nothing but flags changed.
    Compare {
        /// The one.
        left: Operand,
        /// The other.
        right: Operand,
    },
    /// Bits of a value are tested, and nothing but flags changed.
    Test {
        /// The value.
        value: Operand,
    },
    /// Anything else.
    Other,
}

/// What an operation leaves of a value: all of it, or the lower 32 bits.
pub fn narrowed(value: u64, wide: bool) -> u64 {
    if wide { value } else { value & 0xffff_ffff }
}

/// A value shifted as [`Op::Shift`] does.
pub fn shifted(value: u64, by: i8, wide: bool) -> u64 {
    let (value, bits) = (narrowed(value, wide), u32::from(by.unsigned_abs()));
    let moved = if by < 0 { value.checked_shr(bits) } else { value.checked_shl(bits) };
    narrowed(moved.unwrap_or(0), wide)
}

/// An instruction, decoded as far as diagnosis needs.
#[derive(Clone, Debug)]
pub struct Insn {
    /// Where it is.
    pub at: VirtAddr,
    /// Its length in bytes.
    pub len: u8,
    /// Where control goes.
    pub flow: Flow,
    /// The explicit memory operand, or the implicit one of a string operation.
    pub mem: Option<MemOperand>,
    /// Whether it works on a run of memory (`rep movs`, `rep stos`).
    pub string: bool,
    /// The second memory operand of a string move: what it reads, where `mem` is what it writes.
    pub source: Option<MemOperand>,
    /// What it computes.
    pub op: Op,
    /// Registers whose value it changes, as a bit set of indices.
    pub writes: u64,
}

impl Insn {
    /// The address after it.
    pub fn next(&self) -> VirtAddr {
        self.at.offset(u64::from(self.len))
    }
    /// Whether it changes `reg`.
    pub fn changes(&self, reg: usize) -> bool {
        reg < 64 && self.writes >> reg & 1 == 1
    }
}

/// How a return address came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Target of the direct call that ends there, if the bytes can be read as one.
    pub direct: Option<VirtAddr>,
    /// Whether the bytes can be read as an indirect call.
    pub indirect: bool,
}

/// Kinds of CPU exceptions that kill a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exception {
    /// An access that the page tables do not allow.
    PageFault,
    /// A rule of the CPU was broken: a non-canonical address, a bad segment.
    GeneralProtection,
    /// Bytes that are no instruction, `ud2` among them.
    InvalidOpcode,
    /// A division by zero, or one whose result does not fit.
    Divide,
    /// An exception while another was delivered.
    DoubleFault,
}

//! ORC: how to unwind from every instruction (x86-64 since 4.14; arch/x86/include/asm/orc_types.h,
//! arch/x86/kernel/unwind_orc.c).

mod entry;
mod layout;
mod table;
#[cfg(test)]
mod tests;

use necropsy_base::ReadError;

pub use entry::{Base, OrcEntry, OrcKind};
pub use layout::OrcLayout;
pub use table::OrcTable;

/// What an entry with [`Base::SpIndirect`] means by "the previous stack pointer". The table does not tell the two
/// apart: try [`SpIndirect::LoadThenAdd`] and, where the frame does not validate, the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpIndirect {
    /// `*(sp) + offset`: since 5.12 (87ccc826bf1c).
    #[default]
    LoadThenAdd,
    /// `*(sp + offset)`: up to 5.11.
    AddThenLoad,
}

/// Why there is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrcError {
    /// More entries than any kernel has, or none.
    #[error("an ORC table of {0} entries")]
    Count(u64),
    /// The table cannot be read.
    #[error("ORC table: {0}")]
    Read(#[from] ReadError),
}

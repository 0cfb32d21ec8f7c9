//! Names and types out of bytes: kallsyms, BTF, ORC, ELF, DWARF.
//!
//! The readers know tables, not machines: they take bytes, or a [`necropsy_base::Memory`] and the addresses of the
//! tables. Every byte may be wrong: a damaged table is an error or fewer answers, never a panic or an endless loop.

pub mod btf;
pub mod dwarf;
pub mod elf;
mod file_bytes;
pub mod kallsyms;
pub mod locate;
pub mod orc;
pub mod types;

mod mapping;
mod name_index;

pub use btf::{Btf, BtfError};
pub use dwarf::{DebugFile, DwarfError, DwarfTypes};
pub use elf::{ElfError, ElfSymbol};
pub use file_bytes::FileBytes;
pub use kallsyms::{Encoding, KSymbol, Kallsyms, KallsymsError, Keys};
pub use orc::{Base, OrcEntry, OrcError, OrcKind, OrcLayout, OrcTable, SpIndirect};
pub use types::{Kind, Member, MemberAt, MemberPath, Name, Qualifier, Type, TypeError, TypeId, Types};

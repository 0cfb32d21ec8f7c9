//! Writes the tables that give names to bytes: BTF, kallsyms, ORC, ELF.
//!
//! Numbers and layouts are written down here anew, from the kernel's headers, so that a mistake in a reader cannot
//! cancel out.

mod btf;
mod elf;
mod kallsyms;
mod orc;
mod out;

pub use btf::BtfBuilder;
pub use elf::{ElfBuilder, elf_note, elf_symbols};
pub use kallsyms::{KallsymsBuilder, KallsymsImage, Order, Written};
pub use orc::{OrcSpec, orc_bytes};

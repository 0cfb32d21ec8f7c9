//! Writes the tables that give names to bytes: BTF, kallsyms, ORC, ELF, call frame information.
//!
//! Numbers and layouts are written down here anew, from the kernel's headers, so that a mistake in a reader cannot
//! cancel out.

mod btf;
mod elf;
mod frames;
mod kallsyms;
mod orc;
mod out;

pub use btf::BtfBuilder;
pub use elf::{ElfBuilder, elf_note, elf_symbols};
pub use frames::{Cfi, FrameSpec, debug_frame, eh_frame};
pub use kallsyms::{KallsymsBuilder, KallsymsImage, Order, Written};
pub use orc::{OrcSpec, orc_bytes};

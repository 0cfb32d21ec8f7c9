//! ELF, as much as a dead kernel needs: symbol tables of loaded modules, build IDs, and enough of a file to tell a
//! right vmlinux from a wrong one.

mod file;
mod notes;
mod references;
mod symbols;
#[cfg(test)]
mod tests;

use necropsy_base::IoError;

pub use file::{File, Section, Segment};
pub use notes::{Note, build_id, notes};
pub use references::{Reference, RefersTo, contents, references};
pub use symbols::{ElfSymbol, symbol_value, symbols};

/// Why bytes are not a usable ELF file.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The first bytes are not those of ELF.
    #[error("not an ELF file")]
    Magic,
    /// A class that is neither 32 nor 64 bits, or a byte order that does not exist.
    #[error("ELF of class {class} and byte order {order}")]
    Class {
        /// `EI_CLASS`.
        class: u8,
        /// `EI_DATA`.
        order: u8,
    },
    /// A header or table lies outside of the file, or is larger than any real one.
    #[error("ELF {table} is damaged")]
    Table {
        /// `header`, `program headers`, `section headers`, `section names`.
        table: &'static str,
    },
    /// No such section.
    #[error("no section {0}")]
    NoSection(String),
    /// A section larger than the caller wants to read.
    #[error("section {name} has {size} bytes, at most {max} are wanted")]
    TooLarge {
        /// The section.
        name: String,
        /// Its size.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

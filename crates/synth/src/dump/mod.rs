//! Writes crash dumps byte by byte from the documented layouts.

mod bytes;
mod codec;
mod elf;
mod flattened;
mod kdump;
mod sparse;

use necropsy_base::Abi;

pub use codec::Codec;
pub use elf::{ElfOptions, elf};
pub use flattened::{Order, flattened};
pub use kdump::{KdumpOptions, kdump};
pub use sparse::sparse_kdump;

/// What is to become of a page of RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// It is dumped; exactly one page of bytes.
    Data(Vec<u8>),
    /// It was RAM and is left out.
    Filtered,
    /// There is no RAM.
    Hole,
}

/// An ELF note.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its name, without NUL.
    pub name: &'static str,
    /// Its type.
    pub kind: u32,
    /// Its descriptor.
    pub data: Vec<u8>,
}

/// All that goes into a dump.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Byte order and pointer width.
    pub abi: Abi,
    /// `uname -m`.
    pub machine: &'static str,
    /// ELF `e_machine`.
    pub elf_machine: u16,
    /// Bytes per page.
    pub page_size: usize,
    /// One entry per page frame from 0 on.
    pub pages: Vec<Page>,
    /// Notes other than VMCOREINFO.
    pub notes: Vec<Note>,
    /// Text of VMCOREINFO; empty: none.
    pub vmcoreinfo: String,
}

/// A written file.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where structures begin or end.
    pub marks: Vec<usize>,
}

impl Memory {
    /// The bytes of all notes; VMCOREINFO is the last.
    fn note_bytes(&self) -> Vec<u8> {
        let info = Note { name: "VMCOREINFO", kind: 0, data: self.vmcoreinfo.clone().into_bytes() };
        let info = Some(info).filter(|i| !i.data.is_empty());
        let mut out = Vec::new();
        for note in self.notes.iter().chain(info.iter()) {
            for number in [note.name.len() as u64 + 1, note.data.len() as u64, u64::from(note.kind)] {
                out.extend(self.abi.bytes(number, 4));
            }
            out.extend_from_slice(note.name.as_bytes());
            out.push(0);
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend_from_slice(&note.data);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }
}

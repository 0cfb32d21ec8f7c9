//! Why a read failed: always an address and a reason, never a short read.

use std::fmt;

/// Which kind of memory an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Physical memory.
    Physical,
    /// Kernel virtual memory.
    Kernel,
    /// The virtual memory of a process.
    User,
}

/// Why bytes are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// makedumpfile left the page out; bits as in its dump level (1 zero, 2 cache, 4 private cache, 8 user, 16 free).
    Filtered(u32),
    /// The file holds nothing there; zero or left out cannot be told apart (ELF with a smaller file size).
    ZeroOrFiltered,
    /// No RAM at this physical address.
    Hole,
    /// The dump is incomplete: it ends before this page, or the page was lost while writing.
    Lost,
    /// The page is in the dump but its bytes do not decode.
    Corrupt,
    /// The file could not be read.
    Io,
    /// No page table entry maps the virtual address.
    NotMapped,
    /// The page was swapped out; the entry's raw value is lost on purpose (see `vtop`).
    Swapped,
    /// No such virtual address on this CPU.
    NonCanonical,
    /// The page tables themselves cannot be read.
    PageTable,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Filtered(0) => write!(f, "page left out of the dump by makedumpfile"),
            Why::Filtered(level) => {
                write!(f, "page left out of the dump by makedumpfile (dump level {level})")
            }
            Why::ZeroOrFiltered => write!(f, "page zero or left out of the dump"),
            Why::Hole => write!(f, "no memory at this physical address"),
            Why::Lost => write!(f, "page lost: the dump is incomplete"),
            Why::Corrupt => write!(f, "page damaged in the dump file"),
            Why::Io => write!(f, "the dump file could not be read"),
            Why::NotMapped => write!(f, "address not mapped"),
            Why::Swapped => write!(f, "page swapped out"),
            Why::NonCanonical => write!(f, "not a valid address on this CPU"),
            Why::PageTable => write!(f, "page tables could not be read"),
        }
    }
}

/// A read that could not be done whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{at:#x}: {why}", match .space { Space::Physical => "physical ", Space::Kernel => "", Space::User => "user " })]
pub struct ReadError {
    /// What kind of address `at` is.
    pub space: Space,
    /// The first address that could not be read.
    pub at: u64,
    /// The reason.
    pub why: Why,
}

impl ReadError {
    /// A failed read of physical memory.
    pub fn phys(at: crate::PhysAddr, why: Why) -> Self {
        ReadError { space: Space::Physical, at: at.0, why }
    }
    /// A failed read of kernel virtual memory.
    pub fn kernel(at: crate::VirtAddr, why: Why) -> Self {
        ReadError { space: Space::Kernel, at: at.0, why }
    }
}

/// A failed read of a [`crate::Store`].
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The store ends before the bytes asked for.
    #[error("the file ends at {len:#x}, but {at:#x} was to be read")]
    End {
        /// Where the read began.
        at: u64,
        /// Length of the store.
        len: u64,
    },
    /// The operating system's error.
    #[error(transparent)]
    Os(#[from] std::io::Error),
}

//! Values of a page walk, common to all CPUs.

use necropsy_base::{PhysAddr, ReadError, VirtAddr, Why};

/// Where an address space begins and how its entries read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTables {
    /// Physical address of the top table.
    pub root: PhysAddr,
    /// Number of table levels.
    pub levels: u8,
    /// Bits of a page: 12 for 4 KiB.
    pub page_shift: u8,
    /// Bits of a virtual address that are translated.
    pub va_bits: u8,
    /// Bits of an entry that are no address though they stand where addresses do (SME's encryption bit).
    pub ignored: u64,
}

/// One step of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// The level's name: `PGD`, `PTE` …
    pub name: &'static str,
    /// Where the entry lies.
    pub entry_at: PhysAddr,
    /// The entry.
    pub entry: u64,
}

/// The result of a walk.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The physical address.
    pub phys: PhysAddr,
    /// Size of the page it is on.
    pub size: u64,
    /// May be written.
    pub writable: bool,
    /// May be reached from user mode.
    pub user: bool,
    /// May be executed.
    pub executable: bool,
    /// The steps, top first; unused ones have an empty name.
    pub levels: [Level; 5],
}

/// Why a walk did not end at a page.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WalkError {
    /// The CPU does not accept such an address.
    #[error("{0:#x} is not a canonical address")]
    NonCanonical(VirtAddr),
    /// An entry is not present; the steps so far.
    #[error("not mapped: no {} entry for {at:#x}", .level.name)]
    NotMapped {
        /// The address.
        at: VirtAddr,
        /// The empty entry.
        level: Level,
        /// The steps so far, that one included, top first; unused ones have an empty name.
        levels: Box<[Level; 5]>,
    },
    /// A table could not be read.
    #[error("{name} of {at:#x}: {cause}")]
    Table {
        /// The address.
        at: VirtAddr,
        /// Which table.
        name: &'static str,
        /// The failed read.
        cause: ReadError,
    },
}

impl WalkError {
    /// The reason as reads give it.
    pub fn why(&self) -> Why {
        match self {
            WalkError::NonCanonical(_) => Why::NonCanonical,
            WalkError::NotMapped { level, .. } if level.entry != 0 && level.name == "PTE" => Why::Swapped,
            WalkError::NotMapped { .. } => Why::NotMapped,
            WalkError::Table { .. } => Why::PageTable,
        }
    }
}

/// What a dump's own description (VMCOREINFO) says; the keys are the kernel's.
pub trait BootFacts {
    /// `NUMBER(name)`.
    fn number(&self, name: &str) -> Option<i64>;
    /// `SYMBOL(name)`.
    fn symbol(&self, name: &str) -> Option<u64>;
    /// Bits of a page: 12 for 4 KiB.
    fn page_shift(&self) -> u8;
    /// `phys_base` as the dump's header gives it.
    fn phys_base(&self) -> Option<i64>;
    /// The virtual and the physical address of a piece of memory that the dump's file maps among `addresses`.
    fn mapped(&self, _addresses: &std::ops::Range<u64>) -> Option<(u64, u64)> {
        None
    }
}

/// Where the kernel image lies and how its virtual memory is translated.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Virtual addresses among which the kernel image lies.
    pub image: std::ops::Range<u64>,
    /// What to subtract from an image address to get the physical one (wrapping).
    pub delta: u64,
    /// Whether every address of `image` may be translated that way; else only the page tables know.
    pub linear: bool,
    /// The kernel's page tables.
    pub tables: PageTables,
}

//! Addresses, checked reads and the traits that both sides of every wall speak.
//!
//! This crate knows nothing of Linux and opens no files. `dump` implements [`PhysMem`] and [`Store`], `target`
//! implements [`Memory`] on top of it, `debuginfo` and `arch` read through them.

mod abi;
mod addr;
mod budget;
mod cache;
mod confidence;
mod cursor;
mod error;
mod ranges;
mod traits;

pub use abi::{Abi, Endian};
pub use addr::{Address, FileOff, Pfn, PhysAddr, VirtAddr};
pub use budget::{Budget, Exhausted, Progress};
pub use cache::Cache;
pub use confidence::Confidence;
pub use cursor::{Cursor, OutOfBounds};
pub use error::{IoError, ReadError, Space, Why};
pub use ranges::RangeSet;
pub use traits::{Memory, MemoryExt, Near, PhysMem, Store, Symbols};

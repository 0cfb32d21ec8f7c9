//! Crash dump files: physical pages, CPU notes and VMCOREINFO.
//!
//! [`open`] takes the file (or the parts of a split dump), asks every entry of [`FORMATS`] whether it knows the
//! first bytes, and gives a [`Source`]. Nothing here knows symbols or page tables.

mod chunks;
mod error;
pub mod formats;
mod looks;
mod meta;
mod notes;
mod open;
mod scan;
mod store;
mod text;
mod vmcoreinfo;

pub use error::OpenError;
pub use formats::{FORMATS, Format, Part};
pub use meta::{CpuNote, CpuNoteKind, DeviceDump, DumpMeta, Machine, Segment, Source, Uts};
pub use open::{open, open_stores};
pub use scan::scan_vmcoreinfo;
pub use store::FileStore;
pub use vmcoreinfo::VmcoreInfo;

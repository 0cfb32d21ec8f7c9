//! Before, at and after a crash: is kdump ready ([`kdump`]), what does the kernel report as it happens ([`watch`]), what did a crash
//! leave behind ([`collect`]).
//!
//! Everything is values first; text, JSON and metrics are renderings. Nothing here opens a dump or reads debugging information: that
//! is done by the program itself, in a child process with limits.

mod child;
pub mod classes;
pub mod collect;
mod files;
pub mod kdump;
pub mod metrics;
mod root;
mod units;
pub mod watch;

pub use files::{write_public, write_whole};
pub use root::{Read, Root};
pub use units::{bytes, duration};

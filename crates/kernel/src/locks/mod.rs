//! Who waits for what: the locks that blocked tasks wait for, proven from memory, and who holds them.
//!
//! A task that waits for a lock has a waiter structure on its own stack, linked into the lock's list. The functions on the
//! stack tell the lock's kind, the list leads to the lock, the lock names its owner. Nothing of this needs debuginfo.

mod functions;
mod graph;
mod lock;
mod name;
mod scene;
mod shape;
mod wait;
mod waiter;

use necropsy_base::VirtAddr;
use serde::Serializer;

pub use functions::{WaitKind, is_scheduler, wait_function};
pub use graph::{Cycle, Root, Waits, is_blocked};
pub use lock::{Lock, Owner, lock_at};
pub use wait::Wait;

/// Addresses in JSON are text: JavaScript cannot hold them as numbers.
fn hex<S: Serializer>(at: &VirtAddr, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{:#018x}", at.0))
}

//! Whether the kernel's code is what it should be.
//!
//! By the dump alone: [`hooks()`] looks for transfers into the code of modules, which the kernel's own code has none of; [`Stream`] decodes
//! one function and holds it against what the kernel knows about it (unwind table, symbols). With the kernel's file or a
//! module's: [`Built`] compares byte by byte and leaves out what the kernel patches itself.

mod built;
mod hooks;
mod linked;
mod stream;

pub use built::{Built, Difference};
pub use hooks::{Hook, Hooks, hooks};
pub use stream::{Contradiction, Repair, Stream};

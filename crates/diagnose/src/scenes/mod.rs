//! What detectives look at, as values for those who want to see it themselves: the commands of evidence show these.

mod fault;
mod hidden;
mod memory;
mod object;
mod waits;

pub use fault::fault;
pub use hidden::hidden;
pub(crate) use hidden::{address, doing, functions};
pub use memory::memory;
pub use object::object;
pub use waits::{circles, spins, waits};

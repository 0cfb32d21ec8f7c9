//! Several independent ways to count the same things: what is missing from one of them was taken out of it.

mod modules;
mod sockets;
mod tasks;
pub(crate) mod tree;

pub use modules::{HiddenModule, Way, hidden_modules, modules_in_memory};
pub use sockets::{HiddenSocket, hidden_sockets};
pub use tasks::{HiddenTask, hidden_tasks};

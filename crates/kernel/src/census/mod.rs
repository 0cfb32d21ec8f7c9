//! Several independent ways to count the same things: what is missing from one of them was taken out of it.

mod modules;
mod tasks;
pub(crate) mod tree;

pub use modules::{HiddenModule, Way, hidden_modules, modules_in_memory};
pub use tasks::{HiddenTask, hidden_tasks};

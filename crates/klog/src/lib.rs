//! Kernel log text: which lines are events, and what role each plays.
//!
//! One pattern, one line in [`PATTERNS`], with real example lines that the tests check.

mod events;
mod patterns;

pub use events::{Event, Role, events};
pub use patterns::{PATTERNS, Pattern};

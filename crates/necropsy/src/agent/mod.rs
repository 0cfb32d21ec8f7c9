//! Before, at and after a crash: `kdump`, `collect`, `watch`.

mod kdump;

pub use kdump::{Kdump, run as kdump};

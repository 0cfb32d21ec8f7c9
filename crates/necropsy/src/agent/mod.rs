//! Before, at and after a crash: `kdump`, `collect`, `watch`.

mod kdump;
mod watch;

pub use kdump::{Kdump, run as kdump};
pub use watch::{WatchArgs, run as watch};

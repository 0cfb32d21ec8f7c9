//! Before, at and after a crash: `kdump`, `collect`, `watch`.

mod collect;
mod kdump;
mod watch;

pub use collect::{CollectArgs, run as collect};
pub use kdump::{Kdump, run as kdump};
pub use watch::{WatchArgs, run as watch};

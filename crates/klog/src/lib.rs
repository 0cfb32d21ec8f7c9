//! Kernel log text: records, reports, titles and fingerprints. Needs no dump.
//!
//! The smallest pieces read one line: [`Prefix`] takes off what syslog, `dmesg` and `printk` put before a message,
//! [`parse_frame`] finds `function+0x12/0x34 [module]`, [`parse_code`] the bytes of a `Code:` line, [`parse_modules`] the
//! list of modules.

mod code;
mod events;
mod frame;
mod modules;
mod patterns;
mod prefix;

pub use code::{CodeBytes, CodeLine, disassemble, parse_code};
pub use events::{Event, Role, events};
pub use frame::{FrameRole, LogFrame, parse_frame, parse_frames};
pub use modules::{ModuleName, Modules, parse_modules};
pub use patterns::{PATTERNS, Pattern};
pub use prefix::{Caller, Prefix};

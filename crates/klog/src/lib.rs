//! Kernel log text: records, reports, titles and fingerprints. Needs no dump.
//!
//! The smallest pieces read one line: [`Prefix`] takes off what syslog, `dmesg` and `printk` put before a message,
//! [`parse_frame`] finds `function+0x12/0x34 [module]`, [`parse_code`] the bytes of a `Code:` line, [`parse_modules`] the
//! list of modules. A [`Detector`] makes [`Report`]s of [`Record`]s.

mod blame;
mod cached;
mod code;
mod details;
mod detect;
mod events;
mod fingerprint;
mod frame;
mod input;
mod modules;
mod patterns;
mod prefix;
mod record;
mod report;
mod roles;
mod title;

pub use blame::{canonical, function_name, never_to_blame};
pub use code::{CodeBytes, CodeLine, disassemble, parse_code};
pub use details::{
    Fault, HardwareError, Link, LockUse, Lockdep, MachineCheck, Object, Oom, OomTask, Step, meaning_of,
};
pub use detect::{Detector, Limits};
pub use events::{Event, Role, events};
pub use fingerprint::{Fingerprint, VERSION as FINGERPRINT_VERSION};
pub use frame::{FrameRole, LogFrame, parse_frame, parse_frames};
pub use input::{Live, Summary, decompressed, is_pstore_part, read_records, read_reports, reports, text_of};
pub use modules::{ModuleName, Modules, parse_modules};
pub use patterns::{Kind, PATTERNS, Pattern};
pub use prefix::{Caller, Prefix};
pub use record::Record;
pub use report::{Followed, LogStack, Report, StackFrame};
pub use title::{clean as clean_title, kind_of};

/// What a line of `reports` looks like, as a JSON schema.
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Report>().to_value()
}

//! One message of the kernel, wherever it was kept.

use crate::Caller;

/// A line of the log, or a record of a journal, without what stood before the message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Number of the line in the input, from 1.
    pub line: u64,
    /// Seconds since boot.
    pub seconds: Option<f64>,
    /// Severity, 0 (emergency) to 7 (debug).
    pub level: Option<u8>,
    /// Facility; 0 is the kernel.
    pub facility: Option<u8>,
    /// Who printed it.
    pub caller: Option<Caller>,
    /// The CPU it was printed on.
    pub cpu: Option<u32>,
    /// The message; bytes that are no text are written `\xNN`.
    pub text: String,
    /// Whether the input gave anything but the message: a time, a level, a tag.
    pub tagged: bool,
    /// Whether another program than the kernel wrote it.
    pub foreign: bool,
}

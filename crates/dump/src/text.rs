//! Bytes of a dump as text.

use std::fmt::Write;

/// The bytes before the first NUL; control characters are escaped and bad UTF-8 is replaced.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let bytes = until_nul(bytes);
    let mut out = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The bytes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

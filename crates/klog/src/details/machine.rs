//! What a machine check bank's status says, by the architectural bits that all x86 CPUs share.

use schemars::JsonSchema;
use serde::Serialize;

/// A decoded status register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MachineCheck {
    /// The bank.
    pub bank: Option<u32>,
    /// The status, in hex.
    pub status: String,
    /// Its flags: `uncorrected`, `context corrupt` …
    pub flags: Vec<&'static str>,
    /// What kind of error the code is.
    pub error: &'static str,
}

const FLAGS: &[(u32, &str)] = &[
    (62, "overflow"),
    (61, "uncorrected"),
    (60, "enabled"),
    (59, "misc valid"),
    (58, "address valid"),
    (57, "processor context corrupt"),
    (56, "signalled"),
    (55, "action required"),
];

/// Decodes a status.
pub(super) fn decode(status: &str, bank: Option<&str>) -> Option<MachineCheck> {
    let bits = u64::from_str_radix(status, 16).ok()?;
    let flags = FLAGS.iter().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| *name).collect();
    let code = bits & 0xefff;
    let error = match code {
        0 => "no error",
        1 => "unclassified",
        2 => "microcode ROM parity",
        3 => "external error",
        4 => "functional redundancy check",
        5 => "internal parity",
        0x400 => "internal timer",
        0x0e0b => "generic I/O",
        _ if code >> 4 == 1 => "TLB",
        _ if code >> 7 == 1 => "memory controller",
        _ if code >> 8 == 1 => "cache hierarchy",
        _ if code >> 11 == 1 => "bus or interconnect",
        _ if code >> 10 == 1 => "internal, unclassified",
        _ if code >> 2 == 3 => "cache hierarchy, generic",
        _ => "unknown code",
    };
    Some(MachineCheck {
        bank: bank.and_then(|b| b.parse().ok()),
        status: format!("{bits:#018x}"),
        flags,
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_status() {
        let m = decode("be00000000800400", Some("7")).unwrap();
        assert_eq!((m.bank, m.error), (Some(7), "internal timer"));
        assert!(m.flags.contains(&"uncorrected") && m.flags.contains(&"processor context corrupt"));
        assert_eq!(decode("zz", None), None);
    }
}

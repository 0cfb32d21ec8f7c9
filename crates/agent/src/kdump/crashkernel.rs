//! `crashkernel=`: how much memory is kept for the capture kernel.
//!
//! The grammar is kernel/crash_reserve.c's (kernel/crash_core.c before 6.9): `X[@Y]`, `START-[END]:SIZE,…[@Y]`, `X,high`, `Y,low`,
//! `X,cma`; of several of a kind the last counts. The recommendations are those of the distributions' own tools.

use super::Family;

/// What a kernel's command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crashkernel {
    /// The parameters, as written.
    pub written: Vec<String>,
    /// Bytes that they ask for on a machine with the memory that was given; `None`: it cannot be told.
    pub bytes: Option<u64>,
    /// Why not.
    pub wrong: Option<String>,
}

impl Crashkernel {
    /// Reads a command line for a machine with so much memory.
    pub fn of(cmdline: &str, memory: Option<u64>) -> Option<Crashkernel> {
        let values: Vec<&str> =
            cmdline.split_ascii_whitespace().filter_map(|w| w.strip_prefix("crashkernel=")).collect();
        if values.is_empty() {
            return None;
        }
        let with = |suffix: &str| values.iter().rev().find_map(|v| v.strip_suffix(suffix));
        let plain =
            values.iter().rev().find(|v| ![",high", ",low", ",cma"].iter().any(|s| v.ends_with(s))).copied();
        let mut found = Crashkernel {
            written: values.iter().map(|v| format!("crashkernel={v}")).collect(),
            ..Crashkernel::default()
        };
        let main = match (plain, with(",high")) {
            (Some(plain), _) => sized(plain, memory),
            (None, Some(high)) => size(high).map(Some).ok_or_else(|| format!("{high} is no size")),
            (None, None) => Err("there is no size but for ,low or ,cma".to_owned()),
        };
        match main {
            Ok(Some(bytes)) => {
                let low = if plain.is_none() { with(",low").and_then(size).unwrap_or(0) } else { 0 };
                found.bytes = Some(bytes.saturating_add(low));
            }
            Ok(None) => {}
            Err(wrong) => found.wrong = Some(wrong),
        }
        Some(found)
    }
}

/// What a value asks for; `Ok(None)`: it depends on a memory size that is not known.
fn sized(value: &str, memory: Option<u64>) -> Result<Option<u64>, String> {
    let value = value.split('@').next().unwrap_or(value);
    if value == "auto" {
        return Err("auto is understood by no current kernel".to_owned());
    }
    if !value.contains(':') {
        return size(value).map(Some).ok_or_else(|| format!("{value} is no size"));
    }
    let mut fits = Some(0);
    for range in value.split(',') {
        let parsed = range.split_once(':').and_then(|(range, bytes)| {
            let (start, end) = range.split_once('-')?;
            let end = if end.is_empty() { u64::MAX } else { size(end)? };
            Some((size(start)?, end, size(bytes)?))
        });
        let Some((start, end, bytes)) = parsed else { return Err(format!("{range} is no range")) };
        if end <= start {
            return Err(format!("{range} ends before it begins"));
        }
        match memory {
            Some(memory) if (start..end).contains(&memory) && fits == Some(0) => fits = Some(bytes),
            Some(_) => {}
            None => fits = None,
        }
    }
    Ok(fits)
}

/// `256M`, `0x10000000`, `1G`: as the kernel's `memparse` reads them.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = match text.char_indices().last()? {
        (at, c) if c.is_ascii_alphabetic() && !text.starts_with("0x") => (&text[..at], Some(c)),
        (at, c @ ('K' | 'k' | 'M' | 'm' | 'G' | 'g' | 'T' | 't')) => (&text[..at], Some(c)),
        _ => (text, None),
    };
    let number: u64 = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    let shift = match unit.map(|c| c.to_ascii_uppercase()) {
        None => 0,
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some('T') => 40,
        Some(_) => return None,
    };
    number.checked_mul(1 << shift)
}

const M: u64 = 1 << 20;
const G: u64 = 1 << 30;

/// Memory from so much on, and what is then to be reserved.
type Table = &'static [(u64, u64)];

/// kdump-utils' kdump-lib.sh.
const RED_HAT_X86: Table = &[(2 * G, 256 * M), (64 * G, 512 * M)];
const RED_HAT_ARM64: Table = &[(2 * G, 256 * M), (4 * G, 320 * M), (64 * G, 576 * M)];
const RED_HAT_PPC64: Table =
    &[(2 * G, 384 * M), (4 * G, 512 * M), (16 * G, 1 << 30), (64 * G, 2 * G), (128 * G, 4 * G)];
/// kdump-tools' /etc/default/grub.d/kdump-tools.cfg: 128M up to bookworm, 192M since.
const DEBIAN: Table = &[(384 * M, 128 * M)];
const DEBIAN_S390X: Table = &[(384 * M, 128 * M)];
/// What the distribution's own tools would reserve on such a machine, at least.
pub fn recommended(family: Family, machine: Option<&str>, memory: u64) -> Option<u64> {
    let table = match (family, machine?) {
        (Family::RedHat, "aarch64") => RED_HAT_ARM64,
        (Family::RedHat, "ppc64le" | "ppc64") => RED_HAT_PPC64,
        (Family::RedHat, _) => RED_HAT_X86,
        (Family::Debian, "s390x") => DEBIAN_S390X,
        (Family::Debian, _) => DEBIAN,
        // SUSE's `kdumptool calibrate` measures; others have no rule of their own.
        (Family::Suse | Family::Other, _) => return None,
    };
    table.iter().rev().find(|(from, _)| memory >= *from).map(|(_, bytes)| *bytes)
}

/// The parameter to set, for a machine with so much memory.
pub fn parameter(family: Family, machine: Option<&str>, at_least: u64) -> String {
    let default = match (family, machine) {
        (Family::RedHat, Some("aarch64")) => "2G-4G:256M,4G-64G:320M,64G-:576M",
        (Family::RedHat, Some("ppc64le" | "ppc64")) => {
            "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
        }
        (Family::RedHat, _) => "2G-64G:256M,64G-:512M",
        _ => return format!("crashkernel={}M", at_least.max(192 * M).div_ceil(64 * M) * 64),
    };
    format!("crashkernel={default}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(cmdline: &str, memory: u64) -> Option<u64> {
        Crashkernel::of(cmdline, Some(memory))?.bytes
    }

    #[test]
    fn the_kernels_grammar() {
        assert_eq!(bytes("quiet", G), None);
        assert_eq!(bytes("crashkernel=256M quiet", G), Some(256 * M));
        assert_eq!(bytes("crashkernel=0x10000000@16M", G), Some(256 * M));
        assert_eq!(bytes("crashkernel=2G-64G:256M,64G-:512M", 4 * G), Some(256 * M));
        assert_eq!(bytes("crashkernel=2G-64G:256M,64G-:512M", 64 * G), Some(512 * M));
        assert_eq!(bytes("crashkernel=2G-64G:256M,64G-:512M", G), Some(0));
        assert_eq!(bytes("crashkernel=512M,high crashkernel=128M,low", G), Some(640 * M));
        assert_eq!(bytes("crashkernel=64M crashkernel=192M", G), Some(192 * M));
        assert_eq!(Crashkernel::of("crashkernel=1G-:256M", None).unwrap().bytes, None);
        for wrong in ["auto", "x", "2G-:", "4G-2G:256M", "128M,low", "99999999999999T", ""] {
            let read = Crashkernel::of(&format!("crashkernel={wrong}"), Some(G)).unwrap();
            assert!(read.wrong.is_some() && read.bytes.is_none(), "{wrong}: {read:?}");
        }
    }

    #[test]
    fn recommendations_grow_with_memory() {
        let rhel = |memory| recommended(Family::RedHat, Some("x86_64"), memory);
        assert_eq!((rhel(G), rhel(4 * G), rhel(768 * G)), (None, Some(256 * M), Some(512 * M)));
        assert_eq!(recommended(Family::Debian, Some("x86_64"), 8 * G), Some(128 * M));
        assert_eq!(recommended(Family::Debian, None, 8 * G), None);
    }
}

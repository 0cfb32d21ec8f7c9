//! Sizes and times for people.

/// `512 MiB`, `1.5 GiB`: with at most one digit behind the point.
///
/// ```
/// assert_eq!(necropsy_agent::bytes(536_870_912), "512 MiB");
/// ```
pub fn bytes(n: u64) -> String {
    const UNITS: &[(&str, u64)] = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, size)) = UNITS.iter().find(|(_, size)| n >= *size) else { return format!("{n} bytes") };
    let tenths = (u128::from(n) * 10 / u128::from(*size)) as u64;
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        part => format!("{}.{part} {unit}", tenths / 10),
    }
}

/// `42 s`, `7 min`, `3 h`, `12 days`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

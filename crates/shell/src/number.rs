//! Numbers as crash reads them.

/// An address: hexadecimal, with or without `0x`.
pub fn address(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    (!digits.is_empty()).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// A count or an ID: decimal, or hexadecimal with `0x`.
pub fn count(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok().or_else(|| u64::from_str_radix(text, 16).ok()),
    }
}

/// A list such as `1,3-5`.
pub fn list(text: &str) -> Option<Vec<usize>> {
    let mut out = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last.saturating_sub(first) > 16384 {
            return None;
        }
        out.extend(first..=last);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_crash_reads_them() {
        assert_eq!(address("ffff8000"), Some(0xffff_8000));
        assert_eq!((address("0x10"), address("xyz"), address("")), (Some(16), None, None));
        assert_eq!((count("10"), count("0x10"), count("1f")), (Some(10), Some(16), Some(31)));
        assert_eq!(list("0,2-4"), Some(vec![0, 2, 3, 4]));
        assert_eq!(list("0-99999999"), None);
    }
}

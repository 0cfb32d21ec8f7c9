//! Values that the kernel leaves in pointers on purpose, so that their use is noticed (include/linux/poison.h).

/// `POISON_POINTER_DELTA` of 64-bit kernels (CONFIG_ILLEGAL_POINTER_VALUE).
const DELTA: u64 = 0xdead_0000_0000_0000;
/// `LIST_POISON1` and `LIST_POISON2`; the second moved in 4.15 and back.
const LIST: [u64; 3] = [DELTA + 0x100, DELTA + 0x122, DELTA + 0x200];
/// Entries lie that far into their objects at most, or the members used behind the entry.
const OBJECT: u64 = 0x1000;

/// Whether a value is what `list_del()` leaves in a link.
pub fn is_list(value: u64) -> bool {
    LIST.contains(&value)
}

/// The poison of a list that a pointer was computed from: the entry's object begins before the entry (`container_of()`), its members
/// lie behind. With it how far off the value is.
pub fn from_list(value: u64) -> Option<(u64, i64)> {
    let off = |poison: &&u64| value.wrapping_sub(**poison) as i64;
    let near = LIST.iter().min_by_key(|poison| off(poison).unsigned_abs())?;
    let off = off(&near);
    (off.unsigned_abs() < OBJECT).then_some((*near, off))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_around_poisoned_entries() {
        assert_eq!(from_list(0xdead_0000_0000_00f8), Some((0xdead_0000_0000_0100, -8)));
        assert_eq!(from_list(0xdead_0000_0000_0122), Some((0xdead_0000_0000_0122, 0)));
        assert_eq!(from_list(0xdeac_ffff_ffff_ff00), Some((0xdead_0000_0000_0100, -0x200)));
        assert_eq!(
            [from_list(0xdead_beef_0000_0100), from_list(0), from_list(0xdead_0000_0000_4000)],
            [None; 3]
        );
    }
}

//! How an object of a cache is laid out: `calculate_sizes()` and the comment above `check_bytes_and_report()` in mm/slub.c, 4.19 to
//! 7.2.
//!
//! ```text
//! left red zone | object | right red zone | free pointer | allocated by | freed by | size asked for | padding
//! ```
//!
//! All but the object itself may be missing; the free pointer lies in the object where nothing forbids it.

use std::ops::Range;

use super::Flags;

/// Fills what is free (include/linux/poison.h).
pub const POISON_FREE: u8 = 0x6b;
/// Fills what was not initialised, and padding.
pub const POISON_INUSE: u8 = 0x5a;
/// The last byte of what is free.
pub const POISON_END: u8 = 0xa5;
/// Red zone of an object that is free.
pub const RED_INACTIVE: u8 = 0xbb;
/// Red zone of an object that is in use.
pub const RED_ACTIVE: u8 = 0xcc;

/// Sizes and offsets of a cache's objects, as `struct kmem_cache` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Bytes from one object to the next.
    pub size: u64,
    /// Bytes that the user of an object may use.
    pub object_size: u64,
    /// Bytes from the object's start to the end of its right red zone.
    pub inuse: u64,
    /// Where in the object the pointer to the next free one is.
    pub offset: u64,
    /// Bytes of the left red zone.
    pub red_left_pad: u64,
    /// What the cache's flags add.
    pub flags: Flags,
    /// Bytes of a pointer.
    pub word: u64,
    /// Size of `struct track`, where the kernel has it.
    pub track: Option<u64>,
}

impl Layout {
    /// Whether the numbers can be those of a cache.
    pub fn is_sane(&self) -> bool {
        let fits = |n: u64| n <= self.size;
        (1..=1 << 26).contains(&self.size)
            && fits(self.object_size)
            && fits(self.inuse)
            && fits(self.offset)
            && fits(self.red_left_pad)
    }

    /// Where behind the object's start the allocator's own data begins, after the free pointer (`get_info_end`).
    fn info(&self) -> u64 {
        if self.offset >= self.inuse { self.inuse + self.word } else { self.inuse }
    }

    /// The bytes before the object that nobody may write, relative to the object.
    pub fn left_red_zone(&self) -> Option<Range<i64>> {
        (self.flags.red_zone && self.red_left_pad > 0).then(|| -(self.red_left_pad as i64)..0)
    }

    /// The same behind it.
    pub fn right_red_zone(&self) -> Option<Range<u64>> {
        (self.flags.red_zone && self.inuse > self.object_size).then_some(self.object_size..self.inuse)
    }

    /// Who allocated the object and who freed it last, relative to the object.
    pub fn tracks(&self) -> Option<[u64; 2]> {
        let size = self.track.filter(|_| self.flags.tracked)?;
        let end = self.size.checked_sub(self.red_left_pad)?;
        (self.info() + 2 * size <= end).then(|| [self.info(), self.info() + size])
    }

    /// The bytes at the end that stay as they were when the slab was made. Newer kernels keep the size that was asked for
    /// behind the tracks of a general cache: that much is not counted as padding.
    pub fn padding(&self) -> Option<Range<u64>> {
        let tracks = self.track.filter(|_| self.flags.tracked).map_or(0, |size| 2 * size + self.word);
        let (start, end) = (self.info() + tracks, self.size.checked_sub(self.red_left_pad)?);
        (self.flags.poisoned && start < end).then_some(start..end)
    }

    /// The bytes of a free object that are poison, without the last, which is [`POISON_END`], and without the free pointer.
    pub fn poison(&self) -> Option<Range<u64>> {
        (self.flags.object_poisoned && self.object_size > 1).then(|| 0..self.object_size - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_from_the_numbers() {
        let flags = Flags {
            red_zone: true,
            poisoned: true,
            object_poisoned: true,
            tracked: true,
            ..Flags::default()
        };
        let l = Layout {
            size: 256,
            object_size: 100,
            inuse: 104,
            offset: 104,
            red_left_pad: 16,
            flags,
            word: 8,
            track: Some(32),
        };
        assert!(l.is_sane());
        assert_eq!(l.left_red_zone(), Some(-16..0));
        assert_eq!(l.right_red_zone(), Some(100..104));
        assert_eq!(l.tracks(), Some([112, 144]));
        assert_eq!(l.padding(), Some(184..240));
        assert_eq!(l.poison(), Some(0..99));
        let plain = Layout { offset: 48, inuse: 104, flags: Flags::default(), ..l };
        assert_eq!(
            (plain.tracks(), plain.padding(), plain.right_red_zone(), plain.poison()),
            (None, None, None, None)
        );
    }

    #[test]
    fn tracks_that_do_not_fit_are_none() {
        let flags = Flags { tracked: true, ..Flags::default() };
        let l = Layout {
            size: 64,
            object_size: 48,
            inuse: 48,
            offset: 16,
            flags,
            word: 8,
            track: Some(32),
            ..Layout::default()
        };
        assert_eq!(l.tracks(), None);
    }
}

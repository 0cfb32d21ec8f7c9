use std::collections::HashMap;
use std::ops::Range;

use necropsy_base::{RangeSet, ReadError, Why};

use super::*;

struct Words(HashMap<u64, u64>, RangeSet<PhysAddr>);

impl PhysMem for Words {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let word = self.0.get(&at.0).ok_or(ReadError::phys(at, Why::Hole))?;
        buf.copy_from_slice(&word.to_le_bytes());
        Ok(())
    }
    fn ram(&self) -> &RangeSet<PhysAddr> {
        &self.1
    }
    fn present(&self, _: PhysAddr) -> Option<Range<PhysAddr>> {
        None
    }
}

fn walk(
    words: &[(u64, u64)],
    levels: u8,
    page_shift: u8,
    va_bits: u8,
    at: u64,
) -> Result<Mapping, WalkError> {
    let mem = Words(words.iter().copied().collect(), RangeSet::new());
    let tables = PageTables { root: PhysAddr(0x10_0000), levels, page_shift, va_bits, ignored: 0 };
    translate(&mem, &tables, VirtAddr(at))
}

#[test]
fn four_levels_of_four_kilobytes() {
    let at = 0xffff_8000_1234_5678;
    let index = |low: u32| (at >> low & 0x1ff) * 8;
    let words = [
        (0x10_0000 + index(39), 0x20_0003),
        (0x20_0000 + index(30), 0x30_0003),
        (0x30_0000 + index(21), 0x40_0003),
        (0x40_0000 + index(12), 0x0060_0000_8000_0000 | 0x5_0003),
    ];
    let m = walk(&words, 4, 12, 48, at).unwrap();
    assert_eq!((m.phys, m.size, m.executable, m.levels[1].name), (PhysAddr(0x8005_0678), 4096, false, "P4D"));
}

#[test]
fn a_block_and_a_small_top_table() {
    // 39 bits: three levels.
    let at = 0xffff_ffc0_0020_1234;
    let words =
        [(0x10_0000 + (at >> 30 & 0x1ff) * 8, 0x20_0003), (0x20_0000 + (at >> 21 & 0x1ff) * 8, 0x4000_0001)];
    let m = walk(&words, 3, 12, 39, at).unwrap();
    assert_eq!((m.phys, m.size), (PhysAddr(0x4000_1234), 2 << 20));
    // 64 KiB pages, 48 bits: the top table has 64 entries.
    let at = 0xffff_0000_0001_0042;
    let words = [(0x10_0000, 0x20_0003), (0x20_0000, 0x30_0003), (0x30_0000 + 8, 0x5_0000 | 0x1003)];
    let m = walk(&words, 3, 16, 48, at).unwrap();
    assert_eq!(m.phys, PhysAddr(0x1_0000_0005_0042));
}

#[test]
fn says_why_not() {
    let why = |words: &[(u64, u64)], at| walk(words, 4, 12, 48, at).unwrap_err().why();
    assert_eq!(why(&[], 0x1234_5678_9abc_def0), Why::NonCanonical);
    assert_eq!(why(&[(0x10_0000, 0)], 0x42), Why::NotMapped);
    assert_eq!(why(&[], 0x42), Why::PageTable);
}

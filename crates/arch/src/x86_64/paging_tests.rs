use std::collections::HashMap;
use std::ops::Range;

use necropsy_base::{PhysAddr, PhysMem, RangeSet, ReadError, VirtAddr, Why};

use super::*;

#[derive(Default)]
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

fn tables(levels: u8) -> PageTables {
    PageTables {
        root: PhysAddr(0x1000),
        levels,
        page_shift: 12,
        va_bits: if levels == 5 { 57 } else { 48 },
        ignored: 1 << 47,
    }
}

#[test]
fn four_levels_down_to_a_page_with_an_encryption_bit() {
    let at = VirtAddr(0xffff_8880_0040_3123);
    let mem = Words(
        [
            (0x1000 + 0x111 * 8, 0x2003),
            (0x2000, 0x3003),
            (0x3000 + 2 * 8, 0x4003),
            (0x4000 + 3 * 8, 0x8000_8000_0000_5003),
        ]
        .into(),
        RangeSet::new(),
    );
    let m = translate(&mem, &tables(4), at).unwrap();
    assert_eq!(
        (m.phys, m.size, m.executable, m.writable, m.user),
        (PhysAddr(0x5123), 4096, false, true, false)
    );
    assert_eq!(m.levels[1].name, "", "no P4D with four levels");
}

#[test]
fn huge_pages_and_five_levels() {
    let at = VirtAddr(0xff11_0000_4020_0042);
    let mem = Words(
        [
            (0x1000 + (at.0 >> 48 & 0x1ff) * 8, 0x2003),
            (0x2000, 0x3003),
            (0x3000 + 8, 0x4003),
            (0x4000 + 8, 0x1_4020_0083),
        ]
        .into(),
        RangeSet::new(),
    );
    let m = translate(&mem, &tables(5), at).unwrap();
    assert_eq!((m.phys, m.size), (PhysAddr(0x1_4020_0042), 2 << 20));
}

#[test]
fn says_why_not() {
    let mem = Words([(0x1000, 0)].into(), RangeSet::new());
    let why = |at| translate(&mem, &tables(4), VirtAddr(at)).unwrap_err().why();
    assert_eq!(why(0x42), Why::NotMapped);
    assert_eq!(why(0x1234_5678_9abc_def0), Why::NonCanonical);
    assert_eq!(why(0xffff_8880_0000_0000), Why::PageTable);
}

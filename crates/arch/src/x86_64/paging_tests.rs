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

/// VMCOREINFO of 3.10, which has no `NUMBER(phys_base)`, and the segments of /proc/vmcore.
struct Old {
    stext: u64,
}

impl BootFacts for Old {
    fn number(&self, _: &str) -> Option<i64> {
        None
    }
    fn symbol(&self, name: &str) -> Option<u64> {
        match name {
            "init_level4_pgt" => Some(0xffff_ffff_9d60_d000),
            "_stext" => Some(self.stext),
            _ => None,
        }
    }
    fn page_shift(&self) -> u8 {
        12
    }
    fn phys_base(&self) -> Option<i64> {
        None
    }
    fn mapped(&self, addresses: &Range<u64>) -> Option<(u64, u64)> {
        let segments = [(0xffff_8800_0000_1000, 0x1000), (0xffff_ffff_9cc0_0000, 0x2bc0_0000)];
        segments.into_iter().find(|(virt, _)| addresses.contains(virt))
    }
}

#[test]
fn an_old_kernel_is_found_by_its_segment() {
    let found = boot(&Old { stext: 0xffff_ffff_9cc0_0000 }).unwrap();
    // The image begins at 0xffffffff9cc00000 and at 0x2bc00000.
    assert_eq!(0xffff_ffff_9cc0_0000u64.wrapping_sub(found.delta), 0x2bc0_0000);
    assert_eq!(found.tables.root, PhysAddr(0x2c60_d000));
    // Modules of a kernel that did not move lie 512 MiB after the first place of an image; they must not be taken for it.
    assert_eq!(found.image.end, 0xffff_ffff_c000_0000);
    let fixed = boot(&Old { stext: 0xffff_ffff_8100_0000 }).unwrap();
    assert_eq!(fixed.image.end, 0xffff_ffff_a000_0000);
}

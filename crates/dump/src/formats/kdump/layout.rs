//! Where the fields lie: `struct disk_dump_header` and `struct kdump_sub_header` as the compilers of 64-bit and
//! 32-bit machines lay them out. The 64-bit offsets are checked against real dumps of version 6; the 32-bit ones are
//! derived from the order of the fields and the alignment rules.

use necropsy_base::{Abi, Endian};

/// Offset of `struct timeval` and of `status`, which the padding around `struct timeval` moves.
#[derive(Clone, Copy)]
pub(super) struct HeaderLayout {
    pub(super) abi: Abi,
    pub(super) time: usize,
    pub(super) status: usize,
}

/// Signature, version and six names of 65 bytes end at 402; `long` aligns the time.
const fn header(endian: Endian, word: u8) -> HeaderLayout {
    let (time, status) = if word == 8 { (408, 424) } else { (404, 412) };
    HeaderLayout { abi: Abi { endian, word }, time, status }
}

/// All layouts; on a draw the earlier wins.
pub(super) const HEADERS: [HeaderLayout; 4] =
    [header(Endian::Little, 8), header(Endian::Big, 8), header(Endian::Little, 4), header(Endian::Big, 4)];

/// Offsets in the sub header.
#[derive(Clone, Copy)]
pub(super) struct SubLayout {
    pub(super) dump_level: usize,
    pub(super) split: usize,
    pub(super) start_pfn: usize,
    pub(super) end_pfn: usize,
    /// `off_t` (always 64 bits) and its `unsigned long` size.
    pub(super) vmcoreinfo: (usize, usize),
    pub(super) notes: (usize, usize),
    pub(super) eraseinfo: (usize, usize),
    pub(super) start_pfn_64: usize,
    pub(super) end_pfn_64: usize,
    pub(super) max_mapnr_64: usize,
}

/// 64-bit machines.
pub(super) const SUB64: SubLayout = SubLayout {
    dump_level: 8,
    split: 12,
    start_pfn: 16,
    end_pfn: 24,
    vmcoreinfo: (32, 40),
    notes: (48, 56),
    eraseinfo: (64, 72),
    start_pfn_64: 80,
    end_pfn_64: 88,
    max_mapnr_64: 96,
};

/// i386: 64-bit numbers are aligned to 4 bytes.
pub(super) const SUB32_PACKED: SubLayout = SubLayout {
    dump_level: 4,
    split: 8,
    start_pfn: 12,
    end_pfn: 16,
    vmcoreinfo: (20, 28),
    notes: (32, 40),
    eraseinfo: (44, 52),
    start_pfn_64: 56,
    end_pfn_64: 64,
    max_mapnr_64: 72,
};

/// arm, 32-bit ppc: 64-bit numbers are aligned to 8 bytes.
pub(super) const SUB32_PADDED: SubLayout = SubLayout {
    dump_level: 4,
    split: 8,
    start_pfn: 12,
    end_pfn: 16,
    vmcoreinfo: (24, 32),
    notes: (40, 48),
    eraseinfo: (56, 64),
    start_pfn_64: 72,
    end_pfn_64: 80,
    max_mapnr_64: 88,
};

//! The header and the sub header.

use necropsy_base::{Abi, FileOff};

use super::layout::{HEADERS, HeaderLayout, SUB32_PACKED, SUB32_PADDED, SUB64, SubLayout};
use super::{Part, codec};
use crate::text::escape;
use crate::{Machine, OpenError, Uts};

/// Bytes of the header up to `nr_cpus` in the longest layout.
const HEADER: usize = 464;
/// Bytes of the longest sub header.
const SUB: usize = 104;
/// Pages of real machines are 4 to 64 KiB.
const BLOCKS: std::ops::RangeInclusive<u64> = 512..=1 << 20;
/// A bitmap of 128 TiB in 4 KiB pages: beyond this, a header is damaged rather than a machine large.
const MAX_BITMAP: u64 = 4 << 30;

/// A place in the file.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// What the first block says, and the second.
pub(super) struct Header {
    old: bool,
    pub(super) abi: Abi,
    pub(super) version: u32,
    pub(super) uts: Uts,
    pub(super) time: (u64, u32),
    pub(super) status: u32,
    pub(super) block_size: u64,
    sub_blocks: u64,
    bitmap_blocks: u64,
    /// One more than the highest page frame number.
    pub(super) max_mapnr: u64,
    /// The bitmaps hold fewer bits than the header says.
    pub(super) clamped: bool,
    pub(super) sub: SubHeader,
}

/// What the second block says, as far as the header's version has it.
#[derive(Default)]
pub(super) struct SubHeader {
    pub(super) phys_base: i64,
    pub(super) dump_level: Option<u32>,
    /// First and last-plus-one page frame in this file of a split dump.
    pub(super) split: Option<(u64, u64)>,
    pub(super) vmcoreinfo: Span,
    pub(super) notes: Span,
    pub(super) eraseinfo: Span,
    max_mapnr: Option<u64>,
}

impl Header {
    /// Reads both headers of a file.
    pub(super) fn read(part: &Part) -> Result<Self, OpenError> {
        let mut raw = [0; HEADER];
        let read = part.store.read_at(FileOff(0), &mut raw);
        read.map_err(|e| OpenError::reading(&part.name, "header", e, HEADER as u64))?;
        let layout = detect(&raw).ok_or_else(|| {
            OpenError::damaged(&part.name, "no byte order and word size gives its header sane block sizes")
        })?;
        let mut header = Header::parse(&raw, layout);
        header.sub = header.read_sub(part)?;
        header.limit(part)?;
        Ok(header)
    }

    fn parse(raw: &[u8], layout: HeaderLayout) -> Self {
        let u32_at = |at| layout.abi.uint_at(raw, at, 4).unwrap_or(0);
        let word = usize::from(layout.abi.word);
        let long_at = |at| layout.abi.uint_at(raw, at, word).unwrap_or(0);
        Header {
            old: raw.starts_with(b"DISKDUMP"),
            abi: layout.abi,
            version: u32_at(8) as u32,
            uts: uts(raw),
            time: (long_at(layout.time), long_at(layout.time + word) as u32),
            status: u32_at(layout.status) as u32,
            block_size: u32_at(layout.status + 4),
            sub_blocks: u32_at(layout.status + 8),
            bitmap_blocks: u32_at(layout.status + 12),
            max_mapnr: u32_at(layout.status + 16),
            clamped: false,
            sub: SubHeader::default(),
        }
    }

    fn read_sub(&self, part: &Part) -> Result<SubHeader, OpenError> {
        if self.sub_blocks == 0 {
            return Ok(SubHeader::default());
        }
        let raw = sub_bytes(part, self.block_size)?;
        let layout = self.sub_layout(&raw, part.store.len());
        self.parse_sub(&raw, layout, part)
    }

    /// 32-bit machines differ in alignment; the layout whose places lie inside the file is right.
    fn sub_layout(&self, raw: &[u8], len: u64) -> &'static SubLayout {
        if self.abi.word == 8 {
            return &SUB64;
        }
        let fits = |layout: &SubLayout| {
            [layout.vmcoreinfo, layout.notes]
                .iter()
                .filter(|at| {
                    let span = self.span(raw, **at);
                    let end = span.offset.checked_add(span.size);
                    span.size > 0 && span.offset >= self.block_size && end.is_some_and(|end| end <= len)
                })
                .count()
        };
        let padded = Machine::from_uts(&self.uts.machine) != Some(Machine::I386);
        match fits(&SUB32_PACKED).cmp(&fits(&SUB32_PADDED)) {
            std::cmp::Ordering::Greater => &SUB32_PACKED,
            std::cmp::Ordering::Equal if !padded => &SUB32_PACKED,
            _ => &SUB32_PADDED,
        }
    }

    fn span(&self, raw: &[u8], (offset, size): (usize, usize)) -> Span {
        let word = usize::from(self.abi.word);
        let at = |at, size| self.abi.uint_at(raw, at, size).unwrap_or(0);
        Span { offset: at(offset, 8), size: at(size, word) }
    }

    fn parse_sub(&self, raw: &[u8], layout: &SubLayout, part: &Part) -> Result<SubHeader, OpenError> {
        let word = usize::from(self.abi.word);
        let num = |at, size| self.abi.uint_at(raw, at, size).unwrap_or(0);
        let since = |version: u32| self.version >= version;
        let span = |version, at| {
            if since(version) { self.span(raw, at) } else { Span::default() }
        };
        let split = match since(2) && num(layout.split, 4) != 0 {
            false => None,
            true if since(6) => Some((num(layout.start_pfn_64, 8), num(layout.end_pfn_64, 8))),
            true => Some((num(layout.start_pfn, word), num(layout.end_pfn, word))),
        };
        if let Some((start, end)) = split.filter(|(start, end)| start > end) {
            let what = format!("it says it holds page frames {start:#x} to {end:#x}");
            return Err(OpenError::damaged(&part.name, what));
        }
        Ok(SubHeader {
            phys_base: self.abi.int(raw.get(..word).unwrap_or_default()),
            dump_level: since(1).then(|| num(layout.dump_level, 4) as u32),
            split,
            vmcoreinfo: span(3, layout.vmcoreinfo),
            notes: span(4, layout.notes),
            eraseinfo: span(5, layout.eraseinfo),
            max_mapnr: since(6).then(|| num(layout.max_mapnr_64, 8)).filter(|n| *n > 0),
        })
    }

    /// Checks the bitmaps against the file and the number of pages against the bitmaps.
    fn limit(&mut self, part: &Part) -> Result<(), OpenError> {
        self.max_mapnr = self.sub.max_mapnr.unwrap_or(self.max_mapnr);
        let need = self.data_offset();
        let len = part.store.len();
        if need > len {
            return Err(OpenError::Truncated { name: part.name.clone(), what: "page bitmap", need, len });
        }
        if self.bitmap_len() > MAX_BITMAP {
            let what =
                format!("its page bitmap has {:#x} bytes, more than any machine needs", self.bitmap_len());
            return Err(OpenError::damaged(&part.name, what));
        }
        let bits = self.bitmap_len() * 8;
        self.clamped = self.max_mapnr > bits;
        self.max_mapnr = self.max_mapnr.min(bits);
        Ok(())
    }

    /// Whether there are two bitmaps; diskdump wrote only one when it left nothing out.
    fn two_bitmaps(&self) -> bool {
        let one = self.max_mapnr.div_ceil(8).div_ceil(self.block_size);
        self.bitmap_blocks >= one * 2 || !self.old
    }

    /// Bytes of one bitmap.
    pub(super) fn bitmap_len(&self) -> u64 {
        let all = self.bitmap_blocks * self.block_size;
        if self.two_bitmaps() { all / 2 } else { all }
    }

    /// Where the bitmap of RAM and the bitmap of dumped pages begin.
    pub(super) fn bitmaps(&self) -> (u64, u64) {
        let first = (1 + self.sub_blocks) * self.block_size;
        let second = if self.two_bitmaps() { first + self.bitmap_len() } else { first };
        (first, second)
    }

    /// Where the page descriptors begin; all factors have 32 bits and block sizes 20, so nothing overflows.
    pub(super) fn data_offset(&self) -> u64 {
        (1 + self.sub_blocks + self.bitmap_blocks) * self.block_size
    }

    /// Name of the format.
    pub(super) fn name(&self) -> &'static str {
        if self.old { "diskdump" } else { "kdump-compressed" }
    }

    /// Fails if `other` cannot be another part of the dump of this header.
    pub(super) fn same_dump(&self, other: &Header, name: &str) -> Result<(), OpenError> {
        let differs =
            |what: &str| Err(OpenError::Parts { name: name.into(), what: format!("its {what} differs") });
        if self.abi != other.abi {
            return differs("byte order or word size");
        }
        if self.block_size != other.block_size {
            return differs("page size");
        }
        if self.uts != other.uts {
            return differs("kernel or host name");
        }
        Ok(())
    }
}

/// Reads the sub header; older versions are shorter, and what follows need not be there.
fn sub_bytes(part: &Part, at: u64) -> Result<[u8; SUB], OpenError> {
    let mut raw = [0; SUB];
    let mut result = Ok(());
    for size in [SUB, 96, 80, 64, 48, 32, 16, 8] {
        result = part.store.read_at(FileOff(at), raw.get_mut(..size).unwrap_or_default());
        if result.is_ok() {
            return Ok(raw);
        }
    }
    result.map_err(|e| OpenError::reading(&part.name, "sub header", e, at + SUB as u64))?;
    Ok(raw)
}

fn uts(raw: &[u8]) -> Uts {
    let name = |i: usize| escape(raw.get(12 + 65 * i..12 + 65 * (i + 1)).unwrap_or_default());
    Uts {
        sysname: name(0),
        nodename: name(1),
        release: name(2),
        version: name(3),
        machine: name(4),
        domainname: name(5),
    }
}

/// The layout in which the header makes most sense.
fn detect(raw: &[u8]) -> Option<HeaderLayout> {
    let scored = HEADERS.iter().rev().filter_map(|layout| Some((score(raw, *layout)?, *layout)));
    scored.max_by_key(|(score, _)| *score).map(|(_, layout)| layout)
}

fn score(raw: &[u8], layout: HeaderLayout) -> Option<u32> {
    let h = Header::parse(raw, layout);
    if h.version > 1000 || !h.block_size.is_power_of_two() || !BLOCKS.contains(&h.block_size) {
        return None;
    }
    let machine = Machine::from_uts(&h.uts.machine);
    let narrow = matches!(machine, Some(Machine::I386 | Machine::Arm));
    let facts = [
        h.status & !codec::KNOWN_STATUS == 0,
        h.time.1 < 1_000_000 && h.time.0 >> 40 == 0,
        h.sub_blocks < 1 << 16,
        h.bitmap_blocks > 0,
        h.bitmap_len() * 8 >= h.max_mapnr,
        machine.is_some() && narrow == (layout.abi.word == 4),
        machine.is_some() && narrow == (layout.abi.word == 4),
    ];
    Some(facts.iter().filter(|f| **f).count() as u32)
}

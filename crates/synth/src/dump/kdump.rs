//! kdump-compressed files, versions 0 to 6.

use super::bytes::Out;
use super::{Codec, Image, Memory, Page};

/// How a kdump-compressed dump is written.
#[derive(Clone, Debug)]
pub struct KdumpOptions {
    /// Header version, 0 to 6.
    pub version: u32,
    /// Compression of pages.
    pub codec: Codec,
    /// Signature "DISKDUMP" instead of "KDUMP   ".
    pub diskdump: bool,
    /// Number of files the page frames are divided among.
    pub parts: usize,
    /// 32-bit machines that align 64-bit numbers to 4 bytes (i386) instead of 8 (arm).
    pub packed: bool,
    /// Mark as incomplete; descriptors from this one on are zero.
    pub lost_from: Option<usize>,
    /// Dump level in the sub header.
    pub level: u32,
}

impl Default for KdumpOptions {
    fn default() -> Self {
        let (version, codec, parts, level) = (6, Codec::Zlib, 1, 31);
        KdumpOptions { version, codec, diskdump: false, parts, packed: false, lost_from: None, level }
    }
}

/// Writes the files of a dump.
pub fn kdump(memory: &Memory, options: &KdumpOptions) -> Vec<Image> {
    let per_part = memory.pages.len().div_ceil(options.parts);
    let range =
        |i: usize| (i * per_part).min(memory.pages.len())..((i + 1) * per_part).min(memory.pages.len());
    (0..options.parts).map(|i| Writer { memory, options, pfns: range(i) }.write()).collect()
}

struct Writer<'a> {
    memory: &'a Memory,
    options: &'a KdumpOptions,
    pfns: std::ops::Range<usize>,
}

impl Writer<'_> {
    fn write(&self) -> Image {
        let mut out = Out::new(self.memory.abi);
        let block = self.memory.page_size;
        let notes = self.memory.note_bytes();
        let sub_blocks = (200 + notes.len() + self.memory.vmcoreinfo.len()).div_ceil(block);
        let bitmap_blocks = self.memory.pages.len().div_ceil(8).div_ceil(block);
        self.header(&mut out, sub_blocks, 2 * bitmap_blocks);
        self.sub_header(&mut out, &notes);
        let bitmaps = (1 + sub_blocks) * block;
        self.bitmap(&mut out, bitmaps, |p| *p != Page::Hole);
        self.bitmap(&mut out, bitmaps + bitmap_blocks * block, |p| matches!(p, Page::Data(_)));
        let table = bitmaps + 2 * bitmap_blocks * block;
        out.marks.extend([block, bitmaps, bitmaps + bitmap_blocks * block, table]);
        self.pages(&mut out, table);
        Image { bytes: out.bytes, marks: out.marks }
    }

    fn header(&self, out: &mut Out, sub_blocks: usize, bitmap_blocks: usize) {
        out.put(0, if self.options.diskdump { b"DISKDUMP" } else { b"KDUMP   " });
        out.num(8, u64::from(self.options.version), 4);
        let names = ["Linux", "synth", "6.1.0-test", "#1 SMP", self.memory.machine, "(none)"];
        for (i, name) in names.iter().enumerate() {
            out.put(12 + 65 * i, name.as_bytes());
        }
        let word = usize::from(self.memory.abi.word);
        let time = if word == 8 { 408 } else { 404 };
        out.nums(time, &[(1_700_000_000, word), (123_456, word)]);
        let status = self.options.codec.bit() | if self.options.lost_from.is_some() { 8 } else { 0 };
        let max = self.memory.pages.len() as u64;
        let fields =
            [status, self.memory.page_size as u64, sub_blocks as u64, bitmap_blocks as u64, max, max];
        let end = out.nums(if word == 8 { 424 } else { 412 }, &fields.map(|f| (f, 4)));
        out.nums(end, &[(0, 4), (0, 4), (0, 4), (2, 4)]);
        out.put(self.memory.page_size - 1, &[0]);
        out.mark(464);
    }

    fn sub_header(&self, out: &mut Out, notes: &[u8]) {
        let base = self.memory.page_size;
        let word = usize::from(self.memory.abi.word);
        let notes_at = base + 128;
        let info_at = notes_at + notes.len();
        out.put(notes_at, notes);
        out.put(info_at, self.memory.vmcoreinfo.as_bytes());
        out.marks.extend([base + 104, notes_at, info_at, info_at + self.memory.vmcoreinfo.len()]);
        let split = u64::from(self.options.parts > 1);
        let (start, end) = (self.pfns.start as u64, self.pfns.end as u64);
        let info_len = self.memory.vmcoreinfo.len();
        let since = |v: u32, n: usize| if self.options.version >= v { n as u64 } else { 0 };
        // Values with their sizes; `off_t` has 64 bits everywhere.
        let fields = [
            (0xffff_ffff_ff00_0000, word),
            (since(1, self.options.level as usize), 4),
            (if self.options.version >= 2 { split } else { 0 }, 4),
            (since(2, start as usize), word),
            (since(2, end as usize), word),
            (since(3, info_at), 8),
            (since(3, info_len), word),
            (since(4, notes_at), 8),
            (since(4, notes.len()), word),
            (0, 8),
            (0, word),
            (since(6, start as usize), 8),
            (since(6, end as usize), 8),
            (since(6, self.memory.pages.len()), 8),
        ];
        let mut at = base;
        for (value, size) in fields {
            let align = if self.options.packed { size.min(4) } else { size };
            at = base + (at - base).next_multiple_of(align);
            out.num(at, value, size);
            at += size;
        }
    }

    fn bitmap(&self, out: &mut Out, at: usize, set: impl Fn(&Page) -> bool) {
        let block = self.memory.page_size;
        let mut bits = vec![0u8; self.memory.pages.len().div_ceil(8).next_multiple_of(block)];
        for (pfn, _) in self.memory.pages.iter().enumerate().filter(|(_, p)| set(p)) {
            bits[pfn / 8] |= 1 << (pfn % 8);
        }
        out.put(at, &bits);
    }

    fn pages(&self, out: &mut Out, table: usize) {
        let pages = &self.memory.pages[self.pfns.clone()];
        let data: Vec<&Vec<u8>> =
            pages.iter().filter_map(|p| if let Page::Data(d) = p { Some(d) } else { None }).collect();
        let mut at = table + 24 * data.len();
        out.put(at - 1, &[0]);
        out.mark(at);
        let mut zero = None;
        for (i, page) in data.iter().enumerate() {
            let lost = self.options.lost_from.is_some_and(|from| i >= from);
            let (stored, flags) = self.options.codec.store(page);
            let is_zero = page.iter().all(|b| *b == 0);
            let place = zero.filter(|_| is_zero).unwrap_or(at);
            if !lost {
                out.nums(table + 24 * i, &[(place as u64, 8), (stored.len() as u64, 4), (flags, 4), (0, 8)]);
            }
            if place == at && !lost {
                out.put(at, &stored);
                at += stored.len();
                out.marks.extend([table + 24 * i, at]);
            }
            if is_zero {
                zero = Some(place);
            }
        }
    }
}

//! The dump file that is rewritten: kdump-compressed of one part, or ELF; 64 bits, little-endian.
//!
//! Layout after makedumpfile's IMPLEMENTATION and diskdump_mod.h: one block of header, the sub header with notes and
//! VMCOREINFO behind it, two bitmaps (RAM, pages in the file), 24 bytes per page, the pages.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use necropsy_base::{MemoryExt, PhysAddr, PhysMem, VirtAddr};
use necropsy_dump::{DumpMeta, Machine};
use necropsy_synth::dump::Codec;
use necropsy_target::Target;

/// Where the header has these numbers.
const STATUS: usize = 424;
const BLOCK: usize = 428;
const SUB_BLOCKS: usize = 432;
const BITMAP_BLOCKS: usize = 436;
const MAX_MAPNR: usize = 440;
/// Where the sub header has the dump level.
const DUMP_LEVEL: usize = 8;
/// The length of a name in `struct new_utsname`.
const UTS: usize = 65;
/// Bytes per page descriptor: offset, size, flags, page flags.
const DESC: usize = 24;
const CODECS: u64 = 0x27;

/// The file as it is.
pub struct Original {
    bytes: Vec<u8>,
    path: std::path::PathBuf,
}

/// All in front of the page descriptors, and what it says.
struct Front {
    /// Header, sub header and both bitmaps.
    bytes: Vec<u8>,
    block: usize,
    /// Where the second bitmap is.
    dumped: usize,
    pages: u64,
}

impl Original {
    /// Reads a file whole.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let path = path.to_path_buf();
        Ok(Original { bytes, path })
    }

    /// Its length.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its dump level.
    pub fn level(&self) -> u32 {
        let block = num(&self.bytes, BLOCK, 4) as usize;
        if self.is_kdump() { num(&self.bytes, block + DUMP_LEVEL, 4) as u32 } else { 0 }
    }

    /// The file with only the pages of `keep`, and how many those are. `level` is the new dump level: what a reader may take
    /// the missing pages for.
    pub fn rewrite(
        &self,
        phys: &dyn PhysMem,
        target: Option<&Target>,
        codec: Option<Codec>,
        level: u32,
        keep: &dyn Fn(u64) -> bool,
    ) -> Result<(Vec<u8>, usize)> {
        let mut front = self.new_front(phys, target)?;
        let stored = match codec {
            None if self.is_kdump() => self.stored(&front)?,
            _ => HashMap::new(),
        };
        put(&mut front.bytes, front.block + DUMP_LEVEL, &level.to_le_bytes());
        let codec = codec.or((!self.is_kdump()).then_some(Codec::Zlib));
        Ok(write(front, phys, codec, &stored, keep))
    }

    fn is_kdump(&self) -> bool {
        self.bytes.starts_with(b"KDUMP   ")
    }

    /// The front of this file if it has one, else a new one.
    fn new_front(&self, phys: &dyn PhysMem, target: Option<&Target>) -> Result<Front> {
        if self.is_kdump() {
            return self.front();
        }
        if !self.bytes.starts_with(b"\x7fELF\x02\x01") {
            bail!("only kdump-compressed and little-endian 64-bit ELF dumps can be trimmed");
        }
        let meta = necropsy_dump::open(std::slice::from_ref(&self.path))?.meta;
        build(&meta, phys, target, &self.notes()?)
    }

    /// Header and bitmaps of a kdump-compressed file.
    fn front(&self) -> Result<Front> {
        let block = num(&self.bytes, BLOCK, 4) as usize;
        let (sub, bitmaps) =
            (num(&self.bytes, SUB_BLOCKS, 4) as usize, num(&self.bytes, BITMAP_BLOCKS, 4) as usize);
        let end = (1 + sub + bitmaps) * block;
        let bytes = self.bytes.get(..end).context("the file ends in its header")?.to_vec();
        if num(&bytes, block + 12, 4) != 0 {
            bail!("one part of a split dump");
        }
        let pages = match num(&bytes, 8, 4) {
            6.. => num(&bytes, block + 96, 8),
            _ => num(&bytes, MAX_MAPNR, 4),
        };
        let dumped = (1 + sub + bitmaps / 2) * block;
        Ok(Front { bytes, block, dumped, pages })
    }

    /// The pages as they are stored: bytes and flags by page frame.
    fn stored(&self, front: &Front) -> Result<HashMap<u64, (&[u8], u64)>> {
        let mut found = HashMap::new();
        let mut at = front.bytes.len();
        for pfn in (0..front.pages).filter(|pfn| front.is_dumped(*pfn)) {
            let (offset, size) = (num(&self.bytes, at, 8) as usize, num(&self.bytes, at + 8, 4) as usize);
            let data = self.bytes.get(offset..offset + size).context("the file is cut short")?;
            found.insert(pfn, (data, num(&self.bytes, at + 12, 4)));
            at += DESC;
        }
        Ok(found)
    }

    /// The bytes of an ELF file's notes (PT_NOTE is 4).
    fn notes(&self) -> Result<Vec<u8>> {
        let (table, size, count) =
            (num(&self.bytes, 32, 8), num(&self.bytes, 54, 2), num(&self.bytes, 56, 2));
        let headers = (0..count).map(|i| (table + i * size) as usize);
        let mut notes = Vec::new();
        for at in headers.filter(|at| num(&self.bytes, *at, 4) == 4) {
            let (offset, len) = (num(&self.bytes, at + 8, 8) as usize, num(&self.bytes, at + 32, 8) as usize);
            notes.extend_from_slice(
                self.bytes.get(offset..offset + len).context("notes outside of the file")?,
            );
        }
        Ok(notes)
    }
}

impl Front {
    fn is_dumped(&self, pfn: u64) -> bool {
        self.bytes[self.dumped + (pfn / 8) as usize] >> (pfn % 8) & 1 == 1
    }
}

/// Header and bitmaps for a dump that had none. Everything that is in the file counts as RAM.
fn build(meta: &DumpMeta, phys: &dyn PhysMem, target: Option<&Target>, notes: &[u8]) -> Result<Front> {
    let block = meta.page_size as usize;
    let info = meta.vmcoreinfo.as_ref().context("no VMCOREINFO")?;
    let pages = phys.ram().end().map_or(0, |end| end.0).div_ceil(meta.page_size);
    let text = info.text().as_bytes();
    let sub = (104 + notes.len() + text.len()).div_ceil(block);
    let bitmap = (pages as usize).div_ceil(8).div_ceil(block);
    let mut bytes = vec![0; (1 + sub + 2 * bitmap) * block];
    put(&mut bytes, 0, b"KDUMP   ");
    put(&mut bytes, 8, &6u32.to_le_bytes());
    for (i, name) in names(meta, target).iter().enumerate() {
        put(&mut bytes, 12 + UTS * i, &name[..name.len().min(UTS - 1)]);
    }
    let words = [block, sub, 2 * bitmap, pages as usize, 0, 0, 0, 0, meta.cpus.len()];
    for (i, word) in words.iter().enumerate() {
        put(&mut bytes, BLOCK + 4 * i, &(*word as u32).to_le_bytes());
    }
    let notes_at = block + 104;
    let text_at = notes_at + notes.len();
    let base = meta.phys_base.or_else(|| info.number("phys_base")).unwrap_or(0) as u64;
    put_all(
        &mut bytes,
        block,
        &[base, 1, 0, 0, text_at as u64, text.len() as u64, notes_at as u64, notes.len() as u64],
    );
    put(&mut bytes, block + 96, &pages.to_le_bytes());
    put(&mut bytes, notes_at, notes);
    put(&mut bytes, text_at, text);
    let ram = (1 + sub) * block;
    for range in phys.ram().iter() {
        for pfn in range.start.0 / meta.page_size..range.end.0.div_ceil(meta.page_size) {
            bytes[ram + (pfn / 8) as usize] |= 1 << (pfn % 8);
        }
    }
    let dumped = ram + bitmap * block;
    Ok(Front { bytes, block, dumped, pages })
}

/// `uname` as the kernel has it, else as far as VMCOREINFO tells.
fn names(meta: &DumpMeta, target: Option<&Target>) -> Vec<Vec<u8>> {
    let info = meta.vmcoreinfo.as_ref();
    let place = info.and_then(|i| Some(i.symbol("init_uts_ns")? + i.offset("uts_namespace.name")?));
    let own = target.zip(place).and_then(|(t, at)| {
        let read = |i| t.memory().cstr(VirtAddr(at + (UTS * i) as u64), UTS).ok();
        (0..6).map(read).collect::<Option<Vec<Vec<u8>>>>()
    });
    let machine = match meta.machine {
        Some(Machine::Aarch64) => "aarch64",
        Some(Machine::X86_64) => "x86_64",
        _ => "",
    };
    let release = info.and_then(|i| i.osrelease()).unwrap_or_default();
    let known = ["Linux", "(none)", release, "", machine, "(none)"];
    own.unwrap_or_else(|| known.iter().map(|n| n.as_bytes().to_vec()).collect())
}

/// The file: `front` with another second bitmap, then descriptors and pages.
fn write(
    front: Front,
    phys: &dyn PhysMem,
    codec: Option<Codec>,
    stored: &HashMap<u64, (&[u8], u64)>,
    keep: &dyn Fn(u64) -> bool,
) -> (Vec<u8>, usize) {
    let mut page = vec![0; front.block];
    let mut pages: Vec<(u64, Vec<u8>, u64)> = Vec::new();
    for pfn in (0..front.pages).filter(|pfn| keep(*pfn)) {
        if let Some((data, flags)) = stored.get(&pfn) {
            pages.push((pfn, data.to_vec(), *flags));
        } else if phys.read(PhysAddr(pfn * front.block as u64), &mut page).is_ok() {
            let (data, flags) = codec.unwrap_or(Codec::Zlib).store(&page);
            pages.push((pfn, data, flags));
        }
    }
    let mut out = front.bytes;
    let bitmap = out.len() - front.dumped;
    out[front.dumped..front.dumped + bitmap].fill(0);
    for (pfn, _, _) in &pages {
        out[front.dumped + (pfn / 8) as usize] |= 1 << (pfn % 8);
    }
    if let Some(codec) = codec {
        let status = num(&out, STATUS, 4) & !CODECS | codec.bit();
        put(&mut out, STATUS, &(status as u32).to_le_bytes());
    }
    let mut at = out.len() + DESC * pages.len();
    for (_, data, flags) in &pages {
        out.extend((at as u64).to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend((*flags as u32).to_le_bytes());
        out.extend(0u64.to_le_bytes());
        at += data.len();
    }
    let count = pages.len();
    for (_, data, _) in pages {
        out.extend(data);
    }
    (out, count)
}

/// The little-endian number of `size` bytes; 0 behind the end.
fn num(bytes: &[u8], at: usize, size: usize) -> u64 {
    let mut raw = [0; 8];
    if let Some(found) = bytes.get(at..at + size) {
        raw[..size].copy_from_slice(found);
    }
    u64::from_le_bytes(raw)
}

fn put(bytes: &mut [u8], at: usize, data: &[u8]) {
    bytes[at..at + data.len()].copy_from_slice(data);
}

fn put_all(bytes: &mut [u8], at: usize, numbers: &[u64]) {
    for (i, number) in numbers.iter().enumerate() {
        put(bytes, at + 8 * i, &number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use necropsy_base::Abi;
    use necropsy_synth::dump::{KdumpOptions, Memory, Page, kdump};

    /// Five pages: two with data, one filtered, one hole, one with data.
    fn memory() -> Memory {
        let page = |n: u8| Page::Data((0..4096u32).map(|i| (i / 7) as u8 ^ n).collect());
        Memory {
            abi: Abi::LE64,
            machine: "x86_64",
            elf_machine: 62,
            page_size: 4096,
            pages: vec![page(1), page(2), Page::Filtered, Page::Hole, page(3)],
            notes: Vec::new(),
            vmcoreinfo: "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n".into(),
        }
    }

    /// Rewrites a dump so that it keeps pages 1 and 4, and opens the result.
    fn trimmed(dump: &[u8], codec: Option<Codec>) -> necropsy_dump::Source {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::write(&from, dump).unwrap();
        let source = necropsy_dump::open(std::slice::from_ref(&from)).unwrap();
        let keep = |pfn| pfn == 1 || pfn == 4;
        let original = Original::open(&from).unwrap();
        let phys = source.physical.unwrap();
        let (bytes, kept) = original.rewrite(phys.as_ref(), None, codec, 31, &keep).unwrap();
        assert_eq!(kept, 2);
        std::fs::write(&to, bytes).unwrap();
        necropsy_dump::open(&[to]).unwrap()
    }

    fn check(source: &necropsy_dump::Source) {
        assert_eq!(source.meta.vmcoreinfo.as_ref().unwrap().osrelease(), Some("6.1.0-test"));
        let phys = source.physical.as_ref().unwrap();
        let first = |pfn: u64| {
            let mut byte = [0];
            phys.read(PhysAddr(pfn * 4096), &mut byte).ok().map(|()| byte[0])
        };
        assert_eq!([0, 1, 2, 3, 4].map(first), [None, Some(2), None, None, Some(3)]);
        assert!(phys.ram().contains(PhysAddr(0)), "pages that were left out are still RAM");
        assert!(!phys.ram().contains(PhysAddr(3 * 4096)));
    }

    #[test]
    fn keeps_stored_pages() {
        for codec in Codec::ALL {
            let options = KdumpOptions { codec, ..KdumpOptions::default() };
            check(&trimmed(&kdump(&memory(), &options)[0].bytes, None));
        }
    }

    #[test]
    fn compresses_anew() {
        for codec in Codec::ALL {
            check(&trimmed(&kdump(&memory(), &KdumpOptions::default())[0].bytes, Some(codec)));
        }
    }
}

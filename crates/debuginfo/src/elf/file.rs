//! An ELF file: what it is, its sections and its build ID. Nothing but headers is read until asked for.

use necropsy_base::{Abi, Cursor, Endian, FileOff, OutOfBounds, Store};

use super::{ElfError, notes};

/// Most headers believed; ELF itself allows more sections, kernels built with one section per function have 100,000.
const MAX_HEADERS: u64 = 1 << 20;
const MAX_NAMES: u64 = 64 << 20;
const MAX_NOTES: u64 = 1 << 20;
const PT_NOTE: u32 = 4;
const SHT_NOTE: u32 = 7;
const SHT_NOBITS: u32 = 8;

/// A section of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// Address in memory.
    pub address: u64,
    /// Place in the file.
    pub offset: FileOff,
    /// Size in bytes.
    pub size: u64,
    /// `sh_link`.
    pub link: u32,
    /// What its address is a multiple of (`sh_addralign`).
    pub align: u64,
}

/// A program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `p_type`.
    pub kind: u32,
    /// Place in the file.
    pub offset: FileOff,
    /// Address in memory.
    pub address: u64,
    /// Physical address.
    pub physical: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory.
    pub size: u64,
}

/// An ELF file.
#[derive(Clone, Debug)]
pub struct File {
    /// Byte order and pointer width.
    pub abi: Abi,
    /// `e_type`: 1 relocatable (`.ko`), 2 executable (vmlinux), 3 shared, 4 core.
    pub kind: u16,
    /// `e_machine`: 62 x86-64, 183 arm64.
    pub machine: u16,
    /// All sections.
    pub sections: Vec<Section>,
    /// All program headers.
    pub segments: Vec<Segment>,
}

/// Where a table of headers is.
struct Table {
    at: u64,
    each: usize,
    count: u64,
}

struct Header {
    abi: Abi,
    kind: u16,
    machine: u16,
    segments: Table,
    sections: Table,
    names: u64,
}

impl File {
    /// Reads the headers.
    pub fn open(store: &dyn Store) -> Result<File, ElfError> {
        let mut h = header(store)?;
        let sections = sections(store, &mut h)?;
        let raw = table(store, &h.segments, if h.abi.word == 4 { 32 } else { 56 }, "program headers")?;
        let each = raw.chunks_exact(h.segments.each.max(1));
        let segments = each.filter_map(|bytes| segment(bytes, h.abi).ok()).collect();
        Ok(File { abi: h.abi, kind: h.kind, machine: h.machine, sections, segments })
    }

    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// The bytes of a section as they are in the file, `max` at most.
    pub fn bytes(&self, store: &dyn Store, name: &str, max: u64) -> Result<Vec<u8>, ElfError> {
        let section = self.section(name).ok_or_else(|| ElfError::NoSection(name.into()))?;
        match section.size {
            _ if section.kind == SHT_NOBITS => Ok(Vec::new()),
            size if size > max => Err(ElfError::TooLarge { name: name.into(), size, max }),
            size => read(store, section.offset.0, size, "section"),
        }
    }

    /// The build ID, from note sections or note segments. A file without is no error.
    pub fn build_id(&self, store: &dyn Store) -> Option<Vec<u8>> {
        let sections = self.sections.iter().filter(|s| s.kind == SHT_NOTE).map(|s| (s.offset, s.size));
        let segments = self.segments.iter().filter(|s| s.kind == PT_NOTE).map(|s| (s.offset, s.file_size));
        sections.chain(segments).find_map(|(offset, size)| {
            let block = read(store, offset.0, size.min(MAX_NOTES), "notes").ok()?;
            notes::build_id(&block, self.abi)
        })
    }
}

fn read(store: &dyn Store, at: u64, size: u64, table: &'static str) -> Result<Vec<u8>, ElfError> {
    let end = at.checked_add(size).filter(|end| *end <= store.len()).ok_or(ElfError::Table { table })?;
    let mut bytes = vec![0; (end - at) as usize];
    store.read_at(FileOff(at), &mut bytes)?;
    Ok(bytes)
}

fn header(store: &dyn Store) -> Result<Header, ElfError> {
    let bytes = read(store, 0, store.len().min(64), "header")?;
    let magic = bytes.get(..6).filter(|m| m.starts_with(b"\x7fELF")).ok_or(ElfError::Magic)?;
    let (class, order) = (magic.get(4).copied().unwrap_or(0), magic.get(5).copied().unwrap_or(0));
    let word = match class {
        1 => 4,
        2 => 8,
        _ => return Err(ElfError::Class { class, order }),
    };
    let endian = match order {
        1 => Endian::Little,
        2 => Endian::Big,
        _ => return Err(ElfError::Class { class, order }),
    };
    fields(&bytes, Abi { endian, word }).map_err(|_| ElfError::Table { table: "header" })
}

fn fields(bytes: &[u8], abi: Abi) -> Result<Header, OutOfBounds> {
    let mut c = Cursor::at(bytes, abi, 16);
    let (kind, machine, _version, _entry) = (c.u16()?, c.u16()?, c.u32()?, c.word()?);
    let (segments_at, sections_at, _flags, _size) = (c.word()?, c.word()?, c.u32()?, c.u16()?);
    let mut table = |at| -> Result<Table, OutOfBounds> {
        Ok(Table { at, each: usize::from(c.u16()?), count: u64::from(c.u16()?) })
    };
    let (segments, sections) = (table(segments_at)?, table(sections_at)?);
    let names = u64::from(c.u16()?);
    Ok(Header { abi, kind, machine, segments, sections, names })
}

/// The bytes of a table of headers of at least `least` bytes each.
fn table(store: &dyn Store, table: &Table, least: usize, what: &'static str) -> Result<Vec<u8>, ElfError> {
    if table.count == 0 || table.at == 0 {
        return Ok(Vec::new());
    }
    if table.each < least || table.count > MAX_HEADERS {
        return Err(ElfError::Table { table: what });
    }
    read(store, table.at, table.count.saturating_mul(table.each as u64), what)
}

/// A section and the offset of its name.
fn section(bytes: &[u8], abi: Abi) -> Result<(usize, Section), OutOfBounds> {
    let mut c = Cursor::new(bytes, abi);
    let (name, kind, flags, address) = (c.u32()? as usize, c.u32()?, c.word()?, c.word()?);
    let (offset, size, link, _info) = (FileOff(c.word()?), c.word()?, c.u32()?, c.u32()?);
    let align = c.word()?;
    Ok((name, Section { name: String::new(), kind, flags, address, offset, size, link, align }))
}

fn segment(bytes: &[u8], abi: Abi) -> Result<Segment, OutOfBounds> {
    let mut c = Cursor::new(bytes, abi);
    let kind = c.u32()?;
    if abi.word == 8 {
        c.skip(4);
    }
    let (offset, address, physical) = (FileOff(c.word()?), c.word()?, c.word()?);
    Ok(Segment { kind, offset, address, physical, file_size: c.word()?, size: c.word()? })
}

fn sections(store: &dyn Store, h: &mut Header) -> Result<Vec<Section>, ElfError> {
    let (least, abi) = (if h.abi.word == 4 { 40 } else { 64 }, h.abi);
    many(store, h, least)?;
    let raw = table(store, &h.sections, least, "section headers")?;
    let each = raw.chunks_exact(h.sections.each.max(1));
    let found: Vec<_> = each.filter_map(|bytes| section(bytes, abi).ok()).collect();
    let names = match found.get(h.names as usize) {
        Some((_, s)) if s.kind != SHT_NOBITS => {
            read(store, s.offset.0, s.size.min(MAX_NAMES), "section names")?
        }
        _ => Vec::new(),
    };
    let named = |(at, section): (usize, Section)| Section { name: name(&names, at), ..section };
    Ok(found.into_iter().map(named).collect())
}

/// With more sections than 16 bits can count, the first section's size and link say how many and which has the names.
fn many(store: &dyn Store, h: &mut Header, least: usize) -> Result<(), ElfError> {
    if h.sections.at == 0 || h.sections.count != 0 && h.names != 0xffff {
        return Ok(());
    }
    let first = Table { count: 1, ..h.sections };
    let Ok((_, s)) = section(&table(store, &first, least, "section headers")?, h.abi) else {
        return Ok(());
    };
    if h.sections.count == 0 {
        h.sections.count = s.size;
    }
    if h.names == 0xffff {
        h.names = u64::from(s.link);
    }
    Ok(())
}

fn name(names: &[u8], at: usize) -> String {
    let tail = names.get(at..).unwrap_or_default();
    // Names are short; a table without NULs must not be copied for every section.
    let tail = tail.get(..256).unwrap_or(tail);
    let end = memchr::memchr(0, tail).unwrap_or(tail.len());
    String::from_utf8_lossy(tail.get(..end).unwrap_or_default()).into_owned()
}

//! Sections by name: as they lie in the file, or unpacked and relocated once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use necropsy_base::{Abi, Cursor};

use super::Placement;
use super::relocate::Relocations;
use crate::elf::{File, Section};
use crate::file_bytes::FileBytes;

const SHF_COMPRESSED: u64 = 0x800;
const SHT_NOBITS: u32 = 8;
const ET_REL: u16 = 1;
/// A section that claims to unpack to more is taken as empty.
const MAX_UNPACKED: u64 = 4 << 30;

/// The sections of a file that hold debugging information or symbols.
pub struct Sections {
    bytes: Arc<FileBytes>,
    abi: Abi,
    by_name: HashMap<String, Entry>,
    relocations: Option<Relocations>,
    damaged: Mutex<Vec<String>>,
}

struct Entry {
    range: Range<usize>,
    packed: Packed,
    /// Relocation sections that apply.
    relocations: Option<Range<usize>>,
    prepared: OnceLock<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Packed {
    No,
    /// With a header of the ELF standard.
    Elf,
    /// `.zdebug_*` with the word ZLIB, as binutils wrote before 2.26.
    Gnu,
}

impl Sections {
    pub fn new(bytes: Arc<FileBytes>, elf: &File, placed: Placement) -> Sections {
        let relocatable = elf.kind == ET_REL;
        let wanted = |s: &&Section| s.kind != SHT_NOBITS && wanted(&s.name);
        let mut by_name = HashMap::new();
        for section in elf.sections.iter().filter(wanted) {
            let Some(range) = range(section, bytes.len()) else { continue };
            let (name, packed) = match section.name.strip_prefix(".z") {
                Some(rest) => (format!(".{rest}"), Packed::Gnu),
                None if section.flags & SHF_COMPRESSED != 0 => (section.name.clone(), Packed::Elf),
                None => (section.name.clone(), Packed::No),
            };
            let rela = relocatable.then(|| elf.section(&format!(".rela{}", section.name))).flatten();
            let relocations = rela.and_then(|r| self::range(r, bytes.len()));
            by_name.entry(name).or_insert(Entry { range, packed, relocations, prepared: OnceLock::new() });
        }
        let relocations = relocatable.then(|| Relocations::new(&bytes, elf, placed));
        Sections { bytes, abi: elf.abi, by_name, relocations, damaged: Mutex::default() }
    }

    pub fn placed(&self, name: &str) -> Option<u64> {
        self.relocations.as_ref()?.placed(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|e| !e.range.is_empty())
    }

    pub fn get(&self, name: &str) -> &[u8] {
        let Some(entry) = self.by_name.get(name) else { return &[] };
        let raw = self.bytes.get(entry.range.clone()).unwrap_or_default();
        if entry.packed == Packed::No && entry.relocations.is_none() {
            return raw;
        }
        entry.prepared.get_or_init(|| self.prepare(name, entry, raw))
    }

    /// Sections that could not be unpacked, and so are taken as empty.
    pub fn damaged(&self) -> Vec<String> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn prepare(&self, name: &str, entry: &Entry, raw: &[u8]) -> Vec<u8> {
        let unpacked = match entry.packed {
            Packed::No => Some(raw.to_vec()),
            Packed::Elf => unpack_elf(raw, self.abi),
            Packed::Gnu => unpack_gnu(raw),
        };
        let mut out = unpacked.unwrap_or_else(|| {
            self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
            Vec::new()
        });
        if let (Some(range), Some(relocations)) = (&entry.relocations, &self.relocations) {
            let table = self.bytes.get(range.clone()).unwrap_or_default();
            relocations.apply(table, &mut out);
        }
        out
    }
}

fn wanted(name: &str) -> bool {
    const OTHER: [&str; 5] = [".symtab", ".strtab", ".eh_frame", ".gnu_debugaltlink", ".gnu_debuglink"];
    name.starts_with(".debug_") || name.starts_with(".zdebug_") || OTHER.contains(&name)
}

fn range(section: &Section, len: usize) -> Option<Range<usize>> {
    let start = usize::try_from(section.offset.0).ok()?;
    let end = start.checked_add(usize::try_from(section.size).ok()?)?;
    (end <= len).then_some(start..end)
}

/// `Elf64_Chdr` (type, reserved, size, alignment) or `Elf32_Chdr` (type, size, alignment), then the data.
fn unpack_elf(raw: &[u8], abi: Abi) -> Option<Vec<u8>> {
    let mut c = Cursor::new(raw, abi);
    let kind = c.u32().ok()?;
    if abi.word == 8 {
        c.skip(4);
    }
    let (size, _align) = (c.word().ok()?, c.word().ok()?);
    let data = raw.get(if abi.word == 8 { 24 } else { 12 }..)?;
    match kind {
        1 => inflate(data, size),
        2 => {
            let mut out = Vec::new();
            let reader = zstd::Decoder::new(data).ok()?;
            std::io::Read::read_to_end(&mut std::io::Read::take(reader, size.min(MAX_UNPACKED)), &mut out)
                .ok()?;
            (out.len() as u64 == size).then_some(out)
        }
        _ => None,
    }
}

fn unpack_gnu(raw: &[u8]) -> Option<Vec<u8>> {
    let size = raw.strip_prefix(b"ZLIB")?.first_chunk::<8>()?;
    inflate(raw.get(12..)?, u64::from_be_bytes(*size))
}

/// Deflate cannot do better than 1032 to 1, so that a wrong size costs no more memory than the file's own size suggests.
fn inflate(data: &[u8], size: u64) -> Option<Vec<u8>> {
    if size > MAX_UNPACKED || size / 1032 > data.len() as u64 {
        return None;
    }
    let mut out = vec![0; size as usize];
    let n = libdeflater::Decompressor::new().zlib_decompress(data, &mut out).ok()?;
    (n as u64 == size).then_some(out)
}

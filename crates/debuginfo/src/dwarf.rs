//! DWARF 4 and 5 out of a file: source lines, inlined calls, variables, types. Nothing is parsed before it is asked for, and
//! then one unit at a time.
//!
//! [`gimli`] decodes the format; what is here decides where to look. Sections lie in the mapped file; compressed ones are
//! unpacked, and those of a relocatable file (`.ko`) relocated to where its sections were loaded, when first needed. Split
//! units (`.dwo`) are followed into their own files, and what `dwz` moved out (`.gnu_debugaltlink`) into its file.

mod cfi;
mod entries;
mod expression;
mod lines;
mod name_table;
mod names;
mod relocate;
mod scopes;
mod sections;
mod types;
mod units;
mod variables;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gimli::{EndianSlice, RunTimeEndian};
use necropsy_base::{Abi, Endian};

use crate::elf::{ElfError, ElfSymbol, File, symbols};
use crate::file_bytes::FileBytes;
use crate::locate::{AltLink, alt_link};
use cfi::{CfiIndex, CfiSections};
use sections::Sections;
use units::UnitMap;

pub use cfi::{Cfa, CfiError, CfiRow, Known, Rule};
pub use lines::{Line, Place, SourceFrame};
pub use names::Global;
pub use scopes::{Scope, ScopeKind};
pub use types::DwarfTypes;
pub use variables::{FrameState, Held, Variable, Variables, Why};

/// What gimli reads from.
pub(crate) type R<'a> = EndianSlice<'a, RunTimeEndian>;

/// Why a question to a file with debugging information has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DwarfError {
    /// The file is no ELF file, or a damaged one.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// DWARF that does not decode.
    #[error("damaged DWARF: {0}")]
    Damaged(#[from] gimli::Error),
    /// A split unit whose own file is not there.
    #[error("the unit is split off into {0}, which was not found")]
    Split(String),
    /// A relocatable file of a machine whose relocations are not known: every address in it would be wrong.
    #[error("relocatable files of ELF machine {0} are not supported")]
    Machine(u16),
    /// A reference into the file that `dwz` made, which is not there.
    #[error("it is described in the file that dwz moved common entries into, which was not found")]
    NoAlt,
    /// A reference to no entry.
    #[error("no entry at {0:#x} of .debug_info")]
    NoEntry(usize),
}

/// A file with debugging information: a vmlinux, a module, or what was stripped off them.
pub struct DebugFile {
    path: PathBuf,
    bytes: Arc<FileBytes>,
    elf: File,
    sections: Sections,
    alt: Option<Arc<DebugFile>>,
    dwo: bool,
    split: Mutex<HashMap<String, Option<Arc<DebugFile>>>>,
    units: OnceLock<UnitMap>,
    abbreviations: Mutex<HashMap<usize, Arc<gimli::Abbreviations>>>,
    names: OnceLock<names::Names>,
    frames: OnceLock<CfiIndex>,
}

const SHT_PROGBITS: u32 = 1;

/// Where the sections of a relocatable file were loaded, by name.
pub type Placement = HashMap<String, u64>;

impl DebugFile {
    /// Opens a linked file, or a relocatable one whose sections were loaded at `placed`.
    pub fn open(path: &Path, placed: Option<&Placement>) -> Result<DebugFile, DwarfError> {
        DebugFile::from_bytes(path.to_path_buf(), FileBytes::open(path)?, placed)
    }

    /// The same for bytes already in memory; `path` is for messages, and where split units are looked for.
    pub fn from_bytes(
        path: PathBuf,
        bytes: FileBytes,
        placed: Option<&Placement>,
    ) -> Result<DebugFile, DwarfError> {
        let elf = File::open(&bytes)?;
        if elf.kind == 1 && (!relocate::knows(elf.machine) || elf.abi.word != 8) {
            return Err(DwarfError::Machine(elf.machine));
        }
        let bytes = Arc::new(bytes);
        let sections = Sections::new(bytes.clone(), &elf, placed.cloned().unwrap_or_default());
        let dwo = sections.has(".debug_info.dwo") && !sections.has(".debug_info");
        Ok(DebugFile {
            path,
            bytes,
            elf,
            sections,
            alt: None,
            dwo,
            split: Mutex::default(),
            units: OnceLock::new(),
            abbreviations: Mutex::default(),
            names: OnceLock::new(),
            frames: OnceLock::new(),
        })
    }

    /// Adds the file that `dwz` moved common entries into.
    pub fn with_alt(mut self, alt: Arc<DebugFile>) -> DebugFile {
        self.alt = Some(alt);
        self
    }

    /// The same file, its sections loaded at `placed`.
    pub fn placed_at(self, placed: Placement) -> DebugFile {
        let sections = Sections::new(self.bytes.clone(), &self.elf, placed);
        DebugFile {
            sections,
            split: Mutex::default(),
            units: OnceLock::new(),
            abbreviations: Mutex::default(),
            names: OnceLock::new(),
            frames: OnceLock::new(),
            ..self
        }
    }

    /// Where a section of a relocatable file was loaded.
    pub fn placed(&self, section: &str) -> Option<u64> {
        self.sections.placed(section)
    }

    /// The value of a symbol, without reading the others.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        crate::elf::symbol_value(self.section(".symtab"), self.section(".strtab"), name, self.abi())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Sections that turned out to be damaged when they were needed.
    pub fn damaged_sections(&self) -> Vec<String> {
        self.sections.damaged()
    }
    /// Its headers.
    pub fn elf(&self) -> &File {
        &self.elf
    }
    /// Its bytes.
    pub fn store(&self) -> &dyn necropsy_base::Store {
        self.bytes.as_ref()
    }
    /// Byte order and pointer width.
    pub fn abi(&self) -> Abi {
        self.elf.abi
    }
    /// Whether there is anything to ask for.
    pub fn has_dwarf(&self) -> bool {
        self.dwo || self.sections.has(".debug_info")
    }
    /// The build ID.
    pub fn build_id(&self) -> Option<Vec<u8>> {
        self.elf.build_id(self.bytes.as_ref())
    }
    /// The bytes of a section, unpacked and relocated; empty when there is none.
    pub fn section(&self, name: &str) -> &[u8] {
        self.sections.get(name)
    }

    /// Code at an address of a linked file, as it was built: at most `len` bytes, fewer at the end of a section.
    pub fn code_at(&self, address: u64, len: usize) -> Option<&[u8]> {
        let holds = |s: &&crate::elf::Section| {
            s.kind == SHT_PROGBITS
                && s.flags & 2 != 0
                && address.checked_sub(s.address).is_some_and(|o| o < s.size)
        };
        let section = self.elf.sections.iter().find(holds)?;
        let inside = address - section.address;
        let start = usize::try_from(section.offset.0.checked_add(inside)?).ok()?;
        let len = len.min(usize::try_from(section.size - inside).ok()?);
        self.bytes.get(start..start.checked_add(len)?)
    }

    /// The bytes of a section as they are in the file, neither unpacked nor relocated; empty when it has none.
    pub fn raw_section(&self, name: &str) -> &[u8] {
        crate::elf::contents(&self.elf, &self.bytes, name)
    }

    /// What a section of a relocatable file refers to.
    pub fn references(&self, section: &str) -> Vec<crate::elf::Reference> {
        crate::elf::references(&self.elf, &self.bytes, section)
    }

    /// Whether it has code, and not only what describes it.
    pub fn has_code(&self) -> bool {
        self.elf.section(".text").is_some_and(|s| s.kind == SHT_PROGBITS)
    }

    /// The file that `dwz` moved common entries into.
    pub fn alt_link(&self) -> Option<AltLink> {
        alt_link(&self.elf, self.bytes.as_ref())
    }

    /// The file's symbol table; values of a relocatable file are offsets in their sections.
    pub fn symbols(&self) -> Vec<ElfSymbol> {
        symbols(self.section(".symtab"), self.section(".strtab"), None, self.abi())
    }

    /// How to get from `place`, an address in the file, to the caller; `None` where no call frame information covers it.
    pub fn call_frame(&self, place: u64) -> Result<Option<CfiRow>, CfiError> {
        let sections = CfiSections {
            abi: self.abi(),
            debug_frame: self.section(".debug_frame"),
            eh_frame: self.section(".eh_frame"),
            eh_frame_address: self.elf.section(".eh_frame").map_or(0, |s| s.address),
        };
        self.frames.get_or_init(|| CfiIndex::new(&sections)).row(&sections, place)
    }

    fn endian(&self) -> RunTimeEndian {
        match self.abi().endian {
            Endian::Little => RunTimeEndian::Little,
            Endian::Big => RunTimeEndian::Big,
        }
    }

    /// The sections as gimli wants them: nothing is read yet.
    pub(crate) fn dwarf(&self) -> gimli::Dwarf<R<'_>> {
        let mut dwarf = self.own_dwarf();
        if let Some(alt) = &self.alt {
            dwarf.set_sup(alt.own_dwarf());
        }
        dwarf
    }

    fn own_dwarf(&self) -> gimli::Dwarf<R<'_>> {
        let load = |id: gimli::SectionId| -> Result<R<'_>, std::convert::Infallible> {
            let name = if self.dwo { id.dwo_name() } else { Some(id.name()) };
            Ok(EndianSlice::new(name.map_or(&[][..], |n| self.section(n)), self.endian()))
        };
        match gimli::Dwarf::load(load) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        }
    }

    /// The file of a split unit: beside this one, or where the compiler left it.
    fn split_file(&self, name: &str, comp_dir: &str) -> Option<Arc<DebugFile>> {
        let mut known = self.split.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        let here = self.path.parent().unwrap_or(Path::new("."));
        let base = Path::new(name).file_name().map(|f| here.join(f));
        let places = [Some(Path::new(comp_dir).join(name)), Some(here.join(name)), base];
        let open = |p: PathBuf| DebugFile::open(&p, None).ok().filter(|f| f.dwo);
        let found = places.into_iter().flatten().find_map(open).map(Arc::new);
        known.insert(name.to_owned(), found.clone());
        found
    }
}

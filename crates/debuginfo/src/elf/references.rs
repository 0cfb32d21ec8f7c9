//! What the code and tables of a relocatable file refer to (`Elf64_Rela`): a module is linked when it is loaded.

use necropsy_base::{Abi, Cursor};

use super::File;

const RELA: usize = 24;
const SYM: usize = 24;
const SHN_UNDEF: u16 = 0;
const SHN_LORESERVE: u16 = 0xff00;
const SHN_ABS: u16 = 0xfff1;

/// A word that the loader fills in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where, in the section.
    pub at: u64,
    /// `r_type`, by machine.
    pub kind: u32,
    /// What to add to the address referred to.
    pub addend: u64,
    /// What is referred to.
    pub to: RefersTo,
}

/// What a word refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefersTo {
    /// A place in a section of the same file.
    Section {
        /// The section.
        name: String,
        /// The offset in it.
        offset: u64,
    },
    /// A number.
    Absolute(u64),
    /// A symbol of the kernel or of another module.
    External(String),
}

/// The references of a section, in the order of the file; those that make no sense are left out. Empty for files that are not of 64 bits.
pub fn references(file: &File, bytes: &[u8], section: &str) -> Vec<Reference> {
    if file.abi.word != 8 {
        return Vec::new();
    }
    let table = contents(file, bytes, &format!(".rela{section}"));
    let symbols = contents(file, bytes, ".symtab");
    let strings = contents(file, bytes, ".strtab");
    let entry = |raw: &[u8]| {
        let mut c = Cursor::new(raw, file.abi);
        let (at, info, addend) = (c.u64().ok()?, c.u64().ok()?, c.u64().ok()?);
        let start = usize::try_from(info >> 32).ok()?.checked_mul(SYM)?;
        let to = symbol(file, symbols.get(start..start.checked_add(SYM)?)?, strings, file.abi)?;
        Some(Reference { at, kind: info as u32, addend, to })
    };
    table.chunks_exact(RELA).filter_map(entry).collect()
}

fn symbol(file: &File, raw: &[u8], strings: &[u8], abi: Abi) -> Option<RefersTo> {
    let mut c = Cursor::new(raw, abi);
    let name = c.u32().ok()? as usize;
    c.skip(2);
    let (section, value) = (c.u16().ok()?, c.u64().ok()?);
    match section {
        SHN_UNDEF => {
            let tail = strings.get(name..)?;
            let text = tail.get(..memchr::memchr(0, tail)?)?;
            Some(RefersTo::External(String::from_utf8_lossy(text).into_owned()))
        }
        SHN_ABS => Some(RefersTo::Absolute(value)),
        SHN_LORESERVE.. => None,
        n => {
            let name = file.sections.get(usize::from(n))?.name.clone();
            Some(RefersTo::Section { name, offset: value })
        }
    }
}

/// The bytes of a section as they are in the file.
pub fn contents<'a>(file: &File, bytes: &'a [u8], name: &str) -> &'a [u8] {
    const SHT_NOBITS: u32 = 8;
    let section = file.section(name).filter(|s| s.kind != SHT_NOBITS);
    let range = section.and_then(|s| {
        let start = usize::try_from(s.offset.0).ok()?;
        Some(start..start.checked_add(usize::try_from(s.size).ok()?)?)
    });
    range.and_then(|range| bytes.get(range)).unwrap_or_default()
}

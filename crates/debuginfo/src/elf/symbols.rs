//! Symbol tables as they lie in memory or in a file.

use necropsy_base::{Abi, Cursor, OutOfBounds};

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfSymbol {
    /// Its name.
    pub name: String,
    /// Its value: in a loaded module the address.
    pub value: u64,
    /// Its size in bytes; 0 if unknown.
    pub size: u64,
    /// Like the letter of `nm`: `T` code, `D` data, `A` absolute, `U` undefined, `W` weak, `N` other; small letters
    /// for local ones.
    pub kind: u8,
    /// Index of its section.
    pub section: u16,
}

/// What an entry says, before its name is looked up.
struct Raw {
    name: usize,
    info: u8,
    section: u16,
    value: u64,
    size: u64,
}

/// The named symbols of an array of `Elf64_Sym` or `Elf32_Sym` (by the word size of `abi`).
///
/// `typetab` is what `struct mod_kallsyms` has since 5.2: one letter per entry (kernel/module/kallsyms.c). Before,
/// the kernel wrote the letter over `st_info`, where it cannot be mistaken for the real thing.
pub fn symbols(symtab: &[u8], strtab: &[u8], typetab: Option<&[u8]>, abi: Abi) -> Vec<ElfSymbol> {
    let width = if abi.word == 4 { 16 } else { 24 };
    let entries = symtab.chunks_exact(width).enumerate();
    entries.filter_map(|(i, e)| symbol(raw(e, abi).ok()?, strtab, typetab.and_then(|t| t.get(i)))).collect()
}

/// The value of the first symbol called `name` that is defined.
pub fn symbol_value(symtab: &[u8], strtab: &[u8], name: &str, abi: Abi) -> Option<u64> {
    let width = if abi.word == 4 { 16 } else { 24 };
    let called = |at: usize| {
        let tail = strtab.get(at..)?;
        let end = name.len();
        (tail.get(..end)? == name.as_bytes() && tail.get(end) == Some(&0)).then_some(())
    };
    let mut defined = symtab.chunks_exact(width).filter_map(|e| raw(e, abi).ok()).filter(|r| r.section != 0);
    defined.find(|r| called(r.name).is_some()).map(|r| r.value)
}

fn raw(entry: &[u8], abi: Abi) -> Result<Raw, OutOfBounds> {
    let mut c = Cursor::new(entry, abi);
    let name = c.u32()? as usize;
    if abi.word == 4 {
        let (value, size) = (c.word()?, c.word()?);
        let (info, _other, section) = (c.u8()?, c.u8()?, c.u16()?);
        return Ok(Raw { name, info, section, value, size });
    }
    let (info, _other, section) = (c.u8()?, c.u8()?, c.u16()?);
    Ok(Raw { name, info, section, value: c.word()?, size: c.word()? })
}

fn symbol(raw: Raw, strtab: &[u8], letter: Option<&u8>) -> Option<ElfSymbol> {
    let tail = strtab.get(raw.name..)?;
    let text = tail.get(..memchr::memchr(0, tail).unwrap_or(tail.len()))?;
    if text.is_empty() {
        return None;
    }
    let given = letter.copied().filter(u8::is_ascii_alphabetic);
    // The kernel's letter tells the section only; its entry still has the binding.
    let global = raw.info >> 4 == 1;
    let given = given.map(|l| if global { l.to_ascii_uppercase() } else { l });
    let kind = given.unwrap_or_else(|| letter_of(&raw));
    let name = String::from_utf8_lossy(text).into_owned();
    Some(ElfSymbol { name, value: raw.value, size: raw.size, kind, section: raw.section })
}

fn letter_of(raw: &Raw) -> u8 {
    if raw.info.is_ascii_alphabetic() {
        return raw.info;
    }
    let (bind, kind) = (raw.info >> 4, raw.info & 15);
    let letter = match (raw.section, bind, kind) {
        (0, _, _) => return b'U',
        (0xfff1, _, _) => b'A',
        (_, 2, _) => return b'W',
        (_, _, 2 | 10) => b'T',
        (_, _, 1 | 6) => b'D',
        _ => b'N',
    };
    if bind == 0 { letter.to_ascii_lowercase() } else { letter }
}

//! ELF notes: name, number, bytes.

use necropsy_base::{Abi, Cursor, OutOfBounds};

/// A note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who defined it, without the NUL: `GNU`, `CORE`.
    pub name: &'a [u8],
    /// What it is.
    pub kind: u32,
    /// Its content.
    pub data: &'a [u8],
}

/// The notes in a block, until the first that does not fit.
pub fn notes(block: &[u8], abi: Abi) -> impl Iterator<Item = Note<'_>> {
    let mut c = Cursor::new(block, abi);
    std::iter::from_fn(move || next(&mut c).ok())
}

fn next<'a>(c: &mut Cursor<'a>) -> Result<Note<'a>, OutOfBounds> {
    let (name_len, len, kind) = (c.u32()? as usize, c.u32()? as usize, c.u32()?);
    let name = c.bytes(name_len)?;
    c.align(4);
    let data = c.bytes(len)?;
    c.align(4);
    Ok(Note { name: name.strip_suffix(b"\0").unwrap_or(name), kind, data })
}

/// The build ID in a block of notes (`NT_GNU_BUILD_ID`).
pub fn build_id(block: &[u8], abi: Abi) -> Option<Vec<u8>> {
    let is = |n: &Note| n.name == b"GNU" && n.kind == 3 && !n.data.is_empty();
    notes(block, abi).find(is).map(|n| n.data.to_vec())
}

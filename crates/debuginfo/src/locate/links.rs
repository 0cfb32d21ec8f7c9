//! Links from one ELF file to another: `.gnu_debuglink` (to the file with the debugging information) and
//! `.gnu_debugaltlink` (to what `dwz` took out of several).

use necropsy_base::Store;

use crate::elf::File;

const MAX_LINK: u64 = 8192;

/// A link to the file that has what several files share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AltLink {
    /// Its path: absolute, or relative to the file with the link.
    pub path: String,
    /// Its build ID.
    pub build_id: Vec<u8>,
}

/// The link to the file that `dwz` made, if there is one.
pub fn alt_link(file: &File, store: &dyn Store) -> Option<AltLink> {
    let bytes = file.bytes(store, ".gnu_debugaltlink", MAX_LINK).ok()?;
    let (path, rest) = split_nul(&bytes)?;
    (!rest.is_empty()).then(|| AltLink { path, build_id: rest.to_vec() })
}

/// The name of the file with the debugging information: a name, not a path.
pub(super) fn debug_link(file: &File, store: &dyn Store) -> Option<String> {
    let bytes = file.bytes(store, ".gnu_debuglink", MAX_LINK).ok()?;
    let (name, _crc) = split_nul(&bytes)?;
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains('/');
    plain.then_some(name)
}

fn split_nul(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    let (name, rest) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    Some((String::from_utf8(name.to_vec()).ok()?, rest))
}

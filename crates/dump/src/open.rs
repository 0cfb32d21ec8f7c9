//! From paths to an opened dump.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use necropsy_base::{FileOff, Store};

use crate::formats::{FORMATS, Format, Part};
use crate::{FileStore, OpenError, Source, looks};

/// How many bytes [`Format::probe`] sees.
const HEAD: u64 = 4096;

/// Opens a dump; several paths are the parts of one split dump, in any order.
pub fn open(paths: &[PathBuf]) -> Result<Source, OpenError> {
    let parts: Result<Vec<Part>, OpenError> = paths.iter().map(|path| part(path)).collect();
    open_parts(&parts?)
}

/// The same for bytes that lie elsewhere; `names` are for messages.
pub fn open_stores(stores: Vec<Arc<dyn Store>>, names: &[String]) -> Result<Source, OpenError> {
    let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| format!("part {}", i + 1));
    let parts: Vec<Part> =
        stores.into_iter().enumerate().map(|(i, store)| Part { store, name: name(i) }).collect();
    open_parts(&parts)
}

fn part(path: &Path) -> Result<Part, OpenError> {
    let name = path.display().to_string();
    match FileStore::open(path) {
        Ok(store) => Ok(Part { store: Arc::new(store), name }),
        Err(source) => Err(OpenError::Io { name, source }),
    }
}

/// Opens `parts` with the first format that knows the first of them.
pub(crate) fn open_parts(parts: &[Part]) -> Result<Source, OpenError> {
    let first = parts.first().ok_or(OpenError::NoFiles)?;
    let format = format_of(first)?;
    for part in parts.iter().skip(1) {
        let found = format_of(part)?;
        if found.name() != format.name() {
            let what = format!("it is {}, they are {}", found.name(), format.name());
            return Err(OpenError::Parts { name: part.name.clone(), what });
        }
    }
    let mut source = format.open(parts)?;
    source.meta.live = parts.iter().any(|p| p.name == "/proc/kcore");
    Ok(source)
}

/// The first bytes of a file.
pub(crate) fn head(part: &Part) -> Result<Vec<u8>, OpenError> {
    let mut head = vec![0; part.store.len().min(HEAD) as usize];
    let read = part.store.read_at(FileOff(0), &mut head);
    read.map_err(|e| OpenError::reading(&part.name, "first bytes", e, HEAD))?;
    Ok(head)
}

fn format_of(part: &Part) -> Result<&'static dyn Format, OpenError> {
    let head = head(part)?;
    let known = FORMATS.iter().find(|f| f.probe(&head));
    known
        .copied()
        .ok_or_else(|| OpenError::Unknown { name: part.name.clone(), looks_like: looks::like(&head) })
}

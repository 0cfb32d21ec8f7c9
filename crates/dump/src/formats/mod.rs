//! The registry of formats.

pub(crate) mod elf;
pub(crate) mod flattened;
pub(crate) mod kdump;
pub(crate) mod raw;

use std::sync::Arc;

use necropsy_base::Store;

use crate::{OpenError, Source};

/// One file of a dump.
#[derive(Clone)]
pub struct Part {
    /// Its bytes.
    pub store: Arc<dyn Store>,
    /// Its name, for messages.
    pub name: String,
}

/// A dump file format.
pub trait Format: Sync {
    /// Name for people.
    fn name(&self) -> &'static str;
    /// Whether a file that begins with `head` (up to 4 KiB) is of this format.
    fn probe(&self, head: &[u8]) -> bool;
    /// Opens the dump that `parts` (never empty) make up.
    fn open(&self, parts: &[Part]) -> Result<Source, OpenError>;
}

/// All formats; the first that knows a file opens it.
pub static FORMATS: &[&dyn Format] = &[&kdump::Kdump, &elf::Elf, &flattened::Flattened, &raw::Raw];

/// The names of all formats, for messages.
pub(crate) fn supported() -> String {
    FORMATS.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ")
}

/// The only file, for formats that cannot be split.
fn single(parts: &[Part]) -> Result<&Part, OpenError> {
    match parts {
        [] => Err(OpenError::NoFiles),
        [only] => Ok(only),
        [_, second, ..] => {
            let what = "this format cannot be split over several files; give one".into();
            Err(OpenError::Parts { name: second.name.clone(), what })
        }
    }
}

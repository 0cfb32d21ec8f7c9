//! Names that share the table they come from.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A name in a table; cloning and making one does not copy the text.
#[derive(Clone)]
pub struct Name {
    table: Arc<Vec<u8>>,
    start: usize,
    len: usize,
}

impl Name {
    /// `table[start..start + len]`; bytes that are not UTF-8 are replaced, bytes outside of the table left out.
    pub(crate) fn new(table: &Arc<Vec<u8>>, start: usize, len: usize) -> Name {
        let bytes = start.checked_add(len).and_then(|end| table.get(start..end)).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() => Name { table: table.clone(), start, len },
            _ => Name::from(&*String::from_utf8_lossy(bytes)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.table.get(self.start..self.start + self.len).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name { table: Arc::new(text.as_bytes().to_vec()), start: 0, len: text.len() }
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}
impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

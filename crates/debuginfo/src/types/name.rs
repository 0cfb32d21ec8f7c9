//! Names out of a table.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A name; making and cloning one allocates nothing, unless its bytes are not UTF-8.
#[derive(Clone)]
pub struct Name(Text);

/// Names are made by the hundred thousand, by all threads at once, and most are short: copying them is cheaper than to count, in one place
/// that all CPUs write to, how many there are.
#[derive(Clone)]
enum Text {
    Short { len: u8, text: [u8; SHORT] },
    Shared { table: Arc<Vec<u8>>, start: usize, len: usize },
}

/// As long as the other form is: 32 bytes with what tells them apart.
const SHORT: usize = 30;

impl Name {
    /// `table[start..start + len]`; bytes that are not UTF-8 are replaced, bytes outside of the table left out.
    pub(crate) fn new(table: &Arc<Vec<u8>>, start: usize, len: usize) -> Name {
        let bytes = start.checked_add(len).and_then(|end| table.get(start..end)).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                Name(short(text).unwrap_or_else(|| Text::Shared { table: table.clone(), start, len }))
            }
            Err(_) => Name::from(&*String::from_utf8_lossy(bytes)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = match &self.0 {
            Text::Short { len, text } => text.get(..usize::from(*len)),
            Text::Shared { table, start, len } => table.get(*start..start + len),
        };
        std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

fn short(from: &str) -> Option<Text> {
    let mut text = [0; SHORT];
    text.get_mut(..from.len())?.copy_from_slice(from.as_bytes());
    Some(Text::Short { len: from.len() as u8, text })
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        let shared = || {
            let table = Arc::new(text.as_bytes().to_vec());
            Text::Shared { table, start: 0, len: text.len() }
        };
        Name(short(text).unwrap_or_else(shared))
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

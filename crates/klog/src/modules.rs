//! `Modules linked in:`.

use schemars::JsonSchema;
use serde::Serialize;

/// A module that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleName {
    /// Its name.
    pub name: String,
    /// Its taint letters; `+` while it is loading, `-` while it goes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub flags: String,
}

/// What `Modules linked in:` lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Modules {
    /// The loaded ones, in the kernel's order: the youngest first.
    pub loaded: Vec<ModuleName>,
    /// The one that was unloaded last.
    pub last_unloaded: Option<ModuleName>,
}

/// Reads a `Modules linked in:` line; `None` if the line is none.
///
/// ```
/// let line = "Modules linked in: netpkt(OE) virtio_net [last unloaded: bad(PO)]";
/// let modules = necropsy_klog::parse_modules(line).unwrap();
/// assert_eq!(modules.loaded[0].name, "netpkt");
/// assert_eq!(modules.loaded[0].flags, "OE");
/// assert_eq!(modules.last_unloaded.unwrap().name, "bad");
/// ```
pub fn parse_modules(line: &str) -> Option<Modules> {
    let (_, list) = line.split_once("Modules linked in:")?;
    let mut modules = Modules::default();
    modules.add(list);
    Some(modules)
}

impl Modules {
    /// Adds the names of a line that continues the list.
    pub fn add(&mut self, list: &str) {
        let (list, unloaded) = match list.split_once("[last unloaded:") {
            Some((list, rest)) => (list, rest.split(']').next()),
            None => (list, None),
        };
        self.loaded.extend(list.split_ascii_whitespace().take(4096).filter_map(module));
        self.last_unloaded = unloaded.and_then(|u| module(u.trim())).or(self.last_unloaded.take());
    }
}

fn module(word: &str) -> Option<ModuleName> {
    let (name, flags) = word.split_once('(').unwrap_or((word, ""));
    let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let flags = flags.trim_end_matches(')').to_owned();
    (!name.is_empty() && name.bytes().all(sound)).then(|| ModuleName { name: name.to_owned(), flags })
}

//! Objects that memory error detectors name, and locks that lockdep names.

use schemars::JsonSchema;
use serde::Serialize;

/// An object in memory, as KASAN or KFENCE describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Object {
    /// Where it begins.
    pub address: Option<String>,
    /// Its slab cache.
    pub cache: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The access, as a sentence: `8 bytes inside of 64-byte region`.
    pub place: Option<String>,
    /// Bytes of the access.
    pub access_size: Option<u64>,
    /// Who allocated it.
    pub allocated_by: Option<i64>,
    /// Who freed it.
    pub freed_by: Option<i64>,
}

/// Reads a line about the object.
pub(super) fn read(object: &mut Option<Object>, text: &str) {
    let first = |t: &str| t.split([' ', ',', ':', '.']).next().map(str::to_owned);
    let number = |t: &str| -> Option<u64> {
        t.split(|c: char| !c.is_ascii_digit()).find(|w| !w.is_empty()).and_then(|w| w.parse().ok())
    };
    let id = |t: &str| number(t).and_then(|n| i64::try_from(n).ok());
    let mut set = |fill: &dyn Fn(&mut Object)| fill(object.get_or_insert_default());
    if let Some(rest) = text.split_once("The buggy address belongs to the object at ").map(|(_, r)| r) {
        set(&|o| o.address = first(rest));
    } else if let Some(rest) = text.split_once("which belongs to the cache ").map(|(_, r)| r) {
        let (name, size) = rest.split_once(" of size ").unwrap_or((rest, ""));
        set(&|o| (o.cache, o.size) = (Some(name.trim().to_owned()), number(size)));
    } else if let Some(rest) = text.split_once("The buggy address is located ").map(|(_, r)| r) {
        set(&|o| o.place = Some(rest.trim().to_owned()));
    } else if let Some(rest) =
        text.split_once(" of size ").filter(|(h, _)| h.ends_with("Read") || h.ends_with("Write"))
    {
        set(&|o| o.access_size = number(rest.1));
    } else if let Some(rest) = text.trim_start().strip_prefix("Allocated by task ") {
        set(&|o| o.allocated_by = id(rest));
    } else if let Some(rest) = text.trim_start().strip_prefix("Freed by task ") {
        set(&|o| o.freed_by = id(rest));
    } else if let Some(rest) = text.strip_prefix("allocated by task ") {
        set(&|o| o.allocated_by = id(rest));
    } else if let Some(rest) = text.strip_prefix("freed by task ") {
        set(&|o| o.freed_by = id(rest));
    } else if let Some((_, rest)) = text.split_once(", cache=").filter(|(h, _)| h.starts_with("kfence-#")) {
        set(&|o| o.cache = first(rest));
    }
}

/// The lock that a line of lockdep is about: `(&bdev->bd_mutex){+.+.}, at:`.
pub(super) fn lock(text: &str) -> Option<String> {
    let (head, _) = text.split_once("){")?;
    let name = &head[head.rfind('(')? + 1..];
    (!name.is_empty() && name.len() < 128).then(|| name.to_owned())
}

//! I/O ports and memory by who took them (kernel/resource.c).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

/// No tree has more entries.
const MAX: usize = 1 << 20;

/// A `struct resource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Where it is.
    pub at: VirtAddr,
    /// How deep in the tree.
    pub depth: usize,
    /// The first port or byte.
    pub start: u64,
    /// The last.
    pub end: u64,
    /// Its name, escaped.
    pub name: String,
}

#[derive(Load)]
#[kernel(name = "resource")]
struct Raw {
    start: u64,
    end: u64,
    name: VirtAddr,
    sibling: VirtAddr,
    child: VirtAddr,
}

/// A tree by its root's symbol, `ioport_resource` or `iomem_resource`: parents before children, by address. What cannot be read costs
/// a note.
pub fn resources(t: &Target, symbol: &str) -> Result<Vec<Resource>, LoadError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut todo = vec![(t.need_symbol(symbol)?, 0)];
    while let Some((at, depth)) = todo.pop() {
        if !seen.insert(at) || found.len() >= MAX || t.budget().step().is_err() {
            t.note(format!("{symbol} loops at {at:#x}"));
            break;
        }
        let raw: Raw = match t.load(at) {
            Ok(raw) => raw,
            Err(e) => {
                t.note(format!("resource {at:#x}: {e}"));
                continue;
            }
        };
        let name = t.memory().cstr(raw.name, 128).map(|s| s.escape_ascii().to_string());
        found.push(Resource { at, depth, start: raw.start, end: raw.end, name: name.unwrap_or_default() });
        let below = [(raw.sibling, depth), (raw.child, depth + 1)];
        todo.extend(below.into_iter().filter(|(at, _)| !at.is_null()));
    }
    Ok(found)
}

//! Maple trees (lib/maple_tree.c, 6.1 and later).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use super::{MAX_ENTRIES, Walk};

/// A pointer to a node has its type in bits 3 to 6, and in the tree's root bit 1 set; nodes are aligned to 256 bytes.
const NODE: u64 = 2;
const TYPE_SHIFT: u32 = 3;
const TYPE_MASK: u64 = 0xf;
const NODE_MASK: u64 = 0xff;
/// `enum maple_type`: a dense leaf, a leaf of ranges, and two kinds of inner nodes.
const LEAF: u64 = 1;
const RANGE: u64 = 2;
const ALLOCATION: u64 = 3;
/// No tree is deeper (`MAPLE_HEIGHT_MAX`).
const MAX_HEIGHT: usize = 31;

/// An entry with the range of indices it is stored at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first index.
    pub first: u64,
    /// The last index.
    pub last: u64,
    /// The entry.
    pub entry: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "maple_tree")]
struct Tree {
    ma_root: u64,
}

#[derive(Load)]
#[kernel(name = "maple_node")]
struct Parts {
    mr64: At,
    ma64: At,
}

#[derive(Load)]
#[kernel(name = "maple_range_64")]
struct Range64 {
    pivot: ArrayAt,
    slot: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "maple_arange_64")]
struct Arange64 {
    pivot: ArrayAt,
    slot: ArrayAt,
}

/// All entries of the `struct maple_tree` at `at`, by index.
pub fn maple(t: &Target, at: VirtAddr) -> Result<Walk<Range>, LoadError> {
    let root = t.load::<Tree>(at)?.ma_root;
    let mut walker = Walker { t, walk: Walk::default(), seen: HashSet::new() };
    if !is_node(root) {
        // A tree of one entry at index 0 has it in place of the root.
        if root != 0 {
            walker.walk.items.push(Range { first: 0, last: 0, entry: VirtAddr(root) });
        }
        return Ok(walker.walk);
    }
    walker.node(root, 0, u64::MAX, 0);
    Ok(walker.walk)
}

fn is_node(entry: u64) -> bool {
    entry & 3 == NODE && entry > 4096
}

struct Walker<'t> {
    t: &'t Target,
    walk: Walk<Range>,
    seen: HashSet<u64>,
}

impl Walker<'_> {
    fn node(&mut self, encoded: u64, min: u64, max: u64, depth: usize) {
        let stop = !self.seen.insert(encoded) || depth > MAX_HEIGHT || self.walk.items.len() > MAX_ENTRIES;
        if stop || self.t.budget().step().is_err() {
            self.walk.problem = Some(format!("tree loops or is too large at {encoded:#x}"));
            return;
        }
        let (at, kind) = (VirtAddr(encoded & !NODE_MASK), encoded >> TYPE_SHIFT & TYPE_MASK);
        let (pivots, slots) = match self.shape(at, kind) {
            Ok(shape) => shape,
            Err(e) => return self.walk.problem = Some(format!("tree node {at:#x}: {e}")),
        };
        let mut first = min;
        for i in 0..slots.len.min(64) {
            let last = match pivots.element(i).map(|at| self.t.memory().word(at)) {
                Some(Ok(0)) if i > 0 => max,
                Some(Ok(pivot)) => pivot.min(max),
                Some(Err(e)) => return self.walk.problem = Some(e.to_string()),
                None => max,
            };
            let entry = slots.element(i).and_then(|at| self.t.memory().word(at).ok()).unwrap_or(0);
            match kind == LEAF {
                true if entry != 0 && !is_node(entry) => {
                    self.walk.items.push(Range { first, last, entry: VirtAddr(entry) });
                }
                false if entry > 4096 && last >= first => self.node(entry, first, last, depth + 1),
                _ => {}
            }
            if last >= max {
                return;
            }
            first = last.saturating_add(1);
        }
    }

    fn shape(&self, at: VirtAddr, kind: u64) -> Result<(ArrayAt, ArrayAt), LoadError> {
        let parts: Parts = self.t.load(at)?;
        match kind {
            LEAF | RANGE => {
                let node: Range64 = self.t.load(parts.mr64.0)?;
                Ok((node.pivot, node.slot))
            }
            ALLOCATION => {
                let node: Arange64 = self.t.load(parts.ma64.0)?;
                Ok((node.pivot, node.slot))
            }
            _ => Err(LoadError::NoStruct(format!("maple node of type {kind}"))),
        }
    }
}

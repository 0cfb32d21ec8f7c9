//! Red-black trees.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{LoadError, Target};

use super::{MAX_ENTRIES, Walk};

/// The nodes of a tree in their order, from the address of its first `struct rb_node` (`rb_root.rb_node`).
pub fn rbtree(t: &Target, top: VirtAddr) -> Result<Walk<VirtAddr>, LoadError> {
    let (left, right) = (t.offset_of("rb_node", "rb_left")?, t.offset_of("rb_node", "rb_right")?);
    let (mut walk, mut seen) = (Walk::default(), HashSet::new());
    // Down to the left, then the node, then its right side.
    let mut above: Vec<VirtAddr> = Vec::new();
    let mut at = top;
    loop {
        while !at.is_null() {
            if !seen.insert(at) || walk.items.len() > MAX_ENTRIES || t.budget().step().is_err() {
                walk.problem = Some(format!("tree loops or is too large at {at:#x}"));
                return Ok(walk);
            }
            above.push(at);
            at = child(t, at, left, &mut walk);
        }
        let Some(node) = above.pop() else { return Ok(walk) };
        walk.items.push(node);
        at = child(t, node, right, &mut walk);
    }
}

fn child(t: &Target, node: VirtAddr, side: u64, walk: &mut Walk<VirtAddr>) -> VirtAddr {
    match t.memory().ptr(node.offset(side)) {
        Ok(child) => child,
        Err(e) => {
            walk.problem = Some(format!("tree is cut at {node:#x}: {e}"));
            VirtAddr(0)
        }
    }
}

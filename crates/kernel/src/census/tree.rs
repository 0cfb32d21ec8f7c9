//! The nodes of a red-black tree, each once, whatever the links say.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

/// More modules than any kernel has.
const MAX: usize = 1 << 14;

/// All nodes below `root`, the address of a `struct rb_root`; what cannot be read is left out.
pub fn nodes(t: &Target, root: VirtAddr) -> Vec<VirtAddr> {
    let (left, right) = match (t.offset_of("rb_node", "rb_left"), t.offset_of("rb_node", "rb_right")) {
        (Ok(left), Ok(right)) => (left, right),
        _ => return Vec::new(),
    };
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    let mut todo: Vec<VirtAddr> = t.memory().ptr(root).into_iter().collect();
    while let Some(node) = todo.pop() {
        if node.is_null() || !t.arch().is_kernel(node) || found.len() >= MAX || !seen.insert(node) {
            continue;
        }
        let children = [left, right].map(|side| t.memory().ptr(node.offset(side)));
        if children.iter().all(Result::is_ok) {
            found.push(node);
        }
        todo.extend(children.into_iter().flatten());
    }
    found
}

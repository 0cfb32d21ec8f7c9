//! The kernel's containers, each walk bounded and checked.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

mod maple;
mod rbtree;

pub use maple::{Range, maple};
pub use necropsy_target::list::{Walk, list};
pub use rbtree::rbtree;

/// No healthy tree has more entries.
const MAX_ENTRIES: usize = 1 << 22;

#[derive(Load)]
#[kernel(name = "xa_node|radix_tree_node")]
struct Node {
    shift: u8,
    slots: ArrayAt,
}

/// The entries of an xarray, or of a radix tree before 4.20, by index. `head` is the root pointer's value.
///
/// A pointer to a node carries tag 2 since 4.20 (`xa_mk_node`) and tag 1 before (`RADIX_TREE_INTERNAL_NODE`); which one
/// follows from the name of the node's struct.
pub fn xarray(t: &Target, head: u64) -> Result<Walk<(u64, VirtAddr)>, LoadError> {
    let all = slots(t, head)?;
    let pointers = all.items.into_iter().filter(|(_, entry)| entry & 3 == 0);
    Ok(Walk { items: pointers.map(|(index, at)| (index, VirtAddr(at))).collect(), problem: all.problem })
}

/// The numbers that an xarray holds where it has no pointers (`xa_mk_value`), by index; a radix tree's are left out.
pub fn xarray_values(t: &Target, head: u64) -> Result<Walk<(u64, u64)>, LoadError> {
    let all = slots(t, head)?;
    let numbers = all.items.into_iter().filter(|(_, entry)| entry & 1 == 1 && t.size_of("xa_node").is_ok());
    Ok(Walk { items: numbers.map(|(index, entry)| (index, entry >> 1)).collect(), problem: all.problem })
}

/// All entries that are neither nodes nor empty.
fn slots(t: &Target, head: u64) -> Result<Walk<(u64, u64)>, LoadError> {
    let tag = if t.size_of("xa_node").is_ok() { 2 } else { 1 };
    let (mut walk, mut seen) = (Walk::default(), HashSet::new());
    let mut todo = vec![(head, 0u64, 64u32)];
    while let Some((entry, index, above)) = todo.pop() {
        if entry & 3 != tag || entry < 4096 {
            if entry != 0 {
                walk.items.push((index, entry));
            }
            continue;
        }
        if !seen.insert(entry) || walk.items.len() > MAX_ENTRIES || t.budget().step().is_err() {
            walk.problem = Some(format!("tree loops or is too large at {entry:#x}"));
            break;
        }
        let node: Node = match t.load(VirtAddr(entry - tag)) {
            Ok(node) => node,
            Err(e) => {
                walk.problem = Some(e.to_string());
                continue;
            }
        };
        let shift = u32::from(node.shift);
        if shift >= above || shift > 60 || node.slots.len > 64 {
            walk.problem = Some(format!("tree node {entry:#x} is damaged (shift {shift})"));
            continue;
        }
        for slot in (0..node.slots.len).rev() {
            let Some(at) = node.slots.element(slot) else {
                continue;
            };
            match t.memory().word(at) {
                Ok(0) => {}
                Ok(child) => todo.push((child, index.wrapping_add(slot << shift), shift)),
                Err(e) => walk.problem = Some(e.to_string()),
            }
        }
    }
    Ok(walk)
}

/// The nodes of an `hlist`, from the address of its head.
pub fn hlist(t: &Target, head: VirtAddr) -> Walk<VirtAddr> {
    let (mut walk, mut seen) = (Walk::default(), HashSet::new());
    let mut at = t.memory().ptr(head);
    loop {
        match at {
            Ok(node) if node.is_null() => return walk,
            Ok(node) if !seen.insert(node) || walk.items.len() > MAX_ENTRIES => {
                walk.problem = Some(format!("hlist loops at {node:#x}"));
                return walk;
            }
            Ok(node) => {
                walk.items.push(node);
                at = t.memory().ptr(node);
            }
            Err(e) => {
                walk.problem = Some(e.to_string());
                return walk;
            }
        }
    }
}

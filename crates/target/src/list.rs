//! The kernel's circular lists, walked so that a broken one costs a note and not the program.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};

use crate::Target;

/// No healthy list is longer.
const MAX: usize = 1 << 20;

/// What a walk found, and why it ended early if it did.
#[derive(Clone, Debug)]
pub struct Walk<T> {
    /// What was found.
    pub items: Vec<T>,
    /// What was wrong; `None` when the walk came back to its start.
    pub problem: Option<String>,
}

impl<T> Default for Walk<T> {
    fn default() -> Self {
        Walk { items: Vec::new(), problem: None }
    }
}

impl<T> Walk<T> {
    /// The items; a problem becomes a note of the kernel, begun with `what`.
    pub fn or_note(self, t: &Target, what: &str) -> Vec<T> {
        if let Some(problem) = self.problem {
            t.note(format!("{what}: {problem}"));
        }
        self.items
    }
}

/// Walks a `struct list_head` list: the entries' containing structs, which hold the list at `offset`.
pub fn list(t: &Target, head: VirtAddr, offset: u64) -> Walk<VirtAddr> {
    let (mut walk, mut seen) = (Walk::default(), HashSet::new());
    let mut at = match t.memory().ptr(head) {
        Ok(first) => first,
        Err(e) => {
            walk.problem = Some(format!("list head cannot be read: {e}"));
            return walk;
        }
    };
    while at != head {
        let count = walk.items.len();
        walk.problem = if t.budget().step().is_err() {
            Some(format!("stopped after {count} entries: out of time"))
        } else if !seen.insert(at) || count >= MAX {
            Some(format!("list loops at {at:#x} after {count} entries"))
        } else if !t.arch().is_kernel(at) {
            Some(format!("list is broken after {count} entries: next is {at:#x}"))
        } else {
            None
        };
        if walk.problem.is_some() {
            break;
        }
        match t.memory().ptr(at) {
            Ok(next) => {
                walk.items.push(at.moved(-(offset as i64)));
                at = next;
            }
            Err(e) => {
                walk.problem = Some(format!("list is cut after {count} entries: {e}"));
                break;
            }
        }
    }
    walk
}

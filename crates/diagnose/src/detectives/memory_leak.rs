//! A kernel that leaks memory and did not die of it yet.

use super::out_of_memory::{explain, facts};
use crate::consumers::Consumers;
use crate::waiting::Ending;
use crate::{Case, Class, Detective, Findings};

pub const MEMORY_LEAK: Detective = Detective {
    id: "memory-leak",
    title: "memory that a driver took and never gave back",
    doc: "Nothing failed, somebody asked for the dump, or tasks hang: then all memory is added up. A slab cache, a caller of vmalloc() or \
          pages in no statistics that have an unusual share are a leak; the functions that allocate there are found as in out-of-memory.",
    examine,
};

fn examine(case: &Case, found: &mut Findings) {
    if !matches!(Ending::of(case), Ending::Stopped | Ending::Alive) || !Consumers::suspicious(&case.target) {
        return;
    }
    let Some(consumers) = Consumers::find(case) else { return };
    if consumers.kernel.is_empty() {
        return;
    }
    found.hypotheses.push(explain(&case.target, &consumers, Class::MemoryLeak));
    facts(&case.target, &consumers, Class::MemoryLeak, found);
}

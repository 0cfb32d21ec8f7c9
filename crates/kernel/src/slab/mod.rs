//! The slab allocator (SLUB, mm/slub.c; Linux 4.19 to 7.2): its caches, their slabs, the objects in those, who is free, who allocated and
//! freed what, and whether what the allocator left around them is still there.

mod cache;
mod check;
mod count;
mod cpu;
mod find;
mod flags;
mod freelist;
mod kfence;
mod layout;
mod page;
mod slabs;
mod track;

pub use cache::{Cache, Node, cache, caches};
pub use check::{Damage, Part, damage};
pub use count::{Count, bytes, count};
pub use cpu::{CpuSlab, Holder, Sheaf, sheaves};
pub use find::{Found, Object, find, object};
pub use flags::{FlagBits, Flags};
pub use freelist::{BadLink, Fault, FreeList, link};
pub use kfence::{Guarded, guarded};
pub use layout::{Layout, POISON_END, POISON_FREE, POISON_INUSE, RED_ACTIVE, RED_INACTIVE};
pub use page::Slab;
pub use slabs::{Free, Place, State, every, slabs};
pub use track::{Track, Tracks, tracks};

use page::Pages;

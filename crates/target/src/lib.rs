//! The opened kernel: typed, checked reads and the unwinder.
//!
//! [`Target::open`] takes what `dump` found in a file and makes a kernel of it: where it lies, how its memory is
//! translated, what its addresses are called and how its structures look. It knows no subsystem; those are in `kernel`.

extern crate self as necropsy_target;

mod check;
mod debug;
mod error;
mod filed;
pub mod list;
mod load;
mod member;
mod memory;
mod module_notes;
mod module_shape;
mod module_types;
mod modules;
mod names;
mod open;
mod percpu;
mod target;
pub mod unwind;
mod value;

pub use debug::Debug;
pub use error::{LoadError, OpenError};
pub use load::{FieldSpec, Fields, Load, Slot, SlotKind, Spec};
pub use member::{ArrayAt, At, Bytes, In, Member, Partial};
pub use memory::{KernelMemory, UserMemory};
pub use modules::{Module, Modules};
pub use necropsy_base::VirtAddr;
pub use necropsy_dump::{CpuNote, CpuNoteKind, VmcoreInfo};
pub use necropsy_target_derive::Load;
pub use open::Options;
pub use target::{Note, Target};
pub use value::{TypeRef, Value, ValueError};

//! All detectives, one file each.

mod null_pointer;
mod requested;
mod stack_protector;

use crate::Detective;

/// The registry.
pub static DETECTIVES: &[Detective] =
    &[null_pointer::NULL_POINTER, requested::REQUESTED, stack_protector::STACK_PROTECTOR];

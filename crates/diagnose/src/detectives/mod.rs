//! All detectives, one file each.

mod deadlock;
mod hung_task;
mod null_pointer;
mod requested;
mod stack_protector;

use crate::Detective;

/// The registry.
pub static DETECTIVES: &[Detective] = &[
    deadlock::DEADLOCK,
    hung_task::HUNG_TASK,
    null_pointer::NULL_POINTER,
    requested::REQUESTED,
    stack_protector::STACK_PROTECTOR,
];

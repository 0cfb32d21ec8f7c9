//! All detectives, one file each.

mod assertion;
mod deadlock;
mod divide;
mod hung_task;
mod lockup;
mod memory_leak;
mod null_pointer;
mod out_of_memory;
mod panic_site;
mod requested;
mod stack_overflow;
mod stack_protector;
mod wild_pointer;

use crate::Detective;

/// The registry.
pub static DETECTIVES: &[Detective] = &[
    assertion::ASSERTION,
    deadlock::DEADLOCK,
    divide::DIVIDE,
    hung_task::HUNG_TASK,
    lockup::LOCKUP,
    memory_leak::MEMORY_LEAK,
    null_pointer::NULL_POINTER,
    out_of_memory::OUT_OF_MEMORY,
    panic_site::PANIC_SITE,
    requested::REQUESTED,
    stack_overflow::STACK_OVERFLOW,
    stack_protector::STACK_PROTECTOR,
    wild_pointer::WILD_POINTER,
];

//! All detectives, one file each.

mod assertion;
mod deadlock;
mod divide;
mod hung_task;
mod lockup;
mod null_pointer;
mod panic_site;
mod requested;
mod sleep_atomic;
mod spin_lock;
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
    null_pointer::NULL_POINTER,
    panic_site::PANIC_SITE,
    requested::REQUESTED,
    sleep_atomic::SLEEP_ATOMIC,
    spin_lock::SPIN_LOCK,
    stack_overflow::STACK_OVERFLOW,
    stack_protector::STACK_PROTECTOR,
    wild_pointer::WILD_POINTER,
];

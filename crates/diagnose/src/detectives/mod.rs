//! All detectives, one file each.

mod assertion;
mod bit_flip;
mod deadlock;
mod divide;
mod hidden;
mod hung_task;
mod kernel_text;
mod lockup;
mod null_pointer;
mod page_table;
mod panic_site;
mod requested;
mod stack_overflow;
mod stack_protector;
mod table_hook;
mod wild_pointer;

use crate::Detective;

/// The registry.
pub static DETECTIVES: &[Detective] = &[
    assertion::ASSERTION,
    bit_flip::BIT_FLIP,
    deadlock::DEADLOCK,
    divide::DIVIDE,
    hidden::HIDDEN,
    hung_task::HUNG_TASK,
    kernel_text::KERNEL_TEXT,
    lockup::LOCKUP,
    null_pointer::NULL_POINTER,
    page_table::PAGE_TABLE,
    panic_site::PANIC_SITE,
    requested::REQUESTED,
    stack_overflow::STACK_OVERFLOW,
    stack_protector::STACK_PROTECTOR,
    table_hook::TABLE_HOOK,
    wild_pointer::WILD_POINTER,
];

//! All detectives, one file each.

mod assertion;
mod bit_flip;
mod control_flow;
mod data_race;
mod deadlock;
mod device_gone;
mod divide;
mod double_fault;
mod double_free;
mod fd_leak;
mod firmware;
mod global_overflow;
mod guarded;
mod hidden;
mod hung_task;
mod irq_storm;
mod kasan;
mod kasan_fault;
mod kernel_text;
mod list_corruption;
mod lock_misuse;
mod lockup;
mod lost_disk;
mod memory_leak;
mod null_pointer;
mod out_of_memory;
mod page_corruption;
mod page_table;
mod panic_call;
mod panic_site;
mod rcu_reader;
mod refcount_bug;
mod requested;
mod return_address;
mod slab_corruption;
mod slab_overflow;
mod sleep_atomic;
mod spin_lock;
mod stack_end;
mod stack_overflow;
mod stack_protector;
mod stuck_cpu;
mod table_hook;
mod ubsan;
mod uninitialised;
mod unloaded_module;
mod use_after_free;
mod wild_pointer;
mod workqueue_stall;

use crate::Detective;

/// The registry.
pub static DETECTIVES: &[Detective] = &[
    assertion::ASSERTION,
    bit_flip::BIT_FLIP,
    deadlock::DEADLOCK,
    rcu_reader::RCU_READER,
    device_gone::DEVICE_GONE,
    divide::DIVIDE,
    double_free::DOUBLE_FREE,
    fd_leak::FD_LEAK,
    firmware::FIRMWARE,
    irq_storm::IRQ_STORM,
    global_overflow::GLOBAL_OVERFLOW,
    guarded::GUARDED,
    hung_task::HUNG_TASK,
    list_corruption::LIST_CORRUPTION,
    hidden::HIDDEN,
    kernel_text::KERNEL_TEXT,
    lockup::LOCKUP,
    lost_disk::LOST_DISK,
    workqueue_stall::WORKQUEUE_STALL,
    memory_leak::MEMORY_LEAK,
    null_pointer::NULL_POINTER,
    out_of_memory::OUT_OF_MEMORY,
    page_corruption::PAGE_CORRUPTION,
    page_table::PAGE_TABLE,
    panic_site::PANIC_SITE,
    refcount_bug::REFCOUNT_BUG,
    return_address::RETURN_ADDRESS,
    requested::REQUESTED,
    sleep_atomic::SLEEP_ATOMIC,
    spin_lock::SPIN_LOCK,
    slab_corruption::SLAB_CORRUPTION,
    slab_overflow::SLAB_OVERFLOW,
    stack_overflow::STACK_OVERFLOW,
    stack_end::STACK_END,
    stack_protector::STACK_PROTECTOR,
    stuck_cpu::STUCK_CPU,
    ubsan::UBSAN,
    kasan::KASAN,
    kasan_fault::KASAN_FAULT,
    data_race::DATA_RACE,
    uninitialised::UNINITIALISED,
    control_flow::CONTROL_FLOW,
    lock_misuse::LOCK_MISUSE,
    double_fault::DOUBLE_FAULT,
    unloaded_module::UNLOADED_MODULE,
    use_after_free::USE_AFTER_FREE,
    table_hook::TABLE_HOOK,
    wild_pointer::WILD_POINTER,
    // Only where none of the others has anything to say.
    panic_call::PANIC_CALL,
];

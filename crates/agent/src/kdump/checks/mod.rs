//! All checks, in the order in which a dump comes about.

mod collector;
mod crash_dir;
mod debuginfo;
mod initramfs;
mod kernel_config;
mod last_test;
mod loaded;
mod makedumpfile;
mod panic_on_warn;
mod panic_policy;
mod parameter;
mod pstore;
mod reservation;
mod service;
mod space;
mod target;
mod virtual_machine;
mod watchdog;

use super::Check;

/// The checks.
pub static CHECKS: &[&Check] = &[
    &parameter::CHECK,
    &reservation::CHECK,
    &kernel_config::CHECK,
    &service::CHECK,
    &loaded::CHECK,
    &initramfs::CHECK,
    &target::CHECK,
    &space::CHECK,
    &crash_dir::CHECK,
    &collector::CHECK,
    &makedumpfile::CHECK,
    &panic_policy::CHECK,
    &panic_on_warn::CHECK,
    &watchdog::CHECK,
    &virtual_machine::CHECK,
    &pstore::CHECK,
    &debuginfo::CHECK,
    &last_test::CHECK,
];

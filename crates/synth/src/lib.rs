//! Test data: writes dumps, BTF, kallsyms and ORC, sharing no struct with the readers

pub mod dump;
pub mod functions;
pub mod memory;
pub mod names;
pub mod slabs;
pub mod sleepers;

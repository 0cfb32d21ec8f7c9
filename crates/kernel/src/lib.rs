//! Linux knowledge as plain structs, one module per area. Nothing here prints.

pub mod bugs;
pub mod census;
pub mod containers;
pub mod cpus;
pub mod globals;
pub mod locks;
pub mod mce;
pub mod mm;
pub mod modules;
pub mod patched;
pub mod printk;
pub mod slab;
pub mod system;
pub mod tables;
pub mod taint;
pub mod tasks;
pub mod text;
pub mod vmap;

pub use necropsy_target::{LoadError, Target};

//! Linux knowledge as plain structs, one module per area. Nothing here prints.

pub mod block;
pub mod bugs;
pub mod census;
pub mod containers;
pub mod cpus;
pub mod descriptors;
pub mod globals;
pub mod identify;
pub mod irq;
pub mod locks;
pub mod mce;
pub mod meminfo;
pub mod memmap;
pub mod mm;
pub mod modules;
pub mod net;
pub mod pages;
pub mod parallel;
pub mod patched;
pub mod printk;
pub mod rcu;
pub mod runqueue;
pub mod signals;
pub mod slab;
pub mod system;
pub mod tables;
pub mod taint;
pub mod tasks;
pub mod text;
pub mod timers;
pub mod vfs;
pub mod vmalloc;
pub mod vmap;
pub mod workqueue;

pub use necropsy_target::{LoadError, Target};

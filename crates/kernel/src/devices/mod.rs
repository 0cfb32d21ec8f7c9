//! Devices: character and block numbers, PCI, resources.

mod majors;
mod pci;
mod resources;

pub use majors::{BlockMajor, CharMajor, block_majors, char_majors};
pub use pci::{Bus, Function, pci_buses};
pub use resources::{Resource, resources};

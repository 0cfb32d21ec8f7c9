//! Devices: character and block numbers, PCI, resources.

mod majors;
mod pci;
mod resources;

pub use majors::{BlockMajor, CharMajor, block_majors, char_majors};
pub use pci::{Bus, Channel, Function, State, pci_buses, pci_state};
pub use resources::{Resource, resources};

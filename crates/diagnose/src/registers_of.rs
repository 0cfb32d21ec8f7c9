//! Whose register an address is: the mapping leads to a physical address, and that to a PCI device, or to who took it.

use necropsy_base::VirtAddr;
use necropsy_kernel::devices::{self, Function, Resource, State};
use necropsy_kernel::vmalloc::{Kind, holding};
use necropsy_target::Target;

/// A device as it is found on its bus.
pub struct Device {
    /// What it is.
    pub function: Function,
    /// How it is doing.
    pub state: State,
}

/// A register.
pub struct Register {
    /// Its physical address.
    pub phys: u64,
    /// Whose it is, in words.
    pub of: String,
    /// The PCI device that it is of.
    pub device: Option<Device>,
}

impl Device {
    /// `the PCI device 0000:01:00.0 (8086:10d3, driver e1000e)`.
    pub fn name(&self) -> String {
        let driver = match self.state.driver.as_str() {
            "" => String::new(),
            driver => format!(", driver {driver}"),
        };
        let f = &self.function;
        format!("the PCI device {} ({:04x}:{:04x}{driver})", f.name, f.vendor, f.device)
    }
}

/// The register at an address that ioremap() mapped.
pub fn register(t: &Target, at: VirtAddr) -> Option<Register> {
    holding(t, at).filter(|area| area.kind == Kind::Device)?;
    let phys = t.kernel()?.to_phys(at).ok()?.0;
    let device = owner(t, phys);
    let of = device.as_ref().map(Device::name).or_else(|| range(t, phys));
    Some(Register { phys, of: of.unwrap_or_else(|| "a device".into()), device })
}

/// All PCI devices.
pub fn devices(t: &Target) -> Vec<Device> {
    let functions = devices::pci_buses(t).into_iter().flatten().flat_map(|bus| bus.functions);
    functions
        .filter_map(|function| Some(Device { state: devices::pci_state(t, function.at).ok()?, function }))
        .collect()
}

/// The device that has a physical address. A bridge has the addresses of what is behind it, too.
fn owner(t: &Target, phys: u64) -> Option<Device> {
    let size = |d: &Device| {
        let holding = d.state.regions.iter().filter(|(start, end)| (*start..=*end).contains(&phys));
        holding.map(|(start, end)| end - start).min()
    };
    devices(t).into_iter().filter_map(|d| Some((size(&d)?, d))).min_by_key(|(size, _)| *size).map(|(_, d)| d)
}

/// Who took a physical address, by the tree of resources: the smallest part that holds it.
fn range(t: &Target, phys: u64) -> Option<String> {
    let holds = |r: &Resource| r.depth > 0 && (r.start..=r.end).contains(&phys) && !r.name.is_empty();
    let all = devices::resources(t, "iomem_resource").ok()?;
    let found = all.into_iter().filter(holds).min_by_key(|r| r.end - r.start)?;
    Some(format!("the device \"{}\"", found.name))
}

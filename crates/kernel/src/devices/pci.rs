//! PCI: buses and what is on them (drivers/pci/probe.c, include/linux/pci.h).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use crate::containers;

/// No machine has more buses.
const MAX_BUSES: usize = 1 << 16;
/// No function has more parts (`DEVICE_COUNT_RESOURCE`: 17).
const MAX_REGIONS: usize = 64;

/// A PCI bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    /// Its `struct pci_bus`.
    pub at: VirtAddr,
    /// Its name, escaped: `0000:00`.
    pub name: String,
    /// The bus it hangs from; `None` for a root.
    pub parent: Option<VirtAddr>,
    /// What is on it.
    pub functions: Vec<Function>,
}

/// A function of a PCI device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its `struct pci_dev`.
    pub at: VirtAddr,
    /// Its place, escaped: `0000:00:1f.2`.
    pub name: String,
    /// Class and subclass.
    pub class: u32,
    /// Who made it.
    pub vendor: u16,
    /// What it is.
    pub device: u16,
    /// Its type in words: `ENDPOINT`.
    pub kind: &'static str,
}

/// How the kernel talks to a device, as its error recovery left it (`pci_channel_state_t`, include/linux/pci.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// As it should be.
    Normal,
    /// An error stopped it: the device is not to be talked to until it was reset.
    Frozen,
    /// It is given up, or was pulled out.
    Failed,
}

/// What the kernel knows of how a function is doing, and where its registers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its driver's name, escaped; empty without one.
    pub driver: String,
    /// The driver's `struct module`; NULL if it is built in.
    pub owner: VirtAddr,
    /// How the kernel talks to it.
    pub channel: Channel,
    /// Its parts of memory or I/O ports: first and last address of each.
    pub regions: Vec<(u64, u64)>,
}

#[derive(Load)]
#[kernel(name = "pci_dev")]
struct RawState {
    error_state: Option<u32>,
    resource: ArrayAt,
    #[kernel(path = "dev.driver")]
    driver: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "resource")]
struct Region {
    start: u64,
    end: u64,
}

#[derive(Load)]
#[kernel(name = "device_driver")]
struct Driver {
    name: VirtAddr,
    owner: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "pci_bus")]
struct RawBus {
    parent: VirtAddr,
    children: At,
    devices: At,
    #[kernel(path = "dev.kobj.name")]
    name: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "pci_dev")]
struct RawDevice {
    class: u32,
    vendor: u16,
    device: u16,
    hdr_type: u8,
    pcie_cap: Option<u8>,
    pcie_flags_reg: Option<u16>,
    #[kernel(path = "dev.kobj.name")]
    name: VirtAddr,
}

/// All buses, each root followed by those below it; what cannot be read costs a note.
pub fn pci_buses(t: &Target) -> Result<Vec<Bus>, LoadError> {
    let link = t.offset_of("pci_bus", "node")?;
    let roots = containers::list(t, t.need_symbol("pci_root_buses")?, link).or_note(t, "PCI buses");
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut todo: Vec<VirtAddr> = roots.into_iter().rev().collect();
    while let Some(at) = todo.pop() {
        if !seen.insert(at) || found.len() >= MAX_BUSES || t.budget().step().is_err() {
            t.note(format!("PCI buses loop at {at:#x}"));
            break;
        }
        match bus(t, at) {
            Ok((bus, children)) => {
                found.push(bus);
                todo.extend(containers::list(t, children, link).or_note(t, "PCI buses").into_iter().rev());
            }
            Err(e) => t.note(format!("PCI bus {at:#x}: {e}")),
        }
    }
    Ok(found)
}

fn text(t: &Target, at: VirtAddr) -> String {
    t.memory().cstr(at, 64).map(|s| s.escape_ascii().to_string()).unwrap_or_default()
}

fn bus(t: &Target, at: VirtAddr) -> Result<(Bus, VirtAddr), LoadError> {
    let raw: RawBus = t.load(at)?;
    let devices = containers::list(t, raw.devices.0, t.offset_of("pci_dev", "bus_list")?);
    let read = |at: VirtAddr| {
        let one = function(t, at);
        one.inspect_err(|e| t.note(format!("PCI device {at:#x}: {e}"))).ok()
    };
    let functions = devices.or_note(t, "PCI devices").into_iter().filter_map(read).collect();
    let parent = Some(raw.parent).filter(|p| !p.is_null());
    Ok((Bus { at, name: text(t, raw.name), parent, functions }, raw.children.0))
}

fn function(t: &Target, at: VirtAddr) -> Result<Function, LoadError> {
    let raw: RawDevice = t.load(at)?;
    let express = raw.pcie_cap.unwrap_or(0) != 0;
    let kind = match (express, raw.pcie_flags_reg) {
        (true, Some(flags)) => express_kind(flags),
        _ => conventional_kind(raw.hdr_type),
    };
    let (name, class) = (text(t, raw.name), raw.class >> 8);
    Ok(Function { at, name, class, vendor: raw.vendor, device: raw.device, kind })
}

/// How the function whose `struct pci_dev` is at `at` is doing.
pub fn pci_state(t: &Target, at: VirtAddr) -> Result<State, LoadError> {
    let raw: RawState = t.load(at)?;
    let driver = (!raw.driver.is_null()).then(|| t.load::<Driver>(raw.driver)).transpose()?;
    let channel = match raw.error_state {
        Some(2) => Channel::Frozen,
        Some(3) => Channel::Failed,
        _ => Channel::Normal,
    };
    let regions = raw.resource.iter().take(MAX_REGIONS).map(|at| t.load::<Region>(at));
    let regions = regions.filter_map(Result::ok).filter(|r| r.end > r.start);
    Ok(State {
        driver: driver.as_ref().map(|d| text(t, d.name)).unwrap_or_default(),
        owner: driver.map_or(VirtAddr(0), |d| d.owner),
        channel,
        regions: regions.map(|r| (r.start, r.end)).collect(),
    })
}

/// `PCI_EXP_FLAGS_TYPE` (include/uapi/linux/pci_regs.h).
fn express_kind(flags: u16) -> &'static str {
    match flags >> 4 & 0xf {
        0 => "ENDPOINT",
        1 => "LEG_END",
        4 => "ROOT_PORT",
        5 => "UPSTREAM_PORT",
        6 => "DOWNSTREAM_PORT",
        7 => "PCI_BRIDGE",
        8 => "PCIE_BRIDGE",
        9 => "RC_END",
        10 => "RC_EC",
        _ => "UNKNOWN",
    }
}

/// `PCI_HEADER_TYPE_*`.
fn conventional_kind(header: u8) -> &'static str {
    match header & 0x7f {
        0 => "ENDPOINT",
        1 => "PCI_BRIDGE",
        2 => "CARDBUS",
        _ => "UNKNOWN",
    }
}

//! Network devices of a namespace and their addresses (net/core/dev.c, net/ipv4/devinet.c, net/ipv6/addrconf.c).

use std::collections::HashSet;
use std::net::IpAddr;

use necropsy_base::VirtAddr;
use necropsy_target::{At, Bytes, Load, LoadError, Target};

use super::{ipv4, ipv6};
use crate::containers;
use crate::tasks::Task;

/// More addresses than a device has.
const MAX_ADDRESSES: usize = 1 << 12;

/// A `struct net_device`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where it is.
    pub at: VirtAddr,
    /// Its name, escaped: `eth0`.
    pub name: String,
    /// Its IPv4 addresses, then those of IPv6.
    pub addresses: Vec<IpAddr>,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Of {
    nsproxy: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "nsproxy")]
struct Spaces {
    net_ns: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "net")]
struct Net {
    dev_base_head: At,
}

#[derive(Load)]
#[kernel(name = "net_device")]
struct Raw {
    name: Bytes<16>,
    ip_ptr: Option<VirtAddr>,
    ip6_ptr: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "in_device")]
struct InDevice {
    ifa_list: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "in_ifaddr")]
struct Ifaddr {
    ifa_next: VirtAddr,
    ifa_local: At,
}

#[derive(Load)]
#[kernel(name = "inet6_dev")]
struct Inet6Dev {
    addr_list: At,
}

#[derive(Load)]
#[kernel(name = "inet6_ifaddr")]
struct Ifaddr6 {
    addr: At,
}

/// The network namespace of a task; `None` once it has let its namespaces go.
pub fn namespace_of(t: &Target, task: &Task) -> Result<Option<VirtAddr>, LoadError> {
    let of: Of = t.load(task.at)?;
    if of.nsproxy.is_null() {
        return Ok(None);
    }
    Ok(Some(t.load::<Spaces>(of.nsproxy)?.net_ns))
}

/// The devices of a namespace (`struct net`), in its order; what cannot be read costs a note.
pub fn devices(t: &Target, namespace: VirtAddr) -> Result<Vec<Device>, LoadError> {
    let net: Net = t.load(namespace)?;
    let link = t.offset_of("net_device", "dev_list")?;
    let found = containers::list(t, net.dev_base_head.0, link).or_note(t, "network devices");
    let read = |at: VirtAddr| {
        let device = device(t, at);
        device.inspect_err(|e| t.note(format!("network device {at:#x}: {e}"))).ok()
    };
    Ok(found.into_iter().filter_map(read).collect())
}

fn device(t: &Target, at: VirtAddr) -> Result<Device, LoadError> {
    let raw: Raw = t.load(at)?;
    let name = raw.name.0.escape_ascii().to_string();
    let noted = |found: Result<Vec<IpAddr>, LoadError>| {
        found.inspect_err(|e| t.note(format!("addresses of {name}: {e}"))).unwrap_or_default()
    };
    let pointer = |at: Option<VirtAddr>| at.filter(|at| !at.is_null());
    let mut addresses = pointer(raw.ip_ptr).map_or(Vec::new(), |at| noted(addresses4(t, at)));
    addresses.extend(pointer(raw.ip6_ptr).map_or(Vec::new(), |at| noted(addresses6(t, at))));
    Ok(Device { at, name, addresses })
}

fn addresses4(t: &Target, in_device: VirtAddr) -> Result<Vec<IpAddr>, LoadError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut at = t.load::<InDevice>(in_device)?.ifa_list;
    while !at.is_null() {
        if !seen.insert(at) || found.len() >= MAX_ADDRESSES {
            t.note(format!("the addresses of a device loop at {at:#x}"));
            break;
        }
        let one: Ifaddr = t.load(at)?;
        found.push(ipv4(t, one.ifa_local.0)?);
        at = one.ifa_next;
    }
    Ok(found)
}

fn addresses6(t: &Target, inet6_dev: VirtAddr) -> Result<Vec<IpAddr>, LoadError> {
    let head = t.load::<Inet6Dev>(inet6_dev)?.addr_list.0;
    let found = containers::list(t, head, t.offset_of("inet6_ifaddr", "if_list")?).or_note(t, "addresses");
    found.into_iter().take(MAX_ADDRESSES).map(|at| ipv6(t, t.load::<Ifaddr6>(at)?.addr.0)).collect()
}

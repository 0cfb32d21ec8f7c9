//! Networking: devices with their addresses, neighbours, sockets.

mod devices;
mod neighbours;
mod sockets;

pub use devices::{Device, devices, namespace_of};
pub use neighbours::{Neighbour, neighbours};
pub use sockets::{Endpoint, FAMILIES, Socket, socket_of, sockets_of};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{LoadError, Target};

/// An IPv4 address that lies in memory as it is sent.
fn ipv4(t: &Target, at: VirtAddr) -> Result<IpAddr, LoadError> {
    Ok(IpAddr::V4(Ipv4Addr::from(array::<4>(t, at)?)))
}

/// An IPv6 address.
fn ipv6(t: &Target, at: VirtAddr) -> Result<IpAddr, LoadError> {
    Ok(IpAddr::V6(Ipv6Addr::from(array::<16>(t, at)?)))
}

/// A port that lies in memory as it is sent.
fn port(t: &Target, at: VirtAddr) -> Result<u16, LoadError> {
    Ok(u16::from_be_bytes(array::<2>(t, at)?))
}

fn array<const N: usize>(t: &Target, at: VirtAddr) -> Result<[u8; N], LoadError> {
    let bytes = t.memory().bytes(at, N)?;
    let mut array = [0; N];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Ok(array)
}

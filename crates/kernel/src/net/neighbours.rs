//! The neighbour tables, ARP and IPv6's neighbour discovery (net/core/neighbour.c).

use std::collections::HashSet;
use std::net::IpAddr;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Bytes, Load, LoadError, Target};

use super::{ipv4, ipv6};

/// No table has more buckets or entries.
const MAX_SHIFT: u32 = 20;
const MAX_ENTRIES: usize = 1 << 20;
/// `NUD_*` (include/uapi/linux/neighbour.h).
const STATES: [(u8, &str); 8] = [
    (0x01, "INCOMPLETE"),
    (0x02, "REACHABLE"),
    (0x04, "STALE"),
    (0x08, "DELAY"),
    (0x10, "PROBE"),
    (0x20, "FAILED"),
    (0x40, "NOARP"),
    (0x80, "PERMANENT"),
];

/// A `struct neighbour`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Where it is.
    pub at: VirtAddr,
    /// Whose address it is.
    pub address: IpAddr,
    /// The hardware address.
    pub hardware: Vec<u8>,
    /// The kind of hardware (`ARPHRD_*`).
    pub kind: u16,
    /// The device it is reached through.
    pub device: VirtAddr,
    /// That one's name, escaped.
    pub device_name: String,
    /// What is known about it.
    pub states: Vec<&'static str>,
    /// The namespace of the device.
    pub namespace: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "neigh_table")]
struct Table {
    nht: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "neigh_hash_table")]
struct Hash {
    /// Pointers to neighbours; since 6.13 heads of `hlist`s.
    #[kernel(any = "hash_buckets|hash_heads")]
    buckets: VirtAddr,
    hash_shift: u32,
}

#[derive(Load)]
#[kernel(name = "neighbour")]
struct Raw {
    nud_state: u8,
    ha: At,
    dev: VirtAddr,
    primary_key: At,
}

#[derive(Load)]
#[kernel(name = "net_device")]
struct Device {
    name: Bytes<16>,
    #[kernel(path = "type")]
    kind: u16,
    addr_len: u8,
    #[kernel(path = "nd_net.net")]
    net: Option<VirtAddr>,
}

/// The neighbours that a namespace knows, IPv4 first; what cannot be read costs a note.
pub fn neighbours(t: &Target, namespace: VirtAddr) -> Result<Vec<Neighbour>, LoadError> {
    t.need_symbol("arp_tbl")?;
    let tables = [("arp_tbl", false), ("nd_tbl", true)];
    let read = |(name, six): (&str, bool)| {
        let found = table(t, t.symbol(name)?, six);
        found.inspect_err(|e| t.note(format!("{name}: {e}"))).ok()
    };
    let mut found: Vec<Neighbour> = tables.into_iter().filter_map(read).flatten().collect();
    found.retain(|n| n.namespace.is_null() || n.namespace == namespace);
    Ok(found)
}

fn table(t: &Target, at: VirtAddr, six: bool) -> Result<Vec<Neighbour>, LoadError> {
    let hash: Hash = t.load(t.load::<Table>(at)?.nht)?;
    // The link to the next: a pointer, or an `hlist_node` that points at the next one's.
    let link = t.offset_of("neighbour", "next|hash")?;
    let step = if t.offset_of("neigh_hash_table", "hash_heads").is_ok() { link } else { 0 };
    let mut all = Vec::new();
    for bucket in 0..1u64 << hash.hash_shift.min(MAX_SHIFT) {
        let Ok(first) = t.memory().ptr(hash.buckets.offset(bucket * u64::from(t.abi().word))) else {
            t.note("part of a table of neighbours cannot be read");
            break;
        };
        all.extend(chain(t, first, link, step));
    }
    let read = |at: VirtAddr| {
        let one = neighbour(t, at, six);
        one.inspect_err(|e| t.note(format!("neighbour {at:#x}: {e}"))).ok()
    };
    Ok(all.into_iter().filter_map(read).collect())
}

/// The neighbours of a bucket. `step`: how far into the struct the pointers lead.
fn chain(t: &Target, first: VirtAddr, link: u64, step: u64) -> Vec<VirtAddr> {
    let (mut found, mut seen, mut at) = (Vec::new(), HashSet::new(), first);
    while !at.is_null() {
        let here = at.moved(-(step as i64));
        if !seen.insert(here) || found.len() >= MAX_ENTRIES || t.budget().step().is_err() {
            t.note(format!("a chain of neighbours loops at {here:#x}"));
            break;
        }
        found.push(here);
        match t.memory().ptr(here.offset(link)) {
            Ok(next) => at = next,
            Err(e) => {
                t.note(format!("a chain of neighbours is cut: {e}"));
                break;
            }
        }
    }
    found
}

fn neighbour(t: &Target, at: VirtAddr, six: bool) -> Result<Neighbour, LoadError> {
    let raw: Raw = t.load(at)?;
    let device: Device = t.load(raw.dev)?;
    let key = raw.primary_key.0;
    let states = STATES.iter().filter(|(bit, _)| raw.nud_state & bit != 0);
    Ok(Neighbour {
        at,
        address: if six { ipv6(t, key)? } else { ipv4(t, key)? },
        // `MAX_ADDR_LEN`
        hardware: t.memory().bytes(raw.ha.0, usize::from(device.addr_len).min(32))?,
        kind: device.kind,
        device: raw.dev,
        device_name: device.name.0.escape_ascii().to_string(),
        states: states.map(|(_, name)| *name).collect(),
        namespace: device.net.unwrap_or(VirtAddr(0)),
    })
}

//! Sockets of tasks (net/socket.c, include/net/sock.h).

use std::net::IpAddr;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, LoadError, Target};

use super::{ipv4, ipv6, port};
use crate::tasks::Task;
use crate::vfs::{self, Kind};

/// `AF_*` (include/linux/socket.h).
pub const FAMILIES: [&str; 46] = [
    "UNSPEC",
    "UNIX",
    "INET",
    "AX25",
    "IPX",
    "APPLETALK",
    "NETROM",
    "BRIDGE",
    "ATMPVC",
    "X25",
    "INET6",
    "ROSE",
    "DECNET",
    "NETBEUI",
    "SECURITY",
    "KEY",
    "NETLINK",
    "PACKET",
    "ASH",
    "ECONET",
    "ATMSVC",
    "RDS",
    "SNA",
    "IRDA",
    "PPPOX",
    "WANPIPE",
    "LLC",
    "IB",
    "MPLS",
    "CAN",
    "TIPC",
    "BLUETOOTH",
    "IUCV",
    "RXRPC",
    "ISDN",
    "PHONET",
    "IEEE802154",
    "CAIF",
    "ALG",
    "NFC",
    "VSOCK",
    "KCM",
    "QIPCRTR",
    "SMC",
    "XDP",
    "MCTP",
];
/// `SOCK_*` (include/linux/net.h).
const TYPES: [&str; 11] = ["", "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET", "DCCP", "", "", "", "PACKET"];
/// The longest name of a UNIX socket.
const MAX_NAME: u32 = 108;

/// A `struct socket` and its `struct sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Where it is.
    pub at: VirtAddr,
    /// Its protocol's half.
    pub sock: VirtAddr,
    /// The family (`AF_*`).
    pub family: u16,
    /// Its type (`SOCK_*`).
    pub kind: u16,
    /// Who talks to whom.
    pub endpoint: Endpoint,
}

/// What a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Two addresses with their ports.
    Internet {
        /// Its own.
        source: (IpAddr, u16),
        /// The other side's.
        destination: (IpAddr, u16),
    },
    /// The name of a UNIX socket, escaped; empty if it has none.
    Named(String),
    /// Not known for this family.
    Unknown,
}

impl Socket {
    /// `INET:STREAM`.
    pub fn family_and_type(&self) -> String {
        let family = FAMILIES.get(usize::from(self.family)).copied();
        let kind = TYPES.get(usize::from(self.kind)).copied().filter(|k| !k.is_empty());
        let number = |n: u16| n.to_string();
        format!(
            "{}:{}",
            family.map_or_else(|| number(self.family), str::to_owned),
            kind.map_or_else(|| number(self.kind), str::to_owned)
        )
    }
}

#[derive(Load)]
#[kernel(name = "socket")]
struct RawSocket {
    #[kernel(path = "type")]
    kind: u16,
    sk: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "sock")]
struct Sock {
    #[kernel(path = "__sk_common.skc_family")]
    family: u16,
    #[kernel(path = "__sk_common.skc_daddr")]
    daddr: At,
    #[kernel(path = "__sk_common.skc_rcv_saddr")]
    rcv_saddr: At,
    #[kernel(path = "__sk_common.skc_dport")]
    dport: At,
    #[kernel(path = "__sk_common.skc_v6_daddr")]
    v6_daddr: Option<At>,
    #[kernel(path = "__sk_common.skc_v6_rcv_saddr")]
    v6_rcv_saddr: Option<At>,
}

#[derive(Load)]
#[kernel(name = "inet_sock")]
struct Inet {
    inet_sport: At,
}

#[derive(Load)]
#[kernel(name = "unix_sock")]
struct Unix {
    addr: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "unix_address")]
struct UnixAddress {
    len: u32,
    name: At,
}

/// The sockets that a task has open, by descriptor; what cannot be read costs a note.
pub fn sockets_of(t: &Target, task: &Task) -> Result<Vec<(u64, Socket)>, LoadError> {
    let open = vfs::of_task(t, task)?.unwrap_or_default();
    let read = |one: &vfs::OpenFile| match socket_of(t, one.file.inode) {
        Ok(socket) => Some((one.fd, socket)),
        Err(e) => {
            t.note(format!("socket {} of task {}: {e}", one.fd, task.pid));
            None
        }
    };
    Ok(open.iter().filter(|one| one.file.kind == Kind::Socket).filter_map(read).collect())
}

/// The socket of an inode.
pub fn socket_of(t: &Target, inode: VirtAddr) -> Result<Socket, LoadError> {
    let back = t.offset_of("socket_alloc", "vfs_inode")?;
    let at = inode.moved(-(back as i64)).offset(t.offset_of("socket_alloc", "socket")?);
    let raw: RawSocket = t.load(at)?;
    let mut socket = Socket { at, sock: raw.sk, family: 0, kind: raw.kind, endpoint: Endpoint::Unknown };
    if !raw.sk.is_null() {
        let sock: Sock = t.load(raw.sk)?;
        socket.family = sock.family;
        socket.endpoint = endpoint(t, raw.sk, &sock)?;
    }
    Ok(socket)
}

fn endpoint(t: &Target, at: VirtAddr, sock: &Sock) -> Result<Endpoint, LoadError> {
    let (source, destination) = match FAMILIES.get(usize::from(sock.family)).copied() {
        Some("INET") => (ipv4(t, sock.rcv_saddr.0)?, ipv4(t, sock.daddr.0)?),
        Some("INET6") => match (&sock.v6_rcv_saddr, &sock.v6_daddr) {
            (Some(source), Some(destination)) => (ipv6(t, source.0)?, ipv6(t, destination.0)?),
            _ => return Ok(Endpoint::Unknown),
        },
        Some("UNIX") => return Ok(unix_name(t, at).map_or(Endpoint::Unknown, Endpoint::Named)),
        _ => return Ok(Endpoint::Unknown),
    };
    Ok(Endpoint::Internet {
        source: (source, port(t, t.load::<Inet>(at)?.inet_sport.0)?),
        destination: (destination, port(t, sock.dport.0)?),
    })
}

/// A name that begins with a zero byte is abstract; it is shown with `@` as is the custom.
fn unix_name(t: &Target, at: VirtAddr) -> Result<String, LoadError> {
    let address = t.load::<Unix>(at)?.addr;
    if address.is_null() {
        return Ok(String::new());
    }
    let raw: UnixAddress = t.load(address)?;
    // The two bytes of the family come first.
    let length = raw.len.saturating_sub(2).min(MAX_NAME) as usize;
    let bytes = t.memory().bytes(raw.name.0.offset(2), length)?;
    Ok(match bytes.split_first() {
        Some((0, name)) => format!("@{}", name.escape_ascii()),
        _ => bytes.split(|b| *b == 0).next().unwrap_or_default().escape_ascii().to_string(),
    })
}

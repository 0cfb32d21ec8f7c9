//! `net`: network devices, neighbours, sockets.

use std::net::IpAddr;

use necropsy_base::VirtAddr;
use necropsy_kernel::net::{self, Endpoint, Neighbour, Socket};
use necropsy_kernel::tasks::Task;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::header::{each_task, of_task};
use super::structs;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Net;

impl Command for Net {
    fn name(&self) -> &'static str {
        "net"
    }
    fn synopsis(&self) -> &'static str {
        "[-n] [-a] [pid | task] | -s | -S [-x | -d] [-R reference] [pid | task] ... | -N address"
    }
    fn about(&self) -> &'static str {
        "network devices, neighbours, and the sockets of tasks"
    }
    fn help(&self) -> &'static str {
        "Without options: the devices of the first network namespace and their addresses.\n\
         -n   the devices of the namespace that a task is in, of the selected one if none is named; also with -a\n\
         -a   the neighbours: ARP, then IPv6's\n\
         -s   the sockets of tasks, of the selected one if none is named: who talks to whom; of UNIX sockets the name\n\
         -S   the same, each with its structs\n\
         -x   with -S: numbers in hexadecimal; -d in decimal\n\
         -R   with -s and -S: only sockets with this descriptor, or this socket, sock or file address\n\
         -N   an IPv4 address given as the number that lies in memory, with dots"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "net", what: "devices with their addresses" },
            Example { line: "net -s 1", what: "sockets of the first process" },
            Example { line: "net -N 0100007f", what: "127.0.0.1" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "nasSxd", values: "RN", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Dotted, DeviceRow, NeighbourRow, SocketRow, structs::Object]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(number) = args.value('N') {
            return dotted(number, out);
        }
        if !args.has('s') && !args.has('S') {
            let namespace = namespace(cx, args)?;
            return if args.has('a') { neighbours(cx, namespace, out) } else { devices(cx, namespace, out) };
        }
        each_task(cx, args, show, out)
    }
}

#[derive(Serialize, JsonSchema)]
struct Dotted {
    number: u64,
    address: IpAddr,
}

fn dotted(word: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let decimal = word.chars().all(|c| c.is_ascii_digit()) && !word.starts_with('0');
    let number = if decimal { word.parse().ok() } else { number::address(word) };
    let number = number.and_then(|n| u32::try_from(n).ok());
    let number = number.ok_or_else(|| CommandError::Usage(format!("no IPv4 address: {word}")))?;
    let row = Dotted { number: number.into(), address: IpAddr::from(number.to_le_bytes()) };
    Ok(out.row(&row, |r| r.address.to_string())?)
}

fn namespace(cx: &Context, args: &Args) -> Result<VirtAddr, CommandError> {
    if !args.has('n') {
        if let Some(word) = args.rest.first() {
            return Err(CommandError::Usage(format!("{word}: a task goes with -n, -s or -S")));
        }
        return Ok(cx.target.need_symbol("init_net")?);
    }
    let task = match args.rest.first() {
        Some(word) => cx.find_tasks(word)?.first().map(|task| (*task).clone()),
        None => Some(cx.current()?),
    };
    let of = task.map(|task| net::namespace_of(&cx.target, &task)).transpose()?.flatten();
    of.ok_or_else(|| CommandError::Failed("the task has no namespaces any more".into()))
}

#[derive(Serialize, JsonSchema)]
struct DeviceRow {
    device: Hex,
    name: String,
    addresses: Vec<IpAddr>,
}

fn devices(cx: &Context, namespace: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("   NET_DEVICE     NAME       IP ADDRESS(ES)")?;
    for one in net::devices(&cx.target, namespace)? {
        let row = DeviceRow { device: Hex(one.at.0), name: one.name, addresses: one.addresses };
        out.row(&row, |r| {
            let all: Vec<String> = r.addresses.iter().map(IpAddr::to_string).collect();
            let text = format!("{:016x}  {:<10} {}", r.device.0, r.name, all.join(", "));
            text.trim_end().to_owned()
        })?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct NeighbourRow {
    neighbour: Hex,
    address: IpAddr,
    hardware_kind: u16,
    hardware: String,
    device: Hex,
    device_name: String,
    states: Vec<&'static str>,
}

fn neighbours(cx: &Context, namespace: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("NEIGHBOUR        IP ADDRESS      HW TYPE    HW ADDRESS         DEVICE  STATE")?;
    for one in net::neighbours(&cx.target, namespace)? {
        out.row(&neighbour_row(one), |r| {
            let kind = hardware_kind(r.hardware_kind);
            let (address, states) = (r.address.to_string(), r.states.join(" "));
            format!(
                "{:016x} {address:<15} {kind:<10} {:<18} {:<7} {states}",
                r.neighbour.0, r.hardware, r.device_name
            )
        })?;
    }
    Ok(())
}

fn neighbour_row(one: Neighbour) -> NeighbourRow {
    let hardware: Vec<String> = one.hardware.iter().map(|b| format!("{b:02x}")).collect();
    NeighbourRow {
        neighbour: Hex(one.at.0),
        address: one.address,
        hardware_kind: one.kind,
        hardware: hardware.join(" "),
        device: Hex(one.device.0),
        device_name: one.device_name,
        states: one.states,
    }
}

/// `ARPHRD_*` that have hardware addresses to resolve (include/uapi/linux/if_arp.h).
fn hardware_kind(kind: u16) -> &'static str {
    match kind {
        0 => "NETROM",
        1 => "ETHER",
        2 => "EETHER",
        3 => "AX25",
        4 => "PRONET",
        5 => "CHAOS",
        6 => "IEEE802",
        7 => "ARCNET",
        8 => "APPLETLK",
        15 => "DLCI",
        23 => "METRICOM",
        32 => "INFINIBAND",
        _ => "UNKNOWN",
    }
}

#[derive(Serialize, JsonSchema)]
struct SocketRow {
    pid: i32,
    fd: u64,
    socket: Hex,
    sock: Hex,
    family_and_type: String,
    source: Option<String>,
    source_port: Option<u16>,
    destination: Option<String>,
    destination_port: Option<u16>,
    name: Option<String>,
}

/// Shows the sockets of one task; `foreach net` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    if !args.has('s') && !args.has('S') {
        return Err(CommandError::Usage("of tasks there are sockets: net -s or net -S".into()));
    }
    let (header, reference) = (of_task(task, cx.tasks()?.cpu_of(task)), args.value('R'));
    if reference.is_none() {
        out.heading(&header)?;
    }
    let mut sockets = net::sockets_of(&cx.target, task)?;
    if let Some(reference) = reference {
        sockets.retain(|(fd, socket)| refers(*fd, socket, reference));
        // Who has none is not asked about.
        if sockets.is_empty() {
            return Ok(());
        }
        out.heading(&header)?;
    }
    if sockets.is_empty() {
        return Ok(out.heading("No open sockets.")?);
    }
    let whole = args.has('S');
    if !whole {
        out.heading("FD      SOCKET            SOCK       FAMILY:TYPE SOURCE-PORT DESTINATION-PORT")?;
    }
    for (fd, socket) in &sockets {
        let row = row(task, *fd, socket);
        match whole {
            true => structures(cx, &row, socket, args, out)?,
            false => out.row(&row, |r| line(r, &socket.endpoint))?,
        }
    }
    Ok(())
}

fn refers(fd: u64, socket: &Socket, to: &str) -> bool {
    let address = number::address(to);
    number::count(to) == Some(fd) || address == Some(socket.at.0) || address == Some(socket.sock.0)
}

fn row(task: &Task, fd: u64, socket: &Socket) -> SocketRow {
    let (source, destination, name) = match &socket.endpoint {
        Endpoint::Internet { source, destination } => (Some(*source), Some(*destination), None),
        Endpoint::Named(name) => (None, None, Some(name.clone())),
        Endpoint::Unknown => (None, None, None),
    };
    SocketRow {
        pid: task.pid,
        fd,
        socket: Hex(socket.at.0),
        sock: Hex(socket.sock.0),
        family_and_type: socket.family_and_type(),
        source: source.map(|s| s.0.to_string()),
        source_port: source.map(|s| s.1),
        destination: destination.map(|d| d.0.to_string()),
        destination_port: destination.map(|d| d.1),
        name,
    }
}

fn line(r: &SocketRow, endpoint: &Endpoint) -> String {
    let end = match endpoint {
        Endpoint::Internet { source, destination } => {
            let gap = if source.0.is_ipv6() { "  " } else { " " };
            format!("{}-{}{gap}{}-{}", long(source.0), source.1, long(destination.0), destination.1)
        }
        Endpoint::Named(name) => name.clone(),
        Endpoint::Unknown => String::new(),
    };
    let text = format!("{:>2} {:016x} {:016x} {:<12} {end}", r.fd, r.socket.0, r.sock.0, r.family_and_type);
    text.trim_end().to_owned()
}

/// IPv6 addresses with all their groups: `::` beside a dash and a port is hard to read.
fn long(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => six.segments().map(|s| format!("{s:x}")).join(":"),
    }
}

fn structures(
    cx: &Context,
    row: &SocketRow,
    socket: &Socket,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    out.heading("FD       SOCKET             SOCK")?;
    out.row(row, |r| format!("{:>2}  {:016x}  {:016x}\n", r.fd, r.socket.0, r.sock.0))?;
    for (name, at) in [("socket", socket.at), (sock_struct(socket), socket.sock)] {
        let ty = cx.target.type_named(name).or_else(|| cx.target.type_named("sock"));
        let shown = match ty.filter(|_| !at.is_null()) {
            Some(ty) => structs::show_whole(cx, &ty, at, cx.hex(args), out),
            None => Ok(()),
        };
        match shown {
            Err(e) if e.ends_all() => return Err(e),
            Err(e) => out.note(&format!("{name} {:#x}: {e}", at.0)),
            Ok(()) => {}
        }
    }
    Ok(out.heading("")?)
}

/// The struct of a family that begins with a `struct sock`.
fn sock_struct(socket: &Socket) -> &'static str {
    match net::FAMILIES.get(usize::from(socket.family)).copied() {
        Some("INET" | "INET6") => "inet_sock",
        Some("UNIX") => "unix_sock",
        Some("NETLINK") => "netlink_sock",
        _ => "sock",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(long("::1".parse().unwrap()), "0:0:0:0:0:0:0:1");
        assert_eq!(long("10.0.2.15".parse().unwrap()), "10.0.2.15");
        assert_eq!((hardware_kind(1), hardware_kind(772)), ("ETHER", "UNKNOWN"));
    }
}

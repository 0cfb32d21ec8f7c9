//! `dev`: devices.

mod dumps;

use necropsy_base::VirtAddr;
use necropsy_kernel::block::{self, DiskInfo};
use necropsy_kernel::devices::{self, Bus, Function, Resource};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Dev;

impl Command for Dev {
    fn name(&self) -> &'static str {
        "dev"
    }
    fn synopsis(&self) -> &'static str {
        "[-i | -p | -d | -D | -V | -v index [file]]"
    }
    fn about(&self) -> &'static str {
        "character and block devices, PCI, I/O ports, disks"
    }
    fn help(&self) -> &'static str {
        "Without options: the major numbers, what answers for them and with which operations.\n\
         -i   I/O ports and memory by who took them\n\
         -p   PCI buses and what is on them\n\
         -d   disks and their requests in flight: with the driver, not yet done\n\
         -D   only those that have some\n\
         -V   what drivers saved of their devices (/proc/vmcore's device dumps); -v shows one, or writes it to a file"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "dev", what: "character and block devices" },
            Example { line: "dev -D", what: "disks that have work to do" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "ipdDV", values: "v", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, ResourceRow, FunctionRow, DiskRow, dumps::DumpRow, dumps::Words, dumps::Saved]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.has('i') {
            ports(cx, "ioport_resource", 4, "    RESOURCE        RANGE    NAME", out)?;
            out.heading("")?;
            return ports(cx, "iomem_resource", 8, "    RESOURCE            RANGE        NAME", out);
        }
        if args.has('V') {
            return dumps::all(cx, out);
        }
        if let Some(index) = args.value('v') {
            return dumps::one(cx, index, args.rest.first().map(String::as_str), out);
        }
        if args.has('p') {
            return pci(cx, out);
        }
        if args.has('d') || args.has('D') {
            return disks(cx, args.has('D'), out);
        }
        match characters(cx, out) {
            Err(CommandError::Load(e)) => out.note(&e.to_string()),
            done => done?,
        }
        out.heading("")?;
        blocks(cx, out)
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    kind: &'static str,
    major: u32,
    minor: Option<u32>,
    name: String,
    object: Option<Hex>,
    operations: Option<String>,
}

fn operations(cx: &Context, at: VirtAddr) -> String {
    match cx.target.near(at) {
        Some(near) if near.start == at => near.name,
        _ => format!("{:x}", at.0),
    }
}

fn line(r: &Row) -> String {
    let head = format!("{:>4}      {:<14} ", r.major, r.name);
    match r.object {
        Some(at) => format!("{head}{:016x}  {}", at.0, r.operations.as_deref().unwrap_or("(unknown)")),
        None => format!("{head}     (none)"),
    }
}

fn characters(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("CHRDEV    NAME                 CDEV        OPERATIONS")?;
    for one in devices::char_majors(&cx.target)? {
        let row = Row {
            kind: "character",
            major: one.major,
            minor: Some(one.minor),
            name: one.name,
            object: one.cdev.map(|at| Hex(at.0)),
            operations: one.operations.map(|at| operations(cx, at)),
        };
        out.row(&row, line)?;
    }
    Ok(())
}

fn blocks(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("BLKDEV    NAME                GENDISK      OPERATIONS")?;
    let t = &cx.target;
    let disks = block::disks(t).inspect_err(|e| out.note(&format!("disks: {e}"))).unwrap_or_default();
    for one in devices::block_majors(t)? {
        // Of several disks the youngest.
        let disk = disks.iter().rfind(|d| d.major == one.major);
        let row = Row {
            kind: "block",
            major: one.major,
            minor: None,
            name: one.name,
            object: disk.map(|d| Hex(d.at.0)),
            operations: disk.map(|d| operations(cx, d.operations)),
        };
        out.row(&row, line)?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct ResourceRow {
    resource: Hex,
    depth: usize,
    start: Hex,
    end: Hex,
    name: String,
}

fn ports(
    cx: &Context,
    symbol: &str,
    width: usize,
    heading: &str,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    out.heading(heading)?;
    for Resource { at, depth, start, end, name } in devices::resources(&cx.target, symbol)? {
        let row = ResourceRow { resource: Hex(at.0), depth, start: Hex(start), end: Hex(end), name };
        out.row(&row, |r| {
            format!("{:016x}  {:0width$x}-{:0width$x}  {}", r.resource.0, r.start.0, r.end.0, r.name)
        })?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct FunctionRow {
    bus: Hex,
    device: Hex,
    place: String,
    class: Hex,
    vendor_id: Hex,
    device_id: Hex,
    kind: &'static str,
}

fn pci(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let mut first = true;
    for bus in devices::pci_buses(&cx.target)? {
        if !std::mem::take(&mut first) {
            out.heading("")?;
        }
        bus_heading(&bus, out)?;
        for one in &bus.functions {
            out.row(&function_row(&bus, one), |r| {
                format!(
                    "  {:016x} {}  {:04x}  {:04x}:{:04x}  {}",
                    r.device.0, r.place, r.class.0, r.vendor_id.0, r.device_id.0, r.kind
                )
            })?;
        }
    }
    Ok(())
}

fn bus_heading(bus: &Bus, out: &mut dyn Sink) -> Result<(), CommandError> {
    match bus.parent {
        None => out.heading(&format!("    ROOT BUS     BUSNAME\n{:016x} {}", bus.at.0, bus.name))?,
        Some(up) => {
            let heading = "    PCI BUS      BUSNAME       PARENT BUS";
            out.heading(&format!("{heading}\n{:016x} {:<12} {:016x}", bus.at.0, bus.name, up.0))?;
        }
    }
    Ok(out.heading("      PCI DEV      DO:BU:SL.FN  CLASS   PCI_ID      TYPE")?)
}

fn function_row(bus: &Bus, one: &Function) -> FunctionRow {
    FunctionRow {
        bus: Hex(bus.at.0),
        device: Hex(one.at.0),
        place: one.name.clone(),
        class: Hex(one.class.into()),
        vendor_id: Hex(one.vendor.into()),
        device_id: Hex(one.device.into()),
        kind: one.kind,
    }
}

#[derive(Serialize, JsonSchema)]
struct DiskRow {
    major: u32,
    gendisk: Hex,
    name: String,
    queue: Hex,
    reads: u64,
    writes: u64,
}

fn disks(cx: &Context, busy: bool, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("MAJOR GENDISK            NAME       REQUEST_QUEUE      TOTAL  READ WRITE")?;
    for disk in block::disks(&cx.target)? {
        match block::in_flight(&cx.target, &disk) {
            Ok(n) => {
                let idle = n.reads + n.writes == 0;
                if !(idle && (busy || is_memory(&disk))) {
                    out.row(&disk_row(disk, n), disk_line)?;
                }
            }
            Err(e) => out.note(&format!("requests of {}: {e}", disk.name)),
        }
    }
    Ok(())
}

/// Loop devices and RAM disks are there by the dozen whether anybody uses them or not.
fn is_memory(disk: &DiskInfo) -> bool {
    disk.name.starts_with("loop") || disk.name.starts_with("ram")
}

fn disk_row(disk: DiskInfo, n: block::InFlight) -> DiskRow {
    let (gendisk, queue) = (Hex(disk.at.0), Hex(disk.queue.0));
    DiskRow { major: disk.major, gendisk, name: disk.name, queue, reads: n.reads, writes: n.writes }
}

fn disk_line(r: &DiskRow) -> String {
    let total = r.reads + r.writes;
    format!(
        "{:>5} {:016x}   {:<10} {:016x}   {total:>5} {:>5} {:>5}",
        r.major, r.gendisk.0, r.name, r.queue.0, r.reads, r.writes
    )
}

//! Counters, zones, per-CPU offsets, huge pages, names of flags.

use necropsy_kernel::{buddy, meminfo, pages};
use necropsy_report::{Hex, terminal_safe};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::{Args, CommandError, Context, Sink, number};

#[derive(Serialize, JsonSchema)]
pub struct CounterRow {
    table: &'static str,
    name: String,
    value: i64,
}

fn counter_rows(
    out: &mut dyn Sink,
    table: &'static str,
    counters: &[meminfo::Counter],
) -> Result<(), CommandError> {
    let width = counters.iter().map(|c| c.name.len()).max().unwrap_or(0).max(21);
    for c in counters {
        let row = CounterRow { table, name: terminal_safe(&c.name), value: c.value };
        out.row(&row, |r| format!("{:>width$}: {}", r.name, r.value))?;
    }
    Ok(())
}

/// `-V`.
pub fn counters(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let tables = [
        ("VM_ZONE_STAT", meminfo::zone_table(t)),
        ("VM_NODE_STAT", meminfo::node_table(t)),
        ("VM_NUMA_STAT", meminfo::numa_table(t)),
        ("VM_EVENT_STATES", meminfo::event_table(t)),
    ];
    for (i, (name, counters)) in tables.into_iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        match counters {
            Ok(counters) => {
                out.heading(&format!("  {name}:"))?;
                counter_rows(out, name, &counters)?;
            }
            Err(e) => out.note(&format!("{name}: {e}")),
        }
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct ZoneRow {
    node: i64,
    zone: usize,
    address: Hex,
    name: String,
    size: u64,
    present: u64,
    watermarks: Vec<u64>,
}

impl ZoneRow {
    fn text(&self) -> String {
        let place = format!(
            "NODE: {}  ZONE: {}  ADDR: {:x}  NAME: \"{}\"\n",
            self.node, self.zone, self.address.0, self.name
        );
        if self.size == 0 {
            return place + "  [unpopulated]";
        }
        let present =
            if self.present == self.size { String::new() } else { format!("  PRESENT: {}", self.present) };
        let marks: Vec<String> = self.watermarks.iter().map(u64::to_string).collect();
        format!("{place}  SIZE: {}{present}  MIN/LOW/HIGH: {}", self.size, marks.join("/"))
    }
}

/// `-z`.
pub fn zones(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    for node in buddy::nodes(&cx.target) {
        for zone in node.zones {
            let row = ZoneRow {
                node: node.number,
                zone: zone.number,
                address: Hex(zone.at.0),
                name: zone.name.clone(),
                size: zone.spanned,
                present: zone.present,
                watermarks: zone.watermarks.clone(),
            };
            out.row(&row, ZoneRow::text)?;
            if zone.spanned > 0 {
                out.heading("  VM_STAT:")?;
                counter_rows(out, "VM_STAT", &zone.counters)?;
                out.heading("")?;
            }
            out.heading("")?;
        }
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct OffsetRow {
    cpu: usize,
    offset: Hex,
}

/// `-o`.
pub fn per_cpu(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading("PER-CPU OFFSET VALUES:")?;
    for (cpu, offset) in cx.target.cpus() {
        let row = OffsetRow { cpu: *cpu, offset: Hex(*offset) };
        out.row(&row, |r| format!("  CPU {}: {:x}", r.cpu, r.offset.0))?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct HugeRow {
    hstate: Hex,
    size: u64,
    free: u64,
    total: u64,
    name: String,
}

/// `-h`.
pub fn huge(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let all = meminfo::huge_pages(&cx.target);
    if all.is_empty() {
        return Err(CommandError::Failed("no huge pages of hugetlbfs were found".into()));
    }
    out.heading("     HSTATE        SIZE    FREE   TOTAL  NAME")?;
    for h in all {
        let row = HugeRow { hstate: Hex(h.at.0), size: h.size, free: h.free, total: h.total, name: h.name };
        out.row(&row, |r| {
            let size = match r.size {
                n if n >= 1 << 30 => format!("{}GB", n >> 30),
                n if n >= 1 << 20 => format!("{}MB", n >> 20),
                n => format!("{}KB", n >> 10),
            };
            format!("{:016x} {size:>6} {:>7} {:>7}  {}", r.hstate.0, r.free, r.total, r.name)
        })?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
pub struct FlagRow {
    name: String,
    bit: u32,
    value: Hex,
}

/// `-g`.
pub fn flags(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let wanted = match args.rest.first() {
        Some(word) => Some(
            number::address(word)
                .ok_or_else(|| CommandError::Usage(format!("{word} is no hexadecimal number")))?,
        ),
        None => None,
    };
    let all = pages::flag_table(&cx.target);
    if all.is_empty() {
        return Err(CommandError::Failed("this kernel's types have no enum pageflags".into()));
    }
    if let Some(flags) = wanted {
        out.heading(&format!("FLAGS: {flags:x}"))?;
    }
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    out.heading(&format!("{:<width$}  BIT  VALUE", "PAGE-FLAG"))?;
    for (name, bit) in all.iter().filter(|(_, bit)| wanted.is_none_or(|flags| flags >> bit & 1 == 1)) {
        let row = FlagRow { name: terminal_safe(name), bit: *bit, value: Hex(1 << bit) };
        out.row(&row, |r| format!("{:<width$}  {:>3}  {:07x}", r.name, r.bit, r.value.0))?;
    }
    Ok(())
}

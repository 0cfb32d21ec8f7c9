//! `mach`: the machine: CPUs, address space, stacks, physical memory.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Kind, Type};
use necropsy_kernel::{cpus, stacks, system};
use necropsy_report::Hex;
use necropsy_target::{ArrayAt, Load};
use schemars::JsonSchema;
use serde::Serialize;

use super::structs::show_whole;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Mach;

impl Command for Mach {
    fn name(&self) -> &'static str {
        "mach"
    }
    fn synopsis(&self) -> &'static str {
        "[-m | -c [-x | -d]]"
    }
    fn about(&self) -> &'static str {
        "the machine: address space, stacks, physical memory, CPUs"
    }
    fn help(&self) -> &'static str {
        "Without options: sizes and bases of the kernel's address space, and the stacks that interrupts and exceptions switch to.\n\
         -m   the map of physical memory, as the firmware gave it\n\
         -c   what the kernel knows of each CPU; -x in hexadecimal, -d in decimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "mach", what: "where things are" },
            Example { line: "mach -m", what: "RAM and holes" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "mcxd", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Fact, StackRow, Range, super::structs::Object]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        match () {
            () if args.has('m') => map(cx, out),
            () if args.has('c') => each_cpu(cx, args, out),
            () => machine(cx, out),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Fact {
    name: String,
    value: String,
}

fn machine(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let word = |name: &str| t.symbol(name).and_then(|at| t.memory().word(at).ok());
    let mut facts: Vec<(String, Option<String>)> = Vec::new();
    let mut add = |name: &str, value: Option<String>| facts.push((name.to_owned(), value));
    let hex = |n: u64| format!("{n:x}");
    add("MACHINE TYPE", Some(t.arch().name().to_owned()));
    add("MEMORY SIZE", system::memory_bytes(t).map(super::sys::memory));
    add("CPUS", Some(cpus::present(t).len().to_string()));
    add("PROCESSOR SPEED", system::mhz(t).map(|m| format!("{m} Mhz")));
    // The length of a tick says how many there are in a second.
    add("HZ", word("tick_nsec").filter(|n| *n > 0).map(|n| ((1_000_000_000 + n / 2) / n).to_string()));
    add("PAGE SIZE", Some(t.page_size().to_string()));
    add("KERNEL VIRTUAL BASE", word("page_offset_base").map(hex));
    add("KERNEL VMALLOC BASE", word("vmalloc_base").map(hex));
    add("KERNEL VMEMMAP BASE", word("vmemmap_base").map(hex));
    if t.arch().name() == "x86_64" {
        // `__START_KERNEL_map` and `MODULES_VADDR` (arch/x86/include/asm/pgtable_64_types.h, with RANDOMIZE_BASE).
        add("KERNEL START MAP", Some("ffffffff80000000".into()));
        add("KERNEL MODULES BASE", Some("ffffffffc0000000".into()));
    }
    add("KERNEL STACK SIZE", Some(t.stack_size().to_string()));
    for (name, value) in facts.into_iter().filter_map(|(n, v)| Some((n, v?))) {
        out.row(&Fact { name, value }, |f| format!("{:>22}: {}", f.name, f.value))?;
    }
    for kind in std::iter::once(stacks::irq(t)).chain(stacks::exceptions(t)) {
        show(kind.name, kind.size, &kind.bases, out)?;
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
struct StackRow {
    stack: String,
    cpu: usize,
    base: Hex,
    size: u64,
}

fn show(label: &str, size: u64, found: &[(usize, VirtAddr)], out: &mut dyn Sink) -> Result<(), CommandError> {
    if found.is_empty() {
        return Ok(());
    }
    out.heading(&format!("{:>22}: {size}", format!("{label} STACK SIZE")))?;
    out.heading(&format!("{:>22}:", format!("{label} STACKS")))?;
    for (cpu, base) in found {
        let row = StackRow { stack: label.to_lowercase(), cpu: *cpu, base: Hex(base.0), size };
        out.row(&row, |r| format!("{:>22}: {:x}", format!("CPU {}", r.cpu), r.base.0))?;
    }
    Ok(())
}

#[derive(Load)]
#[kernel(name = "e820_table")]
struct Map {
    nr_entries: u32,
    entries: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "e820_entry")]
struct Entry {
    addr: u64,
    size: u64,
    #[kernel(path = "type")]
    kind: u32,
}

#[derive(Serialize, JsonSchema)]
struct Range {
    start: Hex,
    end: Hex,
    kind: String,
}

/// `e820_table` (a pointer since 4.12); its kinds by their enum.
fn map(cx: &Context, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let at = t.memory().ptr(t.need_symbol("e820_table")?).map_err(necropsy_target::LoadError::from)?;
    let map: Map = t.load(at)?;
    let types = t.types()?;
    let kinds = types.find(Kind::Enum, "e820_type").and_then(|id| match types.get(id).ok()? {
        Type::Enum { values, .. } => Some(values),
        _ => None,
    });
    let kind = |n: u32| {
        let known =
            kinds.iter().flatten().find(|(_, v)| *v == i128::from(n)).map(|(name, _)| name.to_string());
        known.map_or_else(|| format!("type {n}"), |name| name.replace("E820_TYPE_", "E820_"))
    };
    out.heading("      PHYSICAL ADDRESS RANGE         TYPE")?;
    for at in map.entries.iter().take(map.nr_entries.min(1 << 16) as usize) {
        let entry: Entry = t.load(at)?;
        let end = entry.addr.wrapping_add(entry.size);
        let row = Range { start: Hex(entry.addr), end: Hex(end), kind: kind(entry.kind) };
        out.row(&row, |r| format!("{:016x} - {:016x}  {}", r.start.0, r.end.0, r.kind))?;
    }
    Ok(())
}

fn each_cpu(cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let ty = t
        .type_named("struct cpuinfo_x86")
        .ok_or_else(|| CommandError::Failed("this kernel has no struct cpuinfo_x86".into()))?;
    for (i, cpu) in cpus::present(t).into_iter().enumerate() {
        let at =
            t.percpu_symbol("cpu_info", cpu).ok_or_else(|| CommandError::Failed("no cpu_info".into()))?;
        out.heading(&format!("{}CPU {cpu}:", if i > 0 { "\n" } else { "" }))?;
        show_whole(cx, &ty, at, cx.hex(args), out)?;
    }
    Ok(())
}

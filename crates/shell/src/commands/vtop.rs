//! `vtop`: how an address is translated.

use necropsy_arch::{Level, Mapping, PageTables, WalkError};
use necropsy_base::VirtAddr;
use necropsy_kernel::tasks::Task;
use necropsy_kernel::{swap, vma};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::header::of_task;
use super::page_row::PageRow;
use super::vm::area_row::{AreaRow, path};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec};

pub struct Vtop;
pub struct Pte;

impl Command for Vtop {
    fn name(&self) -> &'static str {
        "vtop"
    }
    fn synopsis(&self) -> &'static str {
        "[-c pid | task] [-u | -k] address ..."
    }
    fn about(&self) -> &'static str {
        "virtual to physical addresses, page table by page table"
    }
    fn help(&self) -> &'static str {
        "Every entry of the page walk with its own address, the page, and what its flags mean.\n\
         -k   the address is the kernel's, the default for addresses that look so\n\
         -u   the address is one of the selected task's user space\n\
         -c   the task whose user space it is"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "vtop jiffies", what: "a kernel address" },
            Example { line: "vtop -c 1 401000", what: "a user address of a task" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "uk", values: "c", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Translation, AreaRow, PageRow]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.rest.is_empty() {
            return Err(CommandError::Usage("an address is missing".into()));
        }
        each(cx, args, None, out)
    }
}

/// All addresses as one task has them; `foreach vtop` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    out.heading(&of_task(task, cx.tasks()?.cpu_of(task)))?;
    each(cx, args, Some(task), out)
}

fn each(cx: &Context, args: &Args, task: Option<&Task>, out: &mut dyn Sink) -> Result<(), CommandError> {
    for (i, word) in args.rest.iter().enumerate() {
        if i > 0 {
            out.heading("")?;
        }
        let at = cx.address(word)?;
        let user = args.has('u') || !args.has('k') && !cx.target.arch().is_kernel(at);
        let owner = match task {
            _ if !user => None,
            Some(task) if task.mm.is_null() => {
                return Err(CommandError::Failed("it has no user space".into()));
            }
            Some(task) => Some(task.clone()),
            None => Some(owner(cx, args)?),
        };
        walk(cx, at, owner.as_ref(), out)?;
    }
    Ok(())
}

/// Whose user space is meant.
fn owner(cx: &Context, args: &Args) -> Result<Task, CommandError> {
    let task = match args.value('c') {
        Some(word) => cx.find_tasks(word)?.first().map(|t| (*t).clone()),
        None => Some(cx.current()?),
    };
    task.filter(|t| !t.mm.is_null())
        .ok_or_else(|| CommandError::Failed("the task has no user space; choose one with -c PID".into()))
}

fn tables(cx: &Context, task: Option<&Task>) -> Result<PageTables, CommandError> {
    let kernel = cx.target.kernel();
    let kernel = kernel.ok_or_else(|| CommandError::Failed("no page tables".into()))?;
    let Some(task) = task else { return Ok(kernel.tables()) };
    let root = necropsy_kernel::mm::page_tables(&cx.target, task)?;
    Ok(PageTables { root, ..kernel.tables() })
}

fn walk(cx: &Context, at: VirtAddr, task: Option<&Task>, out: &mut dyn Sink) -> Result<(), CommandError> {
    let tables = tables(cx, task)?;
    let phys = cx.target.phys().ok_or_else(|| CommandError::Failed("no physical memory".into()))?;
    let (levels, mapping, why) = match cx.target.arch().translate(phys.as_ref(), &tables, at) {
        Ok(m) => (m.levels.to_vec(), Some(m), None),
        Err(e) => {
            let levels = match &e {
                WalkError::NotMapped { levels, .. } => levels.to_vec(),
                _ => Vec::new(),
            };
            (levels, None, Some(e))
        }
    };
    let levels: Vec<Level> = levels.into_iter().filter(|l| !l.name.is_empty()).collect();
    let step = |l: &Level| Step { level: l.name, at: Hex(l.entry_at.0), entry: Hex(l.entry) };
    let swapped = mapping.is_none().then(|| levels.last().and_then(|l| Swapped::of(cx, l.entry))).flatten();
    let row = Translation {
        virt: Hex(at.0),
        physical: mapping.as_ref().map(|m| Hex(m.phys.0)),
        levels: levels.iter().map(step).collect(),
        page_size: mapping.as_ref().map(|m| m.size),
        flags: levels.last().map(|l| flags(l.entry)),
        swap: swapped,
    };
    let directory = cx.target.arch().is_kernel(at).then(|| directory(cx)).flatten();
    out.row(&row, |row| text(at, directory, &levels, mapping.as_ref(), row.swap.as_ref()))?;
    if let Some(area) = task.and_then(|task| vma::holding(&cx.target, task.mm, at)) {
        out.heading("")?;
        out.heading(AreaRow::HEADING)?;
        out.row(&AreaRow::of(cx, &area), AreaRow::text)?;
    }
    if let Some(m) = &mapping {
        out.heading("")?;
        page(cx, m.phys.0, out)?;
    }
    if let Some(swapped) = &row.swap {
        out.heading(&format!("\nSWAP: {}  OFFSET: {}", swapped.file, swapped.offset))?;
    }
    match why {
        // Where it is in swap is told.
        Some(WalkError::NotMapped { .. }) if row.swap.is_some() => Ok(()),
        // That nothing is there is an answer; which entry says so is told beside it.
        Some(e @ WalkError::NotMapped { .. }) => {
            out.note(&e.to_string());
            Ok(())
        }
        Some(e) => Err(CommandError::Partial(e.to_string())),
        None => Ok(()),
    }
}

/// Where an address leads.
#[derive(Serialize, JsonSchema)]
struct Translation {
    #[serde(rename = "virtual")]
    virt: Hex,
    physical: Option<Hex>,
    levels: Vec<Step>,
    page_size: Option<u64>,
    flags: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swapped>,
}

/// Where a page that is not in memory is.
#[derive(Serialize, JsonSchema)]
struct Swapped {
    /// The partition or file.
    file: String,
    /// In pages.
    offset: u64,
}

impl Swapped {
    fn of(cx: &Context, entry: u64) -> Option<Swapped> {
        let found = swap::entry(&cx.target, entry)?;
        Some(Swapped { file: path(cx, found.file), offset: found.offset })
    }

    fn text(&self, entry: u64) -> String {
        let (entry, offset) = (format!("{entry:x}"), self.offset.to_string());
        let (a, b, c) = (entry.len().max(3), self.file.len().max(4), offset.len().max(6));
        let line = |x: &str, y: &str, z: &str| {
            let line = format!("{x:^a$}  {y:^b$}  {z:^c$}");
            line.trim_end().to_owned() + "\n"
        };
        line("PTE", "SWAP", "OFFSET") + &line(&entry, &self.file, &offset)
    }
}

/// An entry of the page tables on the way.
#[derive(Serialize, JsonSchema)]
struct Step {
    level: &'static str,
    at: Hex,
    entry: Hex,
}

/// An entry of a page table, taken apart.
#[derive(Serialize, JsonSchema)]
struct Entry {
    entry: Hex,
    physical: Hex,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swapped>,
}

/// The `struct page` of a physical page, as `kmem -p` shows it; memory of devices has none.
fn page(cx: &Context, physical: u64, out: &mut dyn Sink) -> Result<(), CommandError> {
    match PageRow::of(&cx.target, physical) {
        Some(row) => {
            out.heading(PageRow::HEADING)?;
            Ok(out.row(&row, PageRow::text)?)
        }
        None => Ok(()),
    }
}

/// Where the kernel's own top table is, by its name: `init_top_pgt` since 4.13.
fn directory(cx: &Context) -> Option<VirtAddr> {
    ["init_top_pgt", "swapper_pg_dir", "init_level4_pgt"].iter().find_map(|name| cx.target.symbol(name))
}

fn text(
    at: VirtAddr,
    directory: Option<VirtAddr>,
    levels: &[Level],
    mapping: Option<&Mapping>,
    swapped: Option<&Swapped>,
) -> String {
    let physical = mapping.map_or("(not mapped)".into(), |m| format!("{:x}", m.phys.0));
    let mut out = format!("{:<16}  {:<16}\n", "VIRTUAL", "PHYSICAL").replace(" \n", "\n");
    out = format!("{}\n{:<16x}  {physical}\n\n", out.trim_end(), at.0);
    let mut levels_left = levels;
    if let (Some(directory), Some((top, rest))) = (directory, levels.split_first()) {
        out += &format!("PGD DIRECTORY: {:x}\nPAGE DIRECTORY: {:x}\n", directory.0, top.entry);
        levels_left = rest;
    }
    for l in levels_left {
        out += &format!("{:>6}: {:x} => {:x}\n", l.name, l.entry_at.0, l.entry);
    }
    let (m, last) = match (mapping, swapped, levels.last()) {
        (Some(m), _, Some(last)) => (m, last),
        (_, Some(swapped), Some(last)) => return out + "\n" + &swapped.text(last.entry),
        _ => return out,
    };
    let page = m.phys.0 & !(m.size - 1);
    let size = if m.size > 4096 { format!("  ({} KB)", m.size >> 10) } else { String::new() };
    out += &format!("  PAGE: {page:x}{size}\n\n");
    out + &entry(last.name, last.entry, page)
}

/// An entry taken apart.
fn entry(name: &str, entry: u64, page: u64) -> String {
    let width = format!("{entry:x}").len().max(3);
    let flags = match flags(entry).join("|") {
        none if none.is_empty() => "no mapping".to_owned(),
        flags => flags,
    };
    format!("{name:^width$}  PHYSICAL  FLAGS\n{entry:>width$x}  {page:>8x}  ({flags})\n")
}

impl Command for Pte {
    fn name(&self) -> &'static str {
        "pte"
    }
    fn synopsis(&self) -> &'static str {
        "entry ..."
    }
    fn about(&self) -> &'static str {
        "what a page table entry says"
    }
    fn help(&self) -> &'static str {
        "The physical page and the flags of page table entries given in hexadecimal, as vtop shows them; of one that is not present, the swap \
         area and the place in it."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "pte 8000000001234567", what: "flags of an entry" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Entry]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if args.rest.is_empty() {
            return Err(CommandError::Usage("an entry is missing".into()));
        }
        for word in &args.rest {
            let value = crate::number::address(word);
            let value =
                value.ok_or_else(|| CommandError::Usage(format!("{word} is no hexadecimal number")))?;
            // Bits 12 to 51 are the address on every x86-64.
            let page = value & 0x000f_ffff_ffff_f000;
            let swap = Swapped::of(cx, value);
            let row = Entry { entry: Hex(value), physical: Hex(page), flags: flags(value), swap };
            out.row(&row, |row| match &row.swap {
                Some(swapped) => swapped.text(value),
                None => entry("PTE", value, page),
            })?;
        }
        Ok(())
    }
}

/// Flags of an x86 page table entry (arch/x86/include/asm/pgtable_types.h).
fn flags(entry: u64) -> Vec<&'static str> {
    const NAMES: [(u32, &str); 10] = [
        (0, "PRESENT"),
        (1, "RW"),
        (2, "USER"),
        (3, "PWT"),
        (4, "PCD"),
        (5, "ACCESSED"),
        (6, "DIRTY"),
        (7, "PSE"),
        (8, "GLOBAL"),
        (63, "NX"),
    ];
    NAMES.iter().filter(|(bit, _)| entry >> bit & 1 == 1).map(|(_, n)| *n).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn entry_flags() {
        assert_eq!(super::flags(0x8000_0000_0000_0163).join("|"), "PRESENT|RW|ACCESSED|DIRTY|GLOBAL|NX");
    }
}

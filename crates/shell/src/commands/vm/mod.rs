//! `vm`: what a process has mapped.

pub mod area_row;
mod translate;

use necropsy_base::VirtAddr;
use necropsy_kernel::mm;
use necropsy_kernel::tasks::Task;
use necropsy_kernel::vma::{self, Area, Space};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use area_row::AreaRow;

use super::header::{each_task, of_task};
use super::structs::show_whole;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Vm;

impl Command for Vm {
    fn name(&self) -> &'static str {
        "vm"
    }
    fn synopsis(&self) -> &'static str {
        "[-p | -m | -v | -R reference | -P vma] [-M mm] [-x | -d] [pid | task | comm] ... | -f flags"
    }
    fn about(&self) -> &'static str {
        "what a process has mapped"
    }
    fn help(&self) -> &'static str {
        "Without arguments: of the selected task. Its address space, and each mapping with its flags and file.\n\
         -p   every page of every mapping: where it is, in memory, in a file, in swap\n\
         -P   the same of one mapping, named by its vm_area_struct\n\
         -m   the mm_struct\n\
         -v   the vm_area_struct of every mapping\n\
         -R   only mappings that hold this address, are at it, or whose file's path has this text\n\
         -M   the mm_struct to use: that of a task which is about to exit is no longer in its task_struct\n\
         -f   what flags of a mapping mean, a number in hexadecimal\n\
         -x   numbers in hexadecimal; -d in decimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "vm 1", what: "mappings of the first process" },
            Example { line: "vm -f 8100073", what: "what flags mean" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "pmvxd", values: "RPMf", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Flags, SpaceRow, area_row::AreaRow, translate::Row, super::structs::Object]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(flags) = args.value('f') {
            return flag_names(flags, out);
        }
        each_task(cx, args, show, out)
    }
}

#[derive(Serialize, JsonSchema)]
struct Flags {
    flags: Hex,
    names: Vec<&'static str>,
}

fn flag_names(text: &str, out: &mut dyn Sink) -> Result<(), CommandError> {
    let flags = number::address(text);
    let flags = flags.ok_or_else(|| CommandError::Usage(format!("{text} is no hexadecimal number")))?;
    let row = Flags { flags: Hex(flags), names: vma::flag_names(flags) };
    Ok(out.row(&row, |r| format!("{:x}: ({})", r.flags.0, r.names.join("|")))?)
}

#[derive(Serialize, JsonSchema)]
struct SpaceRow {
    pid: i32,
    mm: Hex,
    pgd: Hex,
    resident: u64,
    mapped: u64,
}

impl SpaceRow {
    fn text(&self) -> String {
        let size = |bytes: u64| format!("{}k", bytes >> 10);
        format!("{:^16x}  {:^16x}  {:<7} {}", self.mm.0, self.pgd.0, size(self.resident), size(self.mapped))
    }
}

/// Shows one task; `foreach vm` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let mm = match args.value('M') {
        Some(word) => cx.address(word)?,
        None => task.mm,
    };
    let task = Task { mm, ..task.clone() };
    out.heading(&of_task(&task, cx.tasks()?.cpu_of(&task)))?;
    if args.has('m') && !mm.is_null() {
        return structure(cx, "mm_struct", mm, args, out);
    }
    let space = if mm.is_null() { None } else { Some(vma::space(&cx.target, mm)?) };
    let areas = match &space {
        Some(space) => vma::areas(&cx.target, space)?,
        None => Default::default(),
    };
    if let Some(problem) = &areas.problem {
        out.note(&format!("mappings of task {}: {problem}", task.pid));
    }
    let areas = chosen(cx, areas.items, args)?;
    if args.has('v') {
        return areas.iter().try_for_each(|a| structure(cx, "vm_area_struct", a.at, args, out));
    }
    about(cx, &task, space.as_ref(), out)?;
    let by_page = args.has('p') || args.value('P').is_some();
    if !by_page && !areas.is_empty() {
        out.heading(AreaRow::HEADING)?;
    }
    for area in &areas {
        if by_page {
            out.heading(AreaRow::HEADING)?;
        }
        let row = AreaRow::of(cx, area);
        out.row(&row, AreaRow::text)?;
        if by_page {
            translate::show(cx, &task, area, row.file.as_deref(), out)?;
        }
    }
    Ok(())
}

fn about(cx: &Context, task: &Task, space: Option<&Space>, out: &mut dyn Sink) -> Result<(), CommandError> {
    let used = mm::usage(&cx.target, task).unwrap_or_else(|e| {
        out.note(&format!("memory of task {}: {e}", task.pid));
        mm::Usage::default()
    });
    let mapped = space.map_or(0, |s| s.total_vm.saturating_mul(cx.target.page_size()));
    let pgd = Hex(space.map_or(0, |s| s.pgd.0));
    let row = SpaceRow { pid: task.pid, mm: Hex(task.mm.0), pgd, resident: used.resident_bytes, mapped };
    out.heading("       MM               PGD          RSS    TOTAL_VM")?;
    Ok(out.row(&row, SpaceRow::text)?)
}

/// The mappings that the options want.
fn chosen(cx: &Context, areas: Vec<Area>, args: &Args) -> Result<Vec<Area>, CommandError> {
    if let Some(word) = args.value('P') {
        let at = cx.address(word)?;
        let one: Vec<Area> = areas.into_iter().filter(|a| a.at == at).collect();
        let missing = || CommandError::Failed(format!("{:x} is no mapping of this task", at.0));
        return if one.is_empty() { Err(missing()) } else { Ok(one) };
    }
    let Some(text) = args.value('R') else { return Ok(areas) };
    let value = number::address(text).map(VirtAddr);
    let by_value = |a: &Area| value.is_some_and(|v| a.at == v || a.file == v || a.start <= v && v < a.end);
    let by_path = |a: &Area| AreaRow::of(cx, a).file.is_some_and(|path| path.contains(text));
    Ok(areas.into_iter().filter(|a| by_value(a) || by_path(a)).collect())
}

fn structure(
    cx: &Context,
    name: &str,
    at: VirtAddr,
    args: &Args,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let ty = cx.target.type_named(&format!("struct {name}"));
    let ty = ty.ok_or_else(|| CommandError::Failed(format!("this kernel's types have no struct {name}")))?;
    show_whole(cx, &ty, at, cx.hex(args), out)
}

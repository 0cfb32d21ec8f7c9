//! ELF core files: /proc/vmcore, `makedumpfile -E`, QEMU's dump-guest-memory, /proc/kcore.

mod header;
mod map;
mod memory;

use std::sync::Arc;

use necropsy_base::FileOff;

use super::{Format, Part};
use crate::notes::Notes;
use crate::{DumpMeta, Machine, OpenError, Segment, Source, scan};
use header::{Header, Program};
use map::Map;
use memory::{ElfPhysical, ElfVirtual};

/// Notes of 65,536 CPUs with their QEMU states take about 50 MB.
const MAX_NOTES: u64 = 64 << 20;
/// `e_flags` of a file that makedumpfile could not finish (`makedumpfile -E`).
const INCOMPLETE: u32 = 1;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const ET_CORE: u16 = 4;

/// ELF core files of kernels.
pub(crate) struct Elf;

impl Format for Elf {
    fn name(&self) -> &'static str {
        "ELF"
    }

    fn probe(&self, head: &[u8]) -> bool {
        head.starts_with(b"\x7fELF")
    }

    fn open(&self, parts: &[Part]) -> Result<Source, OpenError> {
        let part = super::single(parts)?;
        let header = Header::read(part)?;
        if header.kind != ET_CORE {
            let what = "an ELF program, library or vmlinux (no core file)";
            return Err(OpenError::Unknown { name: part.name.clone(), looks_like: what.into() });
        }
        let programs = header.programs(part)?;
        let mut meta = describe(&header, &programs.list, part);
        if programs.cut {
            meta.incomplete("the table of program headers is cut short");
        }
        let loads: Vec<Program> = programs.list.into_iter().filter(|p| p.kind == PT_LOAD).collect();
        if loads.is_empty() {
            return Err(OpenError::damaged(&part.name, "the ELF core has no memory (no PT_LOAD)"));
        }
        check_length(&loads, part, &mut meta);
        Ok(source(&loads, part, meta))
    }
}

fn describe(header: &Header, programs: &[Program], part: &Part) -> DumpMeta {
    let mut meta = DumpMeta::new("ELF", header.abi, 4096);
    meta.machine = Some(Machine::from_elf(header.machine));
    if header.flags & INCOMPLETE != 0 {
        meta.incomplete("makedumpfile ran out of space: the dump is marked incomplete");
    }
    let mut notes = Notes::default();
    for program in programs.iter().filter(|p| p.kind == PT_NOTE) {
        read_notes(program, part, &mut notes, &mut meta);
    }
    if notes.cut {
        meta.notes.push("the last ELF note is cut short".into());
    }
    meta.cpus = notes.cpus;
    meta.devices = notes.devices;
    meta.vmcoreinfo = notes.vmcoreinfo;
    meta.segments = programs.iter().filter(|p| p.kind == PT_LOAD).map(Program::segment).collect();
    meta
}

fn read_notes(program: &Program, part: &Part, notes: &mut Notes, meta: &mut DumpMeta) {
    let left = part.store.len().saturating_sub(program.offset);
    let size = program.filesz.min(left).min(MAX_NOTES);
    if size < program.filesz {
        meta.incomplete(format!(
            "only {size:#x} of {:#x} bytes of ELF notes are in the file",
            program.filesz
        ));
    }
    let mut data = vec![0; size as usize];
    match part.store.read_at(FileOff(program.offset), &mut data) {
        Ok(()) => notes.parse(&data, meta.abi),
        Err(e) if size > 0 => meta.incomplete(format!("the ELF notes cannot be read: {e}")),
        Err(_) => {}
    }
}

fn check_length(loads: &[Program], part: &Part, meta: &mut DumpMeta) {
    let need = loads.iter().map(|p| p.offset.saturating_add(p.filesz)).max().unwrap_or(0);
    let len = part.store.len();
    if need > len {
        meta.incomplete(format!(
            "{} is cut short: memory reaches to {need:#x}, the file ends at {len:#x}",
            part.name
        ));
    }
    if loads.iter().any(|p| p.filesz > p.memsz) {
        meta.notes.push("a segment has more bytes in the file than in memory; the surplus is ignored".into());
    }
}

/// Whether the file says where its segments lie in physical memory; some versions of /proc/kcore do not.
fn has_physical(loads: &[Program]) -> bool {
    let unknown = loads.iter().filter(|p| p.paddr == u64::MAX).count();
    let zero = loads.iter().filter(|p| p.paddr == 0).count();
    unknown < loads.len() && !(loads.len() > 1 && zero == loads.len())
}

fn source(loads: &[Program], part: &Part, mut meta: DumpMeta) -> Source {
    if !has_physical(loads) {
        meta.notes
            .push("the ELF segments have no physical addresses; memory is read by virtual address".into());
        let map = Map::new(loads.iter().map(|p| (p.vaddr, *p)), &part.store);
        let virtual_ = ElfVirtual::new(map, meta.abi);
        finish(&mut meta);
        return Source { physical: None, virtual_: Some(Arc::new(virtual_)), meta };
    }
    let known = loads.iter().filter(|p| p.paddr != u64::MAX);
    let memory = Arc::new(ElfPhysical::new(Map::new(known.map(|p| (p.paddr, *p)), &part.store)));
    // Segments may share bytes of the file, but not so often that a small file makes the scan endless.
    let claimed = loads.iter().map(|p| p.filesz.min(part.store.len())).fold(0, u64::saturating_add);
    if claimed / 4 <= part.store.len() {
        scan::fill_in(&mut meta, memory.as_ref());
    }
    finish(&mut meta);
    Source { physical: Some(memory), virtual_: None, meta }
}

fn finish(meta: &mut DumpMeta) {
    let Some(info) = &meta.vmcoreinfo else { return };
    meta.phys_base = info.number("phys_base");
    meta.page_size = info.page_size().unwrap_or(meta.page_size);
}

//! kdump-compressed, the format of makedumpfile, QEMU and, before them, diskdump.
//!
//! Header versions 0 to 6. Checked against real dumps: version 6, x86-64, one file, zlib, lzo and zstd. The rest
//! (other versions, byte orders and word sizes, split files, snappy) follows the documented layout only.

mod bitmap;
mod codec;
mod header;
mod layout;
mod memory;
mod part;

use std::sync::Arc;

use necropsy_base::FileOff;

use super::{Format, Part};
use crate::notes::Notes;
use crate::{DumpMeta, Machine, OpenError, Source, VmcoreInfo, scan};
use header::{Header, Span};
use memory::KdumpMemory;
use part::DumpPart;

/// Notes of 65,536 CPUs with their QEMU states take about 50 MB.
const MAX_NOTES: u64 = 64 << 20;
const MAX_VMCOREINFO: u64 = 1 << 20;

/// kdump-compressed files.
pub(crate) struct Kdump;

impl Format for Kdump {
    fn name(&self) -> &'static str {
        "kdump-compressed"
    }

    fn probe(&self, head: &[u8]) -> bool {
        head.starts_with(b"KDUMP   ") || head.starts_with(b"DISKDUMP")
    }

    fn open(&self, parts: &[Part]) -> Result<Source, OpenError> {
        let headers: Result<Vec<Header>, OpenError> = parts.iter().map(Header::read).collect();
        let headers = headers?;
        let (Some(first), Some(file)) = (headers.first(), parts.first()) else {
            return Err(OpenError::NoFiles);
        };
        for (header, part) in headers.iter().zip(parts) {
            first.same_dump(header, &part.name)?;
        }
        let mut meta = describe(first, file);
        for header in &headers {
            remark(header, &mut meta);
        }
        let opened = open_parts(&headers, parts, &mut meta)?;
        let memory = Arc::new(KdumpMemory::new(opened, first));
        finish(&mut meta, &memory);
        Ok(Source { physical: Some(memory), virtual_: None, meta })
    }
}

/// What the header, the sub header and the notes say.
fn describe(header: &Header, part: &Part) -> DumpMeta {
    let format = format!("{} ({})", header.name(), codec::name(header.status));
    let mut meta = DumpMeta::new(format, header.abi, header.block_size);
    meta.machine = Machine::from_uts(&header.uts.machine);
    meta.uts = Some(header.uts.clone());
    meta.timestamp = (header.time.0 != 0).then_some(header.time);
    meta.phys_base = Some(header.sub.phys_base);
    meta.dump_level = header.sub.dump_level;
    read_notes(header, part, &mut meta);
    meta
}

fn read_notes(header: &Header, part: &Part, meta: &mut DumpMeta) {
    let mut notes = Notes::default();
    if let Some(data) = read_span(part, header.sub.notes, MAX_NOTES, "CPU notes", meta) {
        notes.parse(&data, header.abi);
    }
    if notes.cut {
        meta.notes.push("the last CPU note is cut short".into());
    }
    meta.cpus = notes.cpus;
    meta.devices = notes.devices;
    let text = read_span(part, header.sub.vmcoreinfo, MAX_VMCOREINFO, "VMCOREINFO", meta);
    let own = text.map(|t| VmcoreInfo::from_text(&t)).filter(|i| !i.text().is_empty());
    let differs =
        |own: &VmcoreInfo| notes.vmcoreinfo.as_ref().is_some_and(|noted| noted.text() != own.text());
    if own.as_ref().is_some_and(differs) {
        meta.notes
            .push("VMCOREINFO in the sub header and in the notes differ; the sub header's is used".into());
    }
    meta.vmcoreinfo = own.or(notes.vmcoreinfo);
}

/// The bytes of a part of the sub header; what cannot be read costs a note, not the dump.
fn read_span(part: &Part, span: Span, max: u64, what: &str, meta: &mut DumpMeta) -> Option<Vec<u8>> {
    if span.size == 0 || span.offset == 0 {
        return None;
    }
    let inside = span.offset.checked_add(span.size).is_some_and(|end| end <= part.store.len());
    if !inside || span.size > max {
        let place = format!("{:#x} bytes at {:#x}", span.size, span.offset);
        meta.incomplete(format!("the {what} cannot be read: {place} are not in the file"));
        return None;
    }
    let mut data = vec![0; span.size as usize];
    match part.store.read_at(FileOff(span.offset), &mut data) {
        Ok(()) => Some(data),
        Err(e) => {
            meta.incomplete(format!("the {what} cannot be read: {e}"));
            None
        }
    }
}

/// What a user must know about this header.
fn remark(header: &Header, meta: &mut DumpMeta) {
    if header.status & codec::INCOMPLETE != 0 {
        meta.incomplete("makedumpfile ran out of space: the dump is marked incomplete");
    }
    if header.version > 6 {
        meta.notes.push(format!("header version {} is newer than 6, the newest known", header.version));
    }
    if header.sub.eraseinfo.size > 0 {
        meta.notes.push("makedumpfile erased some data from this dump (filter rules)".into());
    }
    if header.clamped {
        let what = "the bitmaps are smaller than the header's number of pages; the rest counts as no memory";
        meta.notes.push(what.into());
    }
}

fn open_parts(headers: &[Header], parts: &[Part], meta: &mut DumpMeta) -> Result<Vec<DumpPart>, OpenError> {
    let mut opened = Vec::new();
    for (header, part) in headers.iter().zip(parts) {
        let dump = DumpPart::open(header, part)?;
        if let Some(cut) = dump.cut() {
            meta.incomplete(format!("{} is cut short: {cut}", part.name));
        }
        opened.push(dump);
    }
    opened.sort_by_key(|p| p.pfns.start);
    check_cover(&opened, headers, parts, meta)?;
    Ok(opened)
}

/// The parts of a split dump must not overlap; a missing part costs a note.
fn check_cover(
    opened: &[DumpPart],
    headers: &[Header],
    parts: &[Part],
    meta: &mut DumpMeta,
) -> Result<(), OpenError> {
    let mut next = 0;
    for part in opened {
        if part.pfns.start < next {
            let name = parts.last().map(|p| p.name.clone()).unwrap_or_default();
            return Err(OpenError::Parts { name, what: "two files hold the same pages".into() });
        }
        missing(next..part.pfns.start, meta);
        next = part.pfns.end;
    }
    let all = headers.iter().map(|h| h.max_mapnr).max().unwrap_or(0);
    missing(next..all, meta);
    Ok(())
}

fn missing(pfns: std::ops::Range<u64>, meta: &mut DumpMeta) {
    if !pfns.is_empty() {
        let (start, end) = (pfns.start, pfns.end);
        meta.incomplete(format!("split dump: the part with page frames {start:#x} to {end:#x} is missing"));
    }
}

fn finish(meta: &mut DumpMeta, memory: &Arc<KdumpMemory>) {
    scan::fill_in(meta, memory.as_ref());
    let stated = meta.vmcoreinfo.as_ref().and_then(VmcoreInfo::page_size);
    if let Some(stated) = stated.filter(|s| *s != meta.page_size) {
        meta.notes.push(format!("VMCOREINFO says pages of {stated} bytes, the dump has {}", meta.page_size));
    }
}

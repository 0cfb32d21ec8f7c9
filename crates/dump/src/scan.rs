//! Finds VMCOREINFO in memory that has no note with it.
//!
//! The kernel keeps two copies (kernel/vmcore_info.c; both seen in 6.1): the bare text at the start of a page, and an ELF
//! note at the start of a page. So one comparison per page finds both.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use necropsy_base::{Abi, Endian, PhysAddr, PhysMem};

use crate::{DumpMeta, Machine, VmcoreInfo};

/// The smallest page of any Linux machine; larger pages begin at multiples of it too.
const PAGE: u64 = 4096;
/// Bytes read at once.
const STEP: u64 = 1 << 20;
/// The text has at most one page, which has at most 64 KiB.
const MAX_TEXT: u64 = 64 << 10;
/// Memory that holds more copies is not a kernel's.
const MAX_FOUND: usize = 64;
/// So many `SYMBOL(...)` keys tell VMCOREINFO from text that happens to begin like it.
const MIN_SYMBOLS: usize = 3;
const TEXT: &[u8] = b"OSRELEASE=";
const NOTE_NAME: &[u8] = b"VMCOREINFO\0";
/// Size of the note's header and padded name.
const NOTE_HEADER: usize = 24;

/// VMCOREINFO found in memory.
pub(crate) struct Found {
    pub(crate) info: VmcoreInfo,
    /// Byte order, if it was found as a note.
    pub(crate) endian: Option<Endian>,
}

impl Found {
    /// Byte order and pointer width as far as the text tells.
    pub(crate) fn abi(&self) -> Abi {
        let machine = Machine::from_vmcoreinfo(&self.info);
        let usual = if machine == Some(Machine::S390x) { Endian::Big } else { Endian::Little };
        Abi { endian: self.endian.unwrap_or(usual), word: self.info.word().unwrap_or(8) }
    }

    /// Better candidates compare greater: the crashed kernel's text has CRASHTIME, a capture kernel's has not.
    fn rank(&self) -> (bool, bool, usize) {
        (self.info.get("CRASHTIME").is_some(), !self.info.truncated(), self.info.iter().count())
    }
}

/// All VMCOREINFO texts in memory, the most credible first; equal ones are given once.
pub fn scan_vmcoreinfo(mem: &dyn PhysMem) -> Vec<VmcoreInfo> {
    scan(mem).into_iter().map(|f| f.info).collect()
}

/// Looks for VMCOREINFO if the file's headers have none.
pub(crate) fn fill_in(meta: &mut DumpMeta, mem: &dyn PhysMem) {
    if meta.vmcoreinfo.is_some() {
        return;
    }
    let found = scan(mem);
    if found.len() > 1 {
        meta.notes.push(format!("memory holds {} different VMCOREINFO texts; the best is used", found.len()));
    }
    match found.into_iter().next() {
        Some(best) => {
            meta.notes.push("no VMCOREINFO note; its text was found by a scan of memory".into());
            meta.vmcoreinfo = Some(best.info);
        }
        None => meta.notes.push("no VMCOREINFO in the headers or in memory".into()),
    }
}

/// All candidates, best first.
pub(crate) fn scan(mem: &dyn PhysMem) -> Vec<Found> {
    let next = Mutex::new(PhysAddr(0));
    let found = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(16);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work(mem, &next, &found));
        }
        work(mem, &next, &found);
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Threads finish in any order; the address makes the answer the same every time.
    found.sort_by_key(|(at, _)| *at);
    let mut found: Vec<Found> = found.into_iter().map(|(_, f)| f).collect();
    found.sort_by_key(|f| std::cmp::Reverse(f.rank()));
    unique(found)
}

/// One of each text; a note's byte order is kept.
fn unique(found: Vec<Found>) -> Vec<Found> {
    let mut out: Vec<Found> = Vec::new();
    for f in found {
        match out.iter_mut().find(|o| o.info == f.info) {
            Some(same) => same.endian = same.endian.or(f.endian),
            None => out.push(f),
        }
    }
    out
}

fn work(mem: &dyn PhysMem, next: &Mutex<PhysAddr>, found: &Mutex<Vec<(PhysAddr, Found)>>) {
    let mut buf = vec![0; STEP as usize];
    while let Some(range) = take(mem, next) {
        for at in hits(mem, range, &mut buf) {
            let Some(f) = candidate(mem, at) else { continue };
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            if found.len() >= MAX_FOUND {
                return;
            }
            found.push((at, f));
        }
    }
}

/// The next piece of memory nobody has looked at.
fn take(mem: &dyn PhysMem, next: &Mutex<PhysAddr>) -> Option<Range<PhysAddr>> {
    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
    let run = mem.present(*next)?;
    let start = run.start.0.max(next.0).checked_next_multiple_of(PAGE)?;
    let end = run.end.0.min(start.saturating_add(STEP));
    // Always further on, even if a run is shorter than a page.
    *next = PhysAddr(end.max(next.0.checked_add(PAGE)?));
    Some(PhysAddr(start)..PhysAddr(end.max(start)))
}

/// Pages that begin like VMCOREINFO.
fn hits(mem: &dyn PhysMem, range: Range<PhysAddr>, buf: &mut [u8]) -> Vec<PhysAddr> {
    let len = (range.end.0 - range.start.0) as usize;
    let buf = buf.get_mut(..len).unwrap_or_default();
    if mem.read(range.start, buf).is_err() {
        // One bad page must not hide the others.
        for (page, i) in buf.chunks_mut(PAGE as usize).zip(0..) {
            if mem.read(range.start.offset(i * PAGE), page).is_err() {
                page.fill(0);
            }
        }
    }
    let pages = buf.chunks(PAGE as usize).zip(0..);
    pages.filter(|(page, _)| begins(page)).map(|(_, i)| range.start.offset(i * PAGE)).collect()
}

fn begins(page: &[u8]) -> bool {
    page.starts_with(TEXT) || page.get(12..).is_some_and(|name| name.starts_with(NOTE_NAME))
}

/// VMCOREINFO at the page `at`, if it is one.
fn candidate(mem: &dyn PhysMem, at: PhysAddr) -> Option<Found> {
    let data = text_at(mem, at);
    let (endian, text) = match data.starts_with(TEXT) {
        true => (None, data.as_slice()),
        false => note(&data)?,
    };
    let info = VmcoreInfo::from_text(text);
    let symbols = info.iter().filter(|(key, _)| key.starts_with("SYMBOL(")).count();
    // The kernel's own format string is "OSRELEASE=%s".
    let format = info.text().lines().next().is_none_or(|line| line.contains('%'));
    (!format && symbols >= MIN_SYMBOLS).then_some(Found { info, endian })
}

/// What can be read from `at` on, up to the longest text.
fn text_at(mem: &dyn PhysMem, at: PhysAddr) -> Vec<u8> {
    let mut data = Vec::new();
    let mut page = [0; PAGE as usize];
    while (data.len() as u64) < MAX_TEXT && mem.read(at.offset(data.len() as u64), &mut page).is_ok() {
        data.extend_from_slice(&page);
        // Behind the header of a note, a NUL ends the text.
        if page.contains(&0) && data.len() > NOTE_HEADER && page.last() == Some(&0) {
            break;
        }
    }
    data
}

/// Byte order and text of the note that `data` begins with.
fn note(data: &[u8]) -> Option<(Option<Endian>, &[u8])> {
    let number = |endian, at| Abi { endian, word: 4 }.uint_at(data, at, 4);
    let named = |e: &Endian| number(*e, 0) == Some(NOTE_NAME.len() as u64);
    let endian = [Endian::Little, Endian::Big].into_iter().find(named)?;
    let size = number(endian, 4)?.min(MAX_TEXT) as usize;
    let text = data.get(NOTE_HEADER..data.len().min(NOTE_HEADER + size))?;
    text.starts_with(TEXT).then_some((Some(endian), text))
}

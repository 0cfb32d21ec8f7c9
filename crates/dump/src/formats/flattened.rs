//! Flattened dumps: what `makedumpfile -F` and QEMU write to a pipe, as records (offset, size, bytes).
//!
//! A header of 4,096 bytes, then records with big-endian 64-bit offset and size; offset -1 ends (documented
//! layout of `makedumpfile -F`, version 1). A later record overwrites an earlier one. The file is not
//! rearranged: an index serves reads of the file that it stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use necropsy_base::{Abi, FileOff, IoError, Store};

use super::elf::Elf;
use super::kdump::Kdump;
use super::{Format, Part};
use crate::{OpenError, Source, looks, open};

const SIGNATURE: &[u8] = b"makedumpfile\0\0\0\0";
const HEADER: u64 = 4096;
const RECORD: u64 = 16;
/// Records in one read while they are small.
const WINDOW: u64 = 64 << 10;
/// More records than makedumpfile writes for 64 TiB; each costs memory in the index.
const MAX_RECORDS: usize = 1 << 26;
/// Bytes no record wrote, per byte written: a cut file lacks at most its page descriptors, 24 bytes for each 2 bits of
/// the bitmaps. Larger gaps come from damaged offsets and would let a small file claim endless memory.
const MAX_GAP: u64 = 128;
/// Gaps any file may have.
const FREE_GAP: u64 = 64 << 20;

/// Flattened files of any other format.
pub(crate) struct Flattened;

impl Format for Flattened {
    fn name(&self) -> &'static str {
        "flattened"
    }

    fn probe(&self, head: &[u8]) -> bool {
        head.starts_with(SIGNATURE)
    }

    fn open(&self, parts: &[Part]) -> Result<Source, OpenError> {
        let mut cuts = Vec::new();
        let mut inner = Vec::new();
        for part in parts {
            let store = Rearranged::index(part)?;
            cuts.extend(store.cut.as_ref().map(|why| format!("{}: {why}", part.name)));
            inner.push(Part { store: Arc::new(store), name: part.name.clone() });
        }
        let mut source = format_of(&inner)?.open(&inner)?;
        source.meta.format.insert_str(0, "flattened ");
        cuts.into_iter().for_each(|cut| source.meta.incomplete(cut));
        Ok(source)
    }
}

/// What all parts are, once rearranged. Only formats with a signature: nobody flattens raw memory or twice.
fn format_of(parts: &[Part]) -> Result<&'static dyn Format, OpenError> {
    const KNOWN: [&dyn Format; 2] = [&Kdump, &Elf];
    let mut format = None;
    for part in parts {
        let head = open::head(part)?;
        let inside = || OpenError::damaged(&part.name, format!("it holds {}, flattened", looks::like(&head)));
        let found = KNOWN.iter().position(|f| f.probe(&head)).ok_or_else(inside)?;
        if format.is_some_and(|f| f != found) {
            let what = "their formats differ once rearranged".into();
            return Err(OpenError::Parts { name: part.name.clone(), what });
        }
        format = Some(found);
    }
    format.and_then(|f| KNOWN.get(f).copied()).ok_or(OpenError::NoFiles)
}

/// Bytes of the rearranged file and where they are in the flattened one.
struct Extent {
    start: u64,
    len: u64,
    source: u64,
}

/// The file that a flattened one stands for.
struct Rearranged {
    store: Arc<dyn Store>,
    /// In order, not overlapping.
    extents: Vec<Extent>,
    len: u64,
    /// Why the file does not end as it should.
    cut: Option<String>,
}

impl Rearranged {
    /// Reads all record headers once.
    fn index(part: &Part) -> Result<Self, OpenError> {
        let mut records = Records { store: part.store.as_ref(), at: HEADER, window: Vec::new(), start: 0 };
        let mut map = Map::default();
        let cut = loop {
            match records.next() {
                Next::Record { offset, len, source } => map.put(offset, len, source),
                Next::End => break None,
                Next::Cut(why) => break Some(why),
            }
            if map.0.len() > MAX_RECORDS {
                return Err(OpenError::damaged(&part.name, "it has too many records"));
            }
        };
        let extents: Vec<Extent> =
            map.0.into_iter().map(|(start, (len, source))| Extent { start, len, source }).collect();
        let len = extents.last().map_or(0, |e| e.start + e.len);
        let written: u64 = extents.iter().map(|e| e.len).sum();
        if len - written > written.saturating_mul(MAX_GAP).saturating_add(FREE_GAP) {
            let what = format!("its records hold {written:#x} bytes of a file of {len:#x}");
            return Err(OpenError::damaged(&part.name, what));
        }
        Ok(Rearranged { store: part.store.clone(), extents, len, cut })
    }

    /// Fills as much of `buf` as one extent or gap has; tells how much.
    fn step(&self, at: u64, buf: &mut [u8]) -> Result<usize, IoError> {
        let next = self.extents.partition_point(|e| e.start + e.len <= at);
        let end = IoError::End { at, len: self.len };
        let extent = self.extents.get(next).ok_or(end)?;
        let limit = |n: u64| n.min(buf.len() as u64) as usize;
        if extent.start > at {
            let n = limit(extent.start - at);
            return self.gap(at, buf.get_mut(..n).unwrap_or_default()).map(|()| n);
        }
        let n = limit(extent.start + extent.len - at);
        let source = FileOff(extent.source + (at - extent.start));
        self.store.read_at(source, buf.get_mut(..n).unwrap_or_default())?;
        Ok(n)
    }

    /// A gap is zeros, as in a file with a hole; but if records are missing, it may be one of them.
    fn gap(&self, at: u64, buf: &mut [u8]) -> Result<(), IoError> {
        if self.cut.is_some() {
            return Err(IoError::End { at, len: at });
        }
        buf.fill(0);
        Ok(())
    }
}

impl Store for Rearranged {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError> {
        let end = off.0.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(IoError::End { at: off.0, len: self.len });
        }
        let mut done = 0;
        while done < buf.len() {
            done += self.step(off.0 + done as u64, buf.get_mut(done..).unwrap_or_default())?;
        }
        Ok(())
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// Extents by where they begin: length and place in the flattened file.
#[derive(Default)]
struct Map(BTreeMap<u64, (u64, u64)>);

impl Map {
    /// Adds a record; what it covers of earlier ones is forgotten.
    fn put(&mut self, start: u64, len: u64, source: u64) {
        let end = start + len;
        while let Some((s, (l, from))) = self.0.range(..end).next_back().map(|(s, e)| (*s, *e)) {
            if s + l <= start {
                break;
            }
            self.0.remove(&s);
            if s < start {
                self.0.insert(s, (start - s, from));
            }
            if s + l > end {
                self.0.insert(end, (s + l - end, from + (end - s)));
            }
        }
        self.0.insert(start, (len, source));
    }
}

enum Next {
    Record { offset: u64, len: u64, source: u64 },
    End,
    Cut(String),
}

/// Walks the record headers.
struct Records<'a> {
    store: &'a dyn Store,
    at: u64,
    /// Bytes of the file from `start` on: many small records in one read.
    window: Vec<u8>,
    start: u64,
}

impl Records<'_> {
    fn next(&mut self) -> Next {
        let Some((offset, len)) = self.header() else {
            return Next::Cut("the flattened file is cut short: its end record is missing".into());
        };
        if offset == -1 {
            return Next::End;
        }
        // Offsets of real files leave room for sums.
        if !(0..1 << 60).contains(&offset) || !(1..1 << 60).contains(&len) {
            return Next::Cut(format!(
                "damaged record at {:#x} of the flattened file; the rest is lost",
                self.at
            ));
        }
        let source = self.at + RECORD;
        let left = self.store.len().saturating_sub(source);
        if left == 0 {
            return Next::Cut("the flattened file is cut short in a record".into());
        }
        let len = (len as u64).min(left);
        self.at = source + len;
        Next::Record { offset: offset as u64, len, source }
    }

    /// The next record's offset and size.
    fn header(&mut self) -> Option<(i64, i64)> {
        let within = |w: &Self| usize::try_from(w.at.checked_sub(w.start)?).ok();
        let cached =
            within(self).is_some_and(|from| self.window.len() >= from.saturating_add(RECORD as usize));
        if !cached {
            self.refill()?;
        }
        let from = within(self)?;
        let number = |at| self.window.get(at..at + 8).map(|b| Abi::BE64.int(b));
        Some((number(from)?, number(from + 8)?))
    }

    fn refill(&mut self) -> Option<()> {
        // Behind a large record the next is likely large too: read its header alone.
        let near = self.at.saturating_sub(self.start) < 2 * WINDOW;
        let want = if near { WINDOW } else { RECORD };
        let len = self.store.len().checked_sub(self.at)?.min(want);
        self.window.resize(len as usize, 0);
        self.start = self.at;
        self.store.read_at(FileOff(self.at), &mut self.window).ok()
    }
}

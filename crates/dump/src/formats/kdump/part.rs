//! One file of a dump: bitmaps and page descriptors.

use std::ops::Range;
use std::sync::Arc;

use necropsy_base::{Abi, FileOff, IoError, Store, Why};

use super::bitmap::{Bitmap, Ranked};
use super::header::Header;
use crate::chunks::Chunks;
use crate::{OpenError, Part};

/// Bytes of `struct page_desc`: offset u64, size u32, flags u32, page flags u64.
const DESC: u64 = 24;
/// Descriptors are read in pieces of this size.
const PIECE: u64 = 16 << 10;
const PIECES: usize = 256;

/// Where a page's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Desc {
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) flags: u32,
}

impl Desc {
    /// Where the page's bytes end.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.size))
    }
}

/// One file of a dump.
pub(super) struct DumpPart {
    pub(super) store: Arc<dyn Store>,
    /// Page frames this file is for.
    pub(super) pfns: Range<u64>,
    pub(super) ram: Bitmap,
    dumped: Ranked,
    descs: Chunks,
    descs_at: u64,
    /// Set bits before this file's first page frame: its descriptors begin there.
    first: u64,
    level: u32,
    block_size: u64,
    abi: Abi,
}

impl DumpPart {
    /// Reads the bitmap of dumped pages.
    pub(super) fn open(header: &Header, part: &Part) -> Result<Self, OpenError> {
        let (ram, dumped) = header.bitmaps();
        let failed = |e| OpenError::reading(&part.name, "page bitmap", e, header.data_offset());
        let ranked = Ranked::load(&part.store, dumped, header.max_mapnr).map_err(failed)?;
        let pfns = match header.sub.split {
            Some((start, end)) => start.min(header.max_mapnr)..end.min(header.max_mapnr),
            None => 0..header.max_mapnr,
        };
        Ok(DumpPart {
            store: part.store.clone(),
            first: ranked.rank(pfns.start).map_err(failed)?,
            pfns,
            ram: Bitmap::on_demand(&part.store, ram, header.max_mapnr),
            dumped: ranked,
            descs: Chunks::new(part.store.clone(), PIECE, PIECES),
            descs_at: header.data_offset(),
            level: header.sub.dump_level.unwrap_or(0),
            block_size: header.block_size,
            abi: header.abi,
        })
    }

    /// Where the page `pfn` (in `pfns`) is, or why it is not there.
    pub(super) fn locate(&self, pfn: u64) -> Result<Desc, Why> {
        let (dumped, rank) = self.dumped.look(pfn).map_err(|e| why(&e))?;
        if !dumped {
            let ram = self.ram.get(pfn).map_err(|e| why(&e))?;
            return Err(if ram { Why::Filtered(self.level) } else { Why::Hole });
        }
        self.checked(rank.saturating_sub(self.first))
    }

    /// Where the dumped pages `run` are; they follow each other in the table.
    pub(super) fn locate_run(&self, run: Range<u64>) -> impl Iterator<Item = (u64, Result<Desc, Why>)> + '_ {
        let rank = self.dumped.rank(run.start).map_err(|e| why(&e));
        let first = rank.map(|rank| rank.saturating_sub(self.first));
        run.clone().map(move |pfn| (pfn, first.and_then(|first| self.checked(first + (pfn - run.start)))))
    }

    /// Descriptor number `index`, if it makes sense.
    fn checked(&self, index: u64) -> Result<Desc, Why> {
        match self.desc(index).map_err(|e| why(&e))? {
            // makedumpfile zeroes descriptors it had no room for.
            Desc { offset: 0, .. } => Err(Why::Lost),
            d if d.end() > self.store.len() => Err(Why::Lost),
            d if u64::from(d.size) > self.block_size || d.size == 0 => Err(Why::Corrupt),
            d => Ok(d),
        }
    }

    /// Descriptor number `index`; there are at most as many as bits, so nothing overflows.
    fn desc(&self, index: u64) -> Result<Desc, IoError> {
        let mut raw = [0; DESC as usize];
        self.descs.read(self.descs_at + index * DESC, &mut raw)?;
        let num = |at, size| self.abi.uint_at(&raw, at, size).unwrap_or(0);
        Ok(Desc { offset: num(0, 8), size: num(8, 4) as u32, flags: num(12, 4) as u32 })
    }

    /// The first run of dumped pages at or after `from`.
    pub(super) fn run(&self, from: u64) -> Option<Range<u64>> {
        let run = self.dumped.run(from.max(self.pfns.start))?;
        let run = run.start..run.end.min(self.pfns.end);
        (!run.is_empty()).then_some(run)
    }

    /// What is missing at the end of the file; pages are written in order, so the last descriptors tell.
    pub(super) fn cut(&self) -> Option<String> {
        let end = self.dumped.rank(self.pfns.end).ok()?;
        let count = end.saturating_sub(self.first);
        let len = self.store.len();
        let table = self.descs_at.saturating_add(count * DESC);
        if table > len {
            let lost = (table - len).div_ceil(DESC);
            return Some(format!("{lost} of {count} page descriptors are missing"));
        }
        let last = (count.saturating_sub(512)..count).filter_map(|i| self.desc(i).ok());
        let need = last.map(|d| d.end()).max().unwrap_or(0);
        (need > len).then(|| format!("pages reach to {need:#x}, the file ends at {len:#x}"))
    }

    /// Fills `buf` from the file.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), Why> {
        self.store.read_at(FileOff(offset), buf).map_err(|e| why(&e))
    }
}

/// The reason behind a failed read of the file.
fn why(error: &IoError) -> Why {
    match error {
        IoError::End { .. } => Why::Lost,
        IoError::Os(_) => Why::Io,
    }
}

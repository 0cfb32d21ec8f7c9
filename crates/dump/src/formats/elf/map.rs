//! Which bytes of the file hold which addresses.

use std::ops::Range;
use std::sync::Arc;

use necropsy_base::{IoError, PhysAddr, RangeSet, Store, Why};

use super::header::Program;
use crate::chunks::Chunks;

const PIECE: u64 = 16 << 10;
const PIECES: usize = 512;

/// Addresses whose bytes are in the file.
struct Extent {
    start: u64,
    end: u64,
    offset: u64,
}

/// A memory made of segments.
pub(super) struct Map {
    file: Chunks,
    /// In order, not overlapping.
    extents: Vec<Extent>,
    /// All addresses of the segments, in the file or not; of any kind of address.
    pub(super) all: RangeSet<PhysAddr>,
}

impl Map {
    /// The segments at the addresses they are given with.
    ///
    /// Segments overlap in real dumps: /proc/vmcore shows the kernel's text a second time. The copies are equal, so
    /// any of them serves; bytes in the file win over a hole.
    pub(super) fn new(segments: impl Iterator<Item = (u64, Program)>, store: &Arc<dyn Store>) -> Self {
        let mut all = Vec::new();
        let mut extents = Vec::new();
        for (start, program) in segments {
            let size = program.filesz.min(program.memsz);
            all.push(PhysAddr(start)..PhysAddr(start.saturating_add(program.memsz)));
            extents.push(Extent { start, end: start.saturating_add(size), offset: program.offset });
        }
        // Sorted input makes every insertion an append.
        all.sort_by_key(|r| r.start);
        extents.sort_by_key(|e| e.start);
        let file = Chunks::new(store.clone(), PIECE, PIECES);
        Map { file, extents: disjoint(extents), all: all.into_iter().collect() }
    }

    /// Fills `buf` from `at` on, or tells the first address that fails.
    pub(super) fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), (u64, Why)> {
        let mut done = 0;
        while done < buf.len() {
            let here = at.checked_add(done as u64).ok_or((0, Why::Hole))?;
            let (offset, len) = self.locate(here).map_err(|why| (here, why))?;
            let n = len.min((buf.len() - done) as u64) as usize;
            self.read_file(here, offset, buf.get_mut(done..done + n).unwrap_or_default())?;
            done += n;
        }
        Ok(())
    }

    /// Where in the file `at` is, and how many bytes follow there.
    fn locate(&self, at: u64) -> Result<(u64, u64), Why> {
        let next = self.extents.partition_point(|e| e.end <= at);
        match self.extents.get(next).filter(|e| e.start <= at) {
            Some(e) => Ok((e.offset.checked_add(at - e.start).ok_or(Why::Lost)?, e.end - at)),
            None if self.all.contains(PhysAddr(at)) => Err(Why::ZeroOrFiltered),
            None => Err(Why::Hole),
        }
    }

    fn read_file(&self, at: u64, offset: u64, buf: &mut [u8]) -> Result<(), (u64, Why)> {
        self.file.read(offset, buf).map_err(|e| match e {
            // The first address behind the end of the file.
            IoError::End { len, .. } => (at.saturating_add(len.saturating_sub(offset)), Why::Lost),
            IoError::Os(_) => (at, Why::Io),
        })
    }

    /// The first run of addresses at or after `from` whose bytes are in the file.
    pub(super) fn present(&self, from: u64) -> Option<Range<u64>> {
        let next = self.extents.partition_point(|e| e.end <= from);
        self.extents.get(next..)?.iter().find_map(|e| {
            let left = self.file.len().saturating_sub(e.offset);
            let end = e.end.min(e.start.saturating_add(left));
            (end > e.start.max(from)).then(|| e.start.max(from)..end)
        })
    }
}

/// Cuts off what an earlier extent has already.
fn disjoint(sorted: Vec<Extent>) -> Vec<Extent> {
    let mut out: Vec<Extent> = Vec::with_capacity(sorted.len());
    let mut covered = 0;
    for e in sorted {
        let start = e.start.max(covered);
        if start >= e.end {
            continue;
        }
        let Some(offset) = e.offset.checked_add(start - e.start) else {
            continue;
        };
        out.push(Extent { start, end: e.end, offset });
        covered = e.end;
    }
    out
}

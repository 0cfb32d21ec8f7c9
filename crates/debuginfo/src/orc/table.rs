//! A table in memory: sorted places, and an entry for each.

use std::ops::Range;

use necropsy_base::{Memory, MemoryExt, ReadError, VirtAddr};

use super::layout::Shape;
use super::{OrcEntry, OrcError, OrcLayout, SpIndirect};

/// A kernel has 424,000 entries.
const MAX_ENTRIES: usize = 1 << 24;
/// The sample: so many pieces, spread evenly, of so many neighbours.
const PIECES: usize = 64;
const PIECE: usize = 16;

/// The ORC table of the kernel or of one module.
#[derive(Clone, Debug)]
pub struct OrcTable {
    ip: VirtAddr,
    entries: VirtAddr,
    count: usize,
    layout: OrcLayout,
    sp_indirect: SpIndirect,
}

impl OrcTable {
    /// The table with `count` places at `ip` (`__start_orc_unwind_ip`) and entries at `entries`
    /// (`__start_orc_unwind`). The layout is the one that `header_hash` names, or else the one a sample of entries
    /// shows; if they contradict each other or the places are not sorted, the notes say so.
    pub fn new(
        mem: &dyn Memory,
        ip: VirtAddr,
        entries: VirtAddr,
        count: usize,
        header_hash: Option<[u8; 20]>,
    ) -> Result<(OrcTable, Vec<String>), OrcError> {
        if count == 0 || count > MAX_ENTRIES {
            return Err(OrcError::Count(count as u64));
        }
        let (layout, sp_indirect) = (OrcLayout::V1, SpIndirect::default());
        let mut table = OrcTable { ip, entries, count, layout, sp_indirect };
        let (shape, sorted) = table.sample(mem)?;
        let mut notes = Vec::new();
        table.layout = choose(header_hash, shape, &mut notes);
        if !sorted {
            notes.push("ORC table is not sorted: stacks may end early".to_string());
        }
        Ok((table, notes))
    }

    /// The table with a layout known from elsewhere: a module's is that of its kernel. Nothing is read.
    pub fn with_layout(ip: VirtAddr, entries: VirtAddr, count: usize, layout: OrcLayout) -> OrcTable {
        let count = count.min(MAX_ENTRIES);
        OrcTable { ip, entries, count, layout, sp_indirect: SpIndirect::default() }
    }

    /// The same, with another rule for [`super::Base::SpIndirect`].
    pub fn with_sp_indirect(self, sp_indirect: SpIndirect) -> OrcTable {
        OrcTable { sp_indirect, ..self }
    }

    /// Layout of the entries.
    pub fn layout(&self) -> OrcLayout {
        self.layout
    }

    /// The rule for [`super::Base::SpIndirect`].
    pub fn sp_indirect(&self) -> SpIndirect {
        self.sp_indirect
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How to unwind from `pc`; `None` if it lies before the first entry. What lies behind the last entry gets the
    /// last entry: callers ask only for what lies in the text.
    ///
    /// For the return address of a call ask with the address of its last byte, `pc - 1`.
    pub fn lookup(&self, mem: &dyn Memory, pc: VirtAddr) -> Result<Option<OrcEntry>, ReadError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.place(mem, middle)? <= pc {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low.checked_sub(1).map(|last| self.entry(mem, last)).transpose()
    }

    /// The `i`th entry.
    pub fn entry(&self, mem: &dyn Memory, i: usize) -> Result<OrcEntry, ReadError> {
        let mut bytes = [0; 6];
        mem.read(self.entries.offset(6 * i as u64), &mut bytes)?;
        Ok(OrcEntry::decode(bytes, self.layout, mem.abi()))
    }

    /// Where the `i`th entry begins to apply: the table holds the distance from the number itself.
    pub fn place(&self, mem: &dyn Memory, i: usize) -> Result<VirtAddr, ReadError> {
        let at = self.ip.offset(4 * i as u64);
        Ok(at.moved(i64::from(mem.u32(at)? as i32)))
    }

    /// First and last place.
    pub fn range(&self, mem: &dyn Memory) -> Result<Range<VirtAddr>, ReadError> {
        Ok(self.place(mem, 0)?..self.place(mem, self.count.saturating_sub(1))?)
    }

    /// What the entries look like, and whether the places seen are sorted. Pieces that cannot be read are left out,
    /// unless all are.
    fn sample(&self, mem: &dyn Memory) -> Result<(Shape, bool), ReadError> {
        let (mut shape, mut places, mut failed) = (Shape::default(), Vec::new(), None);
        let step = (self.count / PIECES).max(PIECE);
        for first in (0..self.count).step_by(step) {
            let n = PIECE.min(self.count - first);
            match self.piece(mem, first, n) {
                Ok((seen, at)) => {
                    shape.join(seen);
                    places.extend(at);
                }
                Err(e) => failed = Some(e),
            }
        }
        match failed {
            Some(e) if places.is_empty() => Err(e),
            _ => Ok((shape, places.is_sorted())),
        }
    }

    fn piece(&self, mem: &dyn Memory, first: usize, n: usize) -> Result<(Shape, Vec<VirtAddr>), ReadError> {
        let chunk = mem.bytes(self.entries.offset(6 * first as u64), 6 * n)?;
        let places = (first..first + n).map(|i| self.place(mem, i)).collect::<Result<_, _>>()?;
        Ok((Shape::of(&chunk, mem.abi()), places))
    }
}

fn choose(hash: Option<[u8; 20]>, shape: Shape, notes: &mut Vec<String>) -> OrcLayout {
    let Some(named) = hash.as_ref().and_then(OrcLayout::from_hash) else {
        if hash.is_some() {
            notes.push("ORC header names a layout this program does not know; guessed by the entries".into());
        }
        return shape.layout().unwrap_or(OrcLayout::V3);
    };
    let Some(seen) = shape.contradicts(named) else {
        return named;
    };
    notes.push(format!(
        "ORC header says layout {named:?}, the entries look like {seen:?}; took the header's word"
    ));
    named
}

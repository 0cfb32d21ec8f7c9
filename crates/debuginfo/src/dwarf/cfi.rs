//! Call frame information: `.debug_frame` and `.eh_frame`. From a place in the code to the rules that give the caller's
//! registers.
//!
//! The sections are searched once for where each function's entry is; the index holds places only, so that it can be kept beside a
//! mapped file. A damaged entry costs the functions it describes.

mod expression;
mod row;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use gimli::{
    BaseAddresses, CieOrFde, CommonInformationEntry, DebugFrame, EhFrame, EndianSlice, FrameDescriptionEntry,
    RunTimeEndian, UnwindContext, UnwindOffset, UnwindSection,
};
use necropsy_base::{Abi, Endian};

pub use row::{Cfa, CfiRow, Known, Rule};

type Bytes<'a> = EndianSlice<'a, RunTimeEndian>;
type Fde<'a> = FrameDescriptionEntry<Bytes<'a>>;

/// Why there is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CfiError {
    /// The entry is damaged.
    #[error("call frame information: {0}")]
    Damaged(String),
}

impl From<gimli::Error> for CfiError {
    fn from(e: gimli::Error) -> CfiError {
        CfiError::Damaged(e.to_string())
    }
}

/// The sections with call frame information of one file, relocated; any may be empty.
#[derive(Clone, Copy, Debug)]
pub struct CfiSections<'a> {
    /// Byte order and pointer width.
    pub abi: Abi,
    /// `.debug_frame`.
    pub debug_frame: &'a [u8],
    /// `.eh_frame`.
    pub eh_frame: &'a [u8],
    /// Address of `.eh_frame`: its entries are relative to where they are.
    pub eh_frame_address: u64,
}

/// Which section an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Debug,
    Eh,
}

/// The code that an entry describes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u64,
    end: u64,
    table: Table,
    offset: usize,
}

/// Where each function's entry is.
#[derive(Clone, Debug, Default)]
pub struct CfiIndex {
    entries: Vec<Entry>,
}

impl CfiIndex {
    /// Goes through the sections once.
    pub fn new(sections: &CfiSections<'_>) -> CfiIndex {
        let bases = sections.bases();
        let mut entries = Vec::new();
        collect(&sections.debug(), &bases, Table::Debug, &mut entries);
        collect(&sections.eh(), &bases, Table::Eh, &mut entries);
        // Of two entries for the same code that of `.debug_frame` counts: the sort keeps the order.
        entries.sort_by_key(|e| e.start);
        CfiIndex { entries }
    }

    /// The rules at `place`; `None` where no entry covers it.
    pub fn row(&self, sections: &CfiSections<'_>, place: u64) -> Result<Option<CfiRow>, CfiError> {
        let Some(entry) = self.entry(place) else { return Ok(None) };
        let bases = sections.bases();
        match entry.table {
            Table::Debug => row_at(&sections.debug(), &bases, entry.offset, place, sections.abi),
            Table::Eh => row_at(&sections.eh(), &bases, entry.offset, place, sections.abi),
        }
        .map(Some)
    }

    fn entry(&self, place: u64) -> Option<&Entry> {
        let after = self.entries.partition_point(|e| e.start <= place);
        let start = self.entries[..after].last()?.start;
        let first = self.entries[..after].partition_point(|e| e.start < start);
        self.entries[first..after].iter().find(|e| place < e.end)
    }
}

impl<'a> CfiSections<'a> {
    fn endian(&self) -> RunTimeEndian {
        match self.abi.endian {
            Endian::Little => RunTimeEndian::Little,
            Endian::Big => RunTimeEndian::Big,
        }
    }
    fn bases(&self) -> BaseAddresses {
        BaseAddresses::default().set_eh_frame(self.eh_frame_address)
    }
    fn debug(&self) -> DebugFrame<Bytes<'a>> {
        let mut section = DebugFrame::new(self.debug_frame, self.endian());
        section.set_address_size(self.abi.word);
        section
    }
    fn eh(&self) -> EhFrame<Bytes<'a>> {
        let mut section = EhFrame::new(self.eh_frame, self.endian());
        section.set_address_size(self.abi.word);
        section
    }
}

/// Adds where the entries of a section are. The first that cannot be read ends it: what follows has no known beginning.
fn collect<'a, S>(section: &S, bases: &BaseAddresses, table: Table, out: &mut Vec<Entry>)
where
    S: UnwindSection<Bytes<'a>>,
    S::Offset: UnwindOffset<usize>,
{
    let mut common: HashMap<usize, CommonInformationEntry<Bytes<'a>>> = HashMap::new();
    let mut entries = section.entries(bases);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else { continue };
        let parsed = partial.parse(|section, bases, at| {
            let key = UnwindOffset::into(at);
            if let Some(found) = common.get(&key) {
                return Ok(found.clone());
            }
            let found = section.cie_from_offset(bases, at)?;
            common.insert(key, found.clone());
            Ok(found)
        });
        // Entries at zero describe code that the linker dropped.
        if let Ok(fde) = parsed
            && fde.len() > 0
            && fde.initial_address() > 0
        {
            let (start, end) = (fde.initial_address(), fde.end_address());
            out.push(Entry { start, end, table, offset: fde.offset() });
        }
    }
}

fn row_at<'a, S>(
    section: &S,
    bases: &BaseAddresses,
    offset: usize,
    place: u64,
    abi: Abi,
) -> Result<CfiRow, CfiError>
where
    S: UnwindSection<Bytes<'a>>,
    S::Offset: UnwindOffset<usize>,
{
    let fde: Fde<'a> = section.fde_from_offset(bases, offset.into(), S::cie_from_offset)?;
    let mut context = UnwindContext::new();
    let found = fde.unwind_info_for_address(section, bases, &mut context, place)?;
    CfiRow::of(section, fde.cie(), found, abi)
}

//! Which unit describes an address, and opening one unit.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock, PoisonError};

use gimli::{DebugInfoOffset, UnitHeader};

use super::entries::text;
use super::{DebugFile, DwarfError, R};

/// Units of one file; the largest kernels have some 5,000.
const MAX_UNITS: usize = 1 << 20;
/// Ranges of one unit's code.
const MAX_RANGES: usize = 1 << 20;

/// Code of a unit.
struct Span {
    start: u64,
    end: u64,
    unit: usize,
}

/// Where each unit's code is: by `.debug_aranges`, and for units that are not listed there by their own ranges.
#[derive(Default)]
pub struct UnitMap {
    listed: Vec<Span>,
    in_list: HashSet<usize>,
    rest: OnceLock<Vec<Span>>,
    offsets: OnceLock<Vec<usize>>,
}

/// An opened unit.
pub(crate) struct Open<'a> {
    pub file: &'a DebugFile,
    pub dwarf: &'a gimli::Dwarf<R<'a>>,
    pub unit: &'a gimli::Unit<R<'a>>,
    /// The unit with the line table: of a split unit, the one that stayed behind.
    pub lines: &'a gimli::Unit<R<'a>>,
    /// The sections that the line table is in.
    pub lines_dwarf: &'a gimli::Dwarf<R<'a>>,
    /// The file of a split unit.
    pub split: Option<&'a Arc<DebugFile>>,
}

impl<'a> Open<'a> {
    /// A unit that is all in one file.
    pub fn whole(
        file: &'a DebugFile,
        dwarf: &'a gimli::Dwarf<R<'a>>,
        unit: &'a gimli::Unit<R<'a>>,
    ) -> Open<'a> {
        Open { file, dwarf, unit, lines: unit, lines_dwarf: dwarf, split: None }
    }

    /// The directory that the compiler ran in.
    pub fn comp_dir(&self) -> String {
        let own = self.lines.comp_dir.or(self.unit.comp_dir);
        own.map(text).unwrap_or_default()
    }
}

impl DebugFile {
    /// The unit that holds the code at `address`.
    pub(crate) fn unit_of(&self, address: u64) -> Option<usize> {
        let map = self.unit_map();
        find(&map.listed, address).or_else(|| {
            let rest = map.rest.get_or_init(|| self.unlisted(&map.in_list));
            find(rest, address)
        })
    }

    fn unit_map(&self) -> &UnitMap {
        self.units.get_or_init(|| {
            let mut map = UnitMap::default();
            let dwarf = self.dwarf();
            let mut headers = dwarf.debug_aranges.headers();
            while let Ok(Some(header)) = headers.next() {
                let unit = header.debug_info_offset().0;
                let mut entries = header.entries();
                while let Ok(Some(entry)) = entries.next() {
                    let range = entry.range();
                    if range.begin < range.end && map.listed.len() < MAX_RANGES {
                        map.listed.push(Span { start: range.begin, end: range.end, unit });
                        map.in_list.insert(unit);
                    }
                }
            }
            map.listed.sort_unstable_by_key(|s| (s.start, s.end));
            map
        })
    }

    /// Ranges of all units but those in `.debug_aranges`: clang leaves it out, and units of other languages may be missing.
    fn unlisted(&self, listed: &HashSet<usize>) -> Vec<Span> {
        let offsets: Vec<usize> =
            self.unit_offsets().iter().copied().filter(|unit| !listed.contains(unit)).collect();
        let spans: Vec<Vec<Span>> = super::names::in_parallel(&offsets, |unit| {
            self.in_skeleton(*unit, |dwarf, skeleton| {
                let open = Open::whole(self, dwarf, skeleton);
                let root = skeleton.entry(skeleton.header.root_offset())?;
                let ranges = open.ranges(&root, MAX_RANGES)?;
                Ok(ranges.into_iter().map(|r| Span { start: r.start, end: r.end, unit: *unit }).collect())
            })
            .unwrap_or_default()
        });
        let mut spans: Vec<Span> = spans.into_iter().flatten().collect();
        spans.sort_unstable_by_key(|s| (s.start, s.end));
        spans
    }

    /// Where each unit begins in `.debug_info`.
    pub(crate) fn unit_offsets(&self) -> &[usize] {
        self.unit_map().offsets.get_or_init(|| {
            let dwarf = self.dwarf();
            let mut headers = dwarf.units();
            let mut out = Vec::new();
            while let Ok(Some(header)) = headers.next() {
                let Some(offset) = header.debug_info_offset() else { continue };
                out.push(offset.0);
                if out.len() >= MAX_UNITS {
                    break;
                }
            }
            out
        })
    }

    /// The unit that holds an entry, by the entry's offset in `.debug_info`.
    pub(crate) fn unit_holding(&self, entry: usize) -> Option<usize> {
        let offsets = self.unit_offsets();
        offsets.get(offsets.partition_point(|unit| *unit <= entry).checked_sub(1)?).copied()
    }

    /// Abbreviations decoded once for all units that share them.
    pub(crate) fn abbreviations_of(
        &self,
        dwarf: &gimli::Dwarf<R<'_>>,
        header: &UnitHeader<R<'_>>,
    ) -> Result<Arc<gimli::Abbreviations>, DwarfError> {
        let key = header.debug_abbrev_offset().0;
        let known = || self.abbreviations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&key) {
            return Ok(found.clone());
        }
        let found = Arc::new(header.abbreviations(&dwarf.debug_abbrev)?);
        known().insert(key, found.clone());
        Ok(found)
    }

    /// Opens the unit as it is in this file.
    pub(crate) fn in_skeleton<T>(
        &self,
        offset: usize,
        f: impl FnOnce(&gimli::Dwarf<R<'_>>, &gimli::Unit<R<'_>>) -> Result<T, DwarfError>,
    ) -> Result<T, DwarfError> {
        let dwarf = self.dwarf();
        let header = dwarf.unit_header(DebugInfoOffset(offset))?;
        let abbreviations = self.abbreviations_of(&dwarf, &header)?;
        let unit = gimli::Unit::new_with_abbreviations(&dwarf, header, abbreviations)?;
        f(&dwarf, &unit)
    }

    /// Opens a unit; one that was split off, in its own file.
    pub(crate) fn in_unit<T>(
        &self,
        offset: usize,
        f: impl FnOnce(&Open<'_>) -> Result<T, DwarfError>,
    ) -> Result<T, DwarfError> {
        self.in_skeleton(offset, |dwarf, unit| {
            let name = match unit.dwo_id {
                Some(_) if !self.dwo => unit.dwo_name()?,
                _ => None,
            };
            let Some(name) = name else {
                return f(&Open::whole(self, dwarf, unit));
            };
            let name = dwarf.attr_string(unit, name).map(text)?;
            let comp_dir = unit.comp_dir.map(text).unwrap_or_default();
            let file = self.split_file(&name, &comp_dir).ok_or(DwarfError::Split(name))?;
            file.as_split_of(dwarf, unit, f)
        })
    }

    /// This file holds the split-off part of `skeleton`.
    fn as_split_of<T>(
        self: &Arc<Self>,
        parent: &gimli::Dwarf<R<'_>>,
        skeleton: &gimli::Unit<R<'_>>,
        f: impl FnOnce(&Open<'_>) -> Result<T, DwarfError>,
    ) -> Result<T, DwarfError> {
        let mut dwarf = self.own_dwarf();
        dwarf.make_dwo(parent);
        let mut headers = dwarf.units();
        while let Some(header) = headers.next()? {
            let mut unit = dwarf.unit(header)?;
            if unit.dwo_id != skeleton.dwo_id {
                continue;
            }
            unit.copy_relocated_attributes(skeleton);
            return f(&Open {
                file: self,
                dwarf: &dwarf,
                unit: &unit,
                lines: skeleton,
                lines_dwarf: parent,
                split: Some(self),
            });
        }
        Err(DwarfError::Split(format!("{}, which is of another build", self.path().display())))
    }
}

/// The span that holds `address`. Spans may overlap in damaged files; a few before the best are looked at.
fn find(spans: &[Span], address: u64) -> Option<usize> {
    let after = spans.partition_point(|s| s.start <= address);
    spans[..after].iter().rev().take(8).find(|s| address < s.end).map(|s| s.unit)
}

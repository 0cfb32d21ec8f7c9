//! Entries (DIEs): their names, where they refer to, how to pass over them.

use std::ops::Range;

use gimli::{AttributeValue, UnitOffset, constants as dw};

use super::units::Open;
use super::{DebugFile, DwarfError, R};

pub(crate) type Entry<'a> = gimli::DebuggingInformationEntry<R<'a>>;
type Value<'a> = AttributeValue<R<'a>>;

/// Entries that stand for others that stand for others; compilers make two such steps.
const MAX_ORIGINS: usize = 8;
/// Pieces that one function's code is in.
const MAX_RANGES: usize = 1 << 12;

/// Bytes of a section as text.
pub(crate) fn text(bytes: R<'_>) -> String {
    bytes.to_string_lossy().into_owned()
}

/// Where an attribute refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ref {
    /// An entry of the same unit.
    Unit(UnitOffset),
    /// An offset in `.debug_info`.
    Info(usize),
    /// An offset in the file of `dwz`.
    Alt(usize),
}

pub(crate) fn reference(value: &Value<'_>) -> Option<Ref> {
    Some(match value {
        AttributeValue::UnitRef(at) => Ref::Unit(*at),
        AttributeValue::DebugInfoRef(at) => Ref::Info(at.0),
        AttributeValue::DebugInfoRefSup(at) => Ref::Alt(at.0),
        _ => return None,
    })
}

/// The entry that `entry` is a copy or a part of.
fn origin(entry: &Entry<'_>) -> Option<Ref> {
    [dw::DW_AT_abstract_origin, dw::DW_AT_specification]
        .iter()
        .find_map(|at| reference(&entry.attr_value(*at)?))
}

/// Something asked of an entry, wherever it is.
pub(crate) type Ask<'f, T> = dyn for<'x> Fn(&Open<'x>, &Entry<'x>) -> Option<T> + 'f;
/// Something done with an entry, wherever it is.
pub(crate) type Act<'f, T> = dyn for<'x> FnMut(&Open<'x>, &Entry<'x>) -> Result<T, DwarfError> + 'f;

impl<'a> Open<'a> {
    /// The text of an attribute.
    pub fn string(&self, value: Value<'a>) -> Option<String> {
        self.dwarf.attr_string(self.unit, value).ok().map(text)
    }

    /// What `ask` finds in the entry, or in the ones that it is a copy of.
    pub fn along_origins<T>(&self, entry: &Entry<'a>, ask: &Ask<'_, T>) -> Option<T> {
        self.follow(entry, ask, MAX_ORIGINS)
    }

    fn follow<T>(&self, entry: &Entry<'a>, ask: &Ask<'_, T>, left: usize) -> Option<T> {
        if let Some(found) = ask(self, entry) {
            return Some(found);
        }
        let left = left.checked_sub(1)?;
        self.at(origin(entry)?, &mut |open, entry| Ok(open.follow(entry, ask, left))).ok().flatten()
    }

    /// Opens the entry that a reference means, in whatever unit it is.
    pub fn at<T>(&self, to: Ref, act: &mut Act<'_, T>) -> Result<T, DwarfError> {
        match to {
            Ref::Unit(at) => act(self, &self.unit.entry(at)?),
            Ref::Info(at) => match gimli::DebugInfoOffset(at).to_unit_offset(&self.unit.header) {
                Some(here) => act(self, &self.unit.entry(here)?),
                None => self.file.at_info(at, act),
            },
            Ref::Alt(at) => match &self.file.alt {
                Some(alt) => alt.at_info(at, act),
                None => Err(DwarfError::NoAlt),
            },
        }
    }

    /// The entry's name, or that of the entry it is a copy of.
    pub fn name(&self, entry: &Entry<'a>) -> Option<String> {
        self.along_origins(entry, &|open, entry| open.string(entry.attr_value(dw::DW_AT_name)?))
    }

    /// Whether the entry's code holds `address`; `None` if it says nothing about code.
    pub fn holds(&self, entry: &Entry<'a>, address: u64) -> Result<Option<bool>, DwarfError> {
        if !entry.has_attr(dw::DW_AT_low_pc) && !entry.has_attr(dw::DW_AT_ranges) {
            return Ok(None);
        }
        Ok(Some(self.ranges(entry, MAX_RANGES)?.iter().any(|r| r.contains(&address))))
    }

    /// Where the entry's code is. Written out because `gimli::Dwarf::die_ranges` (0.34) adds without a check.
    pub fn ranges(&self, entry: &Entry<'a>, max: usize) -> Result<Vec<Range<u64>>, DwarfError> {
        if let Some(ranges) = entry.attr_value(dw::DW_AT_ranges)
            && let Some(mut ranges) = self.dwarf.attr_ranges(self.unit, ranges)?
        {
            let mut out = Vec::new();
            while let Some(range) = ranges.next()?.filter(|_| out.len() < max) {
                out.push(range.begin..range.end);
            }
            return Ok(out);
        }
        let address = |value| Ok::<_, DwarfError>(self.dwarf.attr_address(self.unit, value)?);
        let Some(low) = entry.attr_value(dw::DW_AT_low_pc).map(address).transpose()?.flatten() else {
            return Ok(Vec::new());
        };
        let Some(high) = entry.attr_value(dw::DW_AT_high_pc) else { return Ok(Vec::new()) };
        let end = match high.udata_value() {
            Some(size) => low.checked_add(size),
            None => address(high)?,
        };
        Ok(end.filter(|end| low < *end).map(|end| low..end).into_iter().collect())
    }
}

impl DebugFile {
    /// Opens the entry at an offset in `.debug_info`.
    pub(crate) fn at_info<T>(&self, at: usize, act: &mut Act<'_, T>) -> Result<T, DwarfError> {
        let unit = self.unit_holding(at).ok_or(DwarfError::NoEntry(at))?;
        self.in_skeleton(unit, |dwarf, unit| {
            let open = Open::whole(self, dwarf, unit);
            let here = gimli::DebugInfoOffset(at).to_unit_offset(&unit.header);
            act(&open, &unit.entry(here.ok_or(DwarfError::NoEntry(at))?)?)
        })
    }
}

/// Where the entry after this one and all that is in it begins, if it says so.
pub(crate) fn sibling(entry: &Entry<'_>) -> Option<UnitOffset> {
    match entry.attr_value(dw::DW_AT_sibling)? {
        AttributeValue::UnitRef(at) if at.0 > entry.offset().0 => Some(at),
        _ => None,
    }
}

//! The function at an address and what was inlined into it there.

use gimli::{UnitOffset, constants as dw};

use super::DwarfError;
use super::entries::{Entry, sibling};
use super::lines::Line;
use super::units::Open;

/// Calls inlined into each other; compilers stop far before.
const MAX_SCOPES: usize = 256;

/// A function, or one inlined into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: Option<String>,
    /// Whether it has code of its own.
    pub kind: ScopeKind,
    /// Its entry and those of the blocks within it that hold the address, outermost first.
    pub(crate) entries: Vec<UnitOffset>,
}

/// How a function's code got where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The function itself.
    Function,
    /// A copy inside of its caller.
    Inlined {
        /// Where it is called.
        call: Option<Line>,
    },
}

impl<'a> Open<'a> {
    /// The function that holds `address`, then what was inlined there, outermost first.
    pub fn scopes_at(&self, address: u64) -> Result<Vec<Scope>, DwarfError> {
        match self.function_at(address)? {
            Some(function) => self.within(function, address),
            None => Ok(Vec::new()),
        }
    }

    /// The function that holds `address`. Entries of other kinds are passed over with all that is in them.
    fn function_at(&self, address: u64) -> Result<Option<UnitOffset>, DwarfError> {
        let mut raw = self.unit.entries_raw(None)?;
        let mut entry = Entry::null();
        while !raw.is_empty() {
            let offset = raw.next_offset();
            let Some(abbreviation) = raw.read_abbreviation()? else { continue };
            match abbreviation.tag() {
                dw::DW_TAG_compile_unit
                | dw::DW_TAG_partial_unit
                | dw::DW_TAG_namespace
                | dw::DW_TAG_module => {
                    raw.skip_attributes(abbreviation.attributes())?;
                    continue;
                }
                _ if !abbreviation.has_children() && abbreviation.tag() != dw::DW_TAG_subprogram => {
                    raw.skip_attributes(abbreviation.attributes())?;
                    continue;
                }
                _ => {}
            }
            // Read again, now with its attributes.
            raw = self.unit.entries_raw(Some(offset))?;
            raw.read_entry(&mut entry)?;
            if entry.tag() == dw::DW_TAG_subprogram && self.holds(&entry, address)? == Some(true) {
                return Ok(Some(offset));
            }
            if let Some(next) = sibling(&entry) {
                raw = self.unit.entries_raw(Some(next))?;
            }
        }
        Ok(None)
    }

    /// The scopes inside of a function.
    fn within(&self, function: UnitOffset, address: u64) -> Result<Vec<Scope>, DwarfError> {
        let mut cursor = self.unit.entries_at_offset(function)?;
        let mut scopes: Vec<Scope> = Vec::new();
        // Depth below which entries belong to the innermost scope or block found so far.
        let mut inside = 0;
        let mut more = cursor.next_entry()?;
        while more {
            let Some(entry) = cursor.current() else {
                // The end of a list of children; of the innermost scope's there is nothing more to find.
                if cursor.depth() <= inside + 1 {
                    break;
                }
                more = cursor.next_entry()?;
                continue;
            };
            let depth = entry.depth();
            let holds = match entry.tag() {
                dw::DW_TAG_subprogram if depth == 0 => Some(true),
                dw::DW_TAG_inlined_subroutine | dw::DW_TAG_lexical_block => self.holds(entry, address)?,
                _ => Some(false),
            };
            if holds == Some(true) {
                inside = depth;
                match (self.scope(entry), scopes.last_mut()) {
                    (Some(scope), _) => scopes.push(scope),
                    (None, Some(last)) => last.entries.push(entry.offset()),
                    (None, None) => {}
                }
                if scopes.len() >= MAX_SCOPES {
                    break;
                }
            }
            // A block that says nothing about its code is looked into; others are passed over.
            more = match holds {
                Some(false) => {
                    cursor.next_sibling()?;
                    true
                }
                _ => cursor.next_entry()?,
            };
        }
        Ok(scopes)
    }

    /// The scope that an entry opens; `None` for a block of statements.
    fn scope(&self, entry: &Entry<'a>) -> Option<Scope> {
        let kind = match entry.tag() {
            dw::DW_TAG_subprogram => ScopeKind::Function,
            dw::DW_TAG_inlined_subroutine => ScopeKind::Inlined { call: self.call(entry) },
            _ => return None,
        };
        Some(Scope { name: self.name(entry), kind, entries: vec![entry.offset()] })
    }

    fn call(&self, entry: &Entry<'a>) -> Option<Line> {
        let number = |at| entry.attr(at).and_then(|a| a.udata_value());
        let file = match entry.attr_value(dw::DW_AT_call_file)? {
            gimli::AttributeValue::FileIndex(index) => index,
            other => other.udata_value()?,
        };
        Some(Line {
            file: self.file_name(file)?,
            line: number(dw::DW_AT_call_line)?.try_into().unwrap_or(0),
            column: number(dw::DW_AT_call_column).unwrap_or(0).try_into().unwrap_or(0),
        })
    }
}

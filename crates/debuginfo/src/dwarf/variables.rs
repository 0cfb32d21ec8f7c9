//! Arguments and local variables of the functions at an address, with where their values are.

use std::sync::Arc;

use gimli::{AttributeValue, Expression, UnitOffset, constants as dw};

use super::entries::{Entry, reference};
use super::scopes::Scope;
use super::types::type_id;
use super::units::Open;
use super::{DebugFile, DwarfError, R};
use crate::types::TypeId;

/// Variables of one scope that are shown.
const MAX_VARIABLES: usize = 4096;

/// A frame, as far as its registers and memory are known.
pub trait FrameState {
    /// A register by its DWARF number.
    fn register(&self, number: u16) -> Option<u64>;
    /// Fills `buf` from memory, if all of it is there.
    fn read(&self, at: u64, buf: &mut [u8]) -> bool;
    /// The canonical frame address: the stack pointer before the call to this function.
    fn cfa(&self) -> Option<u64>;
    /// What is to be added to an address in the file.
    fn bias(&self) -> u64;
    /// What a register held when the function was entered.
    fn entry_register(&self, number: u16) -> Option<u64>;
    /// Bytes as a number, in the machine's order.
    fn number(&self, bytes: &[u8]) -> u64 {
        bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
    }
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// In memory.
    Memory(u64),
    /// In a register, or computed.
    Number(u64),
    /// Put together from several places, or constant.
    Bytes(Vec<u8>),
}

/// Why a variable has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The compiler kept it nowhere at this address.
    #[error("optimised out")]
    OptimisedOut,
    /// Part of it is nowhere.
    #[error("partly optimised out")]
    PartlyOptimisedOut,
    /// It is a pointer to something that is itself nowhere.
    #[error("a pointer to something optimised out")]
    ImplicitPointer,
    /// It is in a register that was not saved.
    #[error("in register {0}, which is not known in this frame")]
    Register(u16),
    /// Only its value at the function's start is described, and the caller does not tell that.
    #[error("optimised out; it was in register {0} when the function was entered")]
    EntryValue(u16),
    /// The frame's address is not known.
    #[error("the frame's address is not known")]
    NoCfa,
    /// Memory on the way to it is missing.
    #[error("memory at {0:#x} is not in the dump")]
    Unreadable(u64),
    /// Something no compiler writes for a kernel.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// Its description does not decode.
    #[error("damaged DWARF: {0}")]
    Damaged(gimli::Error),
}

impl From<gimli::Error> for Why {
    fn from(e: gimli::Error) -> Why {
        Why::Damaged(e)
    }
}

/// An argument or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether it is an argument.
    pub argument: bool,
    /// Its type, in the table of [`Variables::file`].
    pub ty: Option<TypeId>,
    /// Where its value is.
    pub place: Result<Held, Why>,
}

/// The variables of all functions at an address.
pub struct Variables {
    /// The file that describes them: that of a split unit, or the one that was asked.
    pub file: Arc<DebugFile>,
    /// Each function, innermost first, with its variables: its own, then those of its blocks.
    pub scopes: Vec<(Option<String>, Vec<Variable>)>,
}

impl DebugFile {
    /// Arguments and variables of the functions at `address`, an address of this file, in `frame`.
    pub fn variables(
        self: &Arc<Self>,
        address: u64,
        frame: &dyn FrameState,
    ) -> Result<Option<Variables>, DwarfError> {
        let Some(unit) = self.unit_of(address) else { return Ok(None) };
        self.in_unit(unit, |open| {
            let scopes = open.scopes_at(address)?;
            let base = scopes.first().and_then(|s| open.frame_base(s, address).ok().flatten());
            let mut out = Vec::new();
            for scope in scopes.iter().rev() {
                let mut own = Vec::new();
                for entry in &scope.entries {
                    open.variables(*entry, base, address, frame, &mut own)?;
                }
                out.push((scope.name.clone(), own));
            }
            Ok(Some(Variables { file: open.split.unwrap_or(self).clone(), scopes: out }))
        })
    }

    /// What the call that returns to `pc` passed in a register.
    pub fn passed(&self, pc: u64, register: u16, caller: &dyn FrameState) -> Option<u64> {
        let unit = self.unit_of(pc.wrapping_sub(1))?;
        self.in_unit(unit, |open| open.passed(pc, register, caller)).ok().flatten()
    }
}

impl<'a> Open<'a> {
    /// The expression for the frame's address, that variables on the stack count from.
    fn frame_base(&self, function: &Scope, address: u64) -> Result<Option<Expression<R<'a>>>, DwarfError> {
        let Some(entry) = function.entries.first() else { return Ok(None) };
        let entry = self.unit.entry(*entry)?;
        match entry.attr_value(dw::DW_AT_frame_base) {
            Some(value) => self.expression_at(value, address),
            None => Ok(None),
        }
    }

    /// The expression that holds at `address`.
    fn expression_at(
        &self,
        value: AttributeValue<R<'a>>,
        address: u64,
    ) -> Result<Option<Expression<R<'a>>>, DwarfError> {
        if let Some(expression) = value.exprloc_value() {
            return Ok(Some(expression));
        }
        let Some(mut list) = self.dwarf.attr_locations(self.unit, value)? else { return Ok(None) };
        while let Some(entry) = list.next()? {
            if (entry.range.begin..entry.range.end).contains(&address) {
                return Ok(Some(entry.data));
            }
        }
        Ok(None)
    }

    /// Appends the variables directly inside of an entry.
    fn variables(
        &self,
        scope: UnitOffset,
        base: Option<Expression<R<'a>>>,
        address: u64,
        frame: &dyn FrameState,
        out: &mut Vec<Variable>,
    ) -> Result<(), DwarfError> {
        let mut cursor = self.unit.entries_at_offset(scope)?;
        if !cursor.next_entry()?
            || !cursor.current().is_some_and(Entry::has_children)
            || !cursor.next_entry()?
        {
            return Ok(());
        }
        while let Some(entry) = cursor.current() {
            let argument = entry.tag() == dw::DW_TAG_formal_parameter;
            let variable = argument || entry.tag() == dw::DW_TAG_variable;
            // Declarations of globals inside of a function are no variables of it.
            if variable && !entry.has_attr(dw::DW_AT_declaration) {
                out.extend(self.variable(entry, argument, base, address, frame));
            }
            if out.len() >= MAX_VARIABLES || cursor.next_sibling()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn variable(
        &self,
        entry: &Entry<'a>,
        argument: bool,
        base: Option<Expression<R<'a>>>,
        address: u64,
        frame: &dyn FrameState,
    ) -> Option<Variable> {
        let name = self.name(entry)?;
        let ty = self.along_origins(entry, &|open, entry| {
            type_id(open, reference(&entry.attr_value(dw::DW_AT_type)?)?, 0)
        });
        Some(Variable { name, argument, ty, place: self.place_of(entry, base, address, frame) })
    }

    fn place_of(
        &self,
        entry: &Entry<'a>,
        base: Option<Expression<R<'a>>>,
        address: u64,
        frame: &dyn FrameState,
    ) -> Result<Held, Why> {
        if let Some(value) = entry.attr_value(dw::DW_AT_location) {
            let found = self.expression_at(value, address).map_err(|e| match e {
                DwarfError::Damaged(e) => Why::Damaged(e),
                _ => Why::Unsupported("a location in another file"),
            })?;
            return self.evaluate(found.ok_or(Why::OptimisedOut)?, base, frame, 0);
        }
        self.along_origins(entry, &|_, e| constant(e)).ok_or(Why::OptimisedOut)
    }
}

fn constant(entry: &Entry<'_>) -> Option<Held> {
    let attr = entry.attr(dw::DW_AT_const_value)?;
    match attr.value() {
        AttributeValue::Block(bytes) => Some(Held::Bytes(bytes.slice().to_vec())),
        AttributeValue::Sdata(n) => Some(Held::Number(n as u64)),
        _ => attr.udata_value().map(Held::Number),
    }
}

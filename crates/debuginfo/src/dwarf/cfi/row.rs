//! The rules at one place, and what they make of a frame's registers.

use gimli::{
    CfaRule, CommonInformationEntry, Encoding, RegisterRule, UnwindExpression, UnwindSection, UnwindTableRow,
};
use necropsy_base::{Abi, Memory, MemoryExt, VirtAddr};

use super::expression::evaluate;
use super::{Bytes, CfiError};

/// Where the caller's frame begins (the canonical frame address): on x86-64 the stack pointer before the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cfa {
    /// A register, by its DWARF number, plus a constant.
    Register(u16, i64),
    /// What an expression gives.
    Expression(Vec<u8>),
}

/// How the caller's value of a register is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is lost.
    Undefined,
    /// The register still has it.
    Same,
    /// In memory, so far from the frame's address.
    At(i64),
    /// The frame's address plus this.
    Value(i64),
    /// In another register.
    Register(u16),
    /// In memory, where an expression says.
    AtExpression(Vec<u8>),
    /// What an expression gives.
    Expression(Vec<u8>),
    /// Always this.
    Constant(u64),
}

/// The rules at a place.
#[derive(Clone, Debug)]
pub struct CfiRow {
    /// Where the caller's frame begins.
    pub cfa: Cfa,
    /// Rules by DWARF register number; for the others the ABI decides.
    pub rules: Vec<(u16, Rule)>,
    /// The register whose rule gives the return address.
    pub return_register: u16,
    /// Whether this is the frame of a signal or exception: the caller was interrupted, it did not call.
    pub signal: bool,
    abi: Abi,
    encoding: Encoding,
}

/// What is known of a frame: its registers by DWARF number, and memory.
pub struct Known<'a> {
    /// A register's value.
    pub register: &'a dyn Fn(u16) -> Option<u64>,
    /// The machine's memory.
    pub memory: &'a dyn Memory,
}

impl CfiRow {
    pub(super) fn of<'a, S: UnwindSection<Bytes<'a>>>(
        section: &S,
        cie: &CommonInformationEntry<Bytes<'a>>,
        row: &UnwindTableRow<usize>,
        abi: Abi,
    ) -> Result<CfiRow, CfiError> {
        let bytes = |e: &UnwindExpression<usize>| -> Result<Vec<u8>, CfiError> {
            Ok(e.get(section)?.0.slice().to_vec())
        };
        let cfa = match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => Cfa::Register(register.0, *offset),
            CfaRule::Expression(e) => Cfa::Expression(bytes(e)?),
        };
        let rule = |rule: &RegisterRule<usize>| -> Result<Rule, CfiError> {
            Ok(match rule {
                RegisterRule::SameValue => Rule::Same,
                RegisterRule::Offset(n) => Rule::At(*n),
                RegisterRule::ValOffset(n) => Rule::Value(*n),
                RegisterRule::Register(r) => Rule::Register(r.0),
                RegisterRule::Expression(e) => Rule::AtExpression(bytes(e)?),
                RegisterRule::ValExpression(e) => Rule::Expression(bytes(e)?),
                RegisterRule::Constant(n) => Rule::Constant(*n),
                _ => Rule::Undefined,
            })
        };
        let rules = row.registers().map(|(r, found)| Ok((r.0, rule(found)?)));
        Ok(CfiRow {
            cfa,
            rules: rules.collect::<Result<_, CfiError>>()?,
            return_register: cie.return_address_register().0,
            signal: cie.is_signal_trampoline(),
            abi,
            encoding: cie.encoding(),
        })
    }

    /// The rule for a register, if there is one.
    pub fn rule(&self, register: u16) -> Option<&Rule> {
        self.rules.iter().find(|(r, _)| *r == register).map(|(_, rule)| rule)
    }

    /// Where the caller's frame begins.
    pub fn frame(&self, known: &Known<'_>) -> Option<u64> {
        match &self.cfa {
            Cfa::Register(r, offset) => Some((known.register)(*r)?.wrapping_add(*offset as u64)),
            Cfa::Expression(bytes) => self.expression(bytes, known, None),
        }
    }

    /// The caller's value of a register that has a rule; `frame` is what [`CfiRow::frame`] gave.
    pub fn value(&self, rule: &Rule, register: u16, frame: u64, known: &Known<'_>) -> Option<u64> {
        let load = |at: u64| known.memory.word(VirtAddr(at)).ok();
        match rule {
            Rule::Undefined => None,
            Rule::Same => (known.register)(register),
            Rule::At(n) => load(frame.wrapping_add(*n as u64)),
            Rule::Value(n) => Some(frame.wrapping_add(*n as u64)),
            Rule::Register(r) => (known.register)(*r),
            Rule::AtExpression(e) => load(self.expression(e, known, Some(frame))?),
            Rule::Expression(e) => self.expression(e, known, Some(frame)),
            Rule::Constant(n) => Some(*n),
        }
    }

    /// Where on the stack the caller's value of a register lies, if it lies there.
    pub fn slot(&self, register: u16, frame: u64, known: &Known<'_>) -> Option<u64> {
        match self.rule(register)? {
            Rule::At(n) => Some(frame.wrapping_add(*n as u64)),
            Rule::AtExpression(e) => self.expression(e, known, Some(frame)),
            _ => None,
        }
    }

    fn expression(&self, bytes: &[u8], known: &Known<'_>, frame: Option<u64>) -> Option<u64> {
        evaluate(bytes, self.encoding, self.abi, known, frame)
    }
}

//! Location expressions, evaluated on the registers and memory of a frame.

use gimli::{EvaluationResult, Expression, Location, Piece, Value, ValueType, constants as dw};

use super::R;
use super::units::Open;
use super::variables::{FrameState, Held, Why};

/// Steps of one expression; compilers write a few dozen.
const MAX_STEPS: u32 = 10_000;
/// Expressions that need the value of others.
const MAX_DEPTH: u8 = 4;
/// Bytes of one composed value.
const MAX_BYTES: u64 = 1 << 16;

impl<'a> Open<'a> {
    /// What an expression means in `frame`. `base` is the expression of the function's `DW_AT_frame_base`.
    pub fn evaluate(
        &self,
        expression: Expression<R<'a>>,
        base: Option<Expression<R<'a>>>,
        frame: &dyn FrameState,
        depth: u8,
    ) -> Result<Held, Why> {
        let pieces = self.pieces(expression, base, frame, depth)?;
        match &pieces[..] {
            [] => Err(Why::OptimisedOut),
            [one] if one.size_in_bits.is_none() => held(one, frame),
            several => composed(several, frame, self.unit.encoding().address_size),
        }
    }

    /// The number that an expression computes.
    fn number(&self, expression: Expression<R<'a>>, frame: &dyn FrameState, depth: u8) -> Result<u64, Why> {
        match self.evaluate(expression, None, frame, depth)? {
            Held::Number(n) | Held::Memory(n) => Ok(n),
            Held::Bytes(_) => Err(Why::Unsupported("a number made of bytes")),
        }
    }

    fn pieces(
        &self,
        expression: Expression<R<'a>>,
        base: Option<Expression<R<'a>>>,
        frame: &dyn FrameState,
        depth: u8,
    ) -> Result<Vec<Piece<R<'a>>>, Why> {
        if depth > MAX_DEPTH {
            return Err(Why::Unsupported("expressions within expressions"));
        }
        let mut eval = expression.evaluation(self.unit.encoding());
        eval.set_max_iterations(MAX_STEPS);
        let mut state = eval.evaluate()?;
        loop {
            state = match state {
                EvaluationResult::Complete => return Ok(eval.result()),
                EvaluationResult::RequiresMemory { address, size, base_type, .. } => {
                    let n = word(frame, address, size)?;
                    eval.resume_with_memory(Value::from_u64(self.value_type(base_type)?, n)?)?
                }
                EvaluationResult::RequiresRegister { register, base_type } => {
                    let n = frame.register(register.0).ok_or(Why::Register(register.0))?;
                    eval.resume_with_register(Value::from_u64(self.value_type(base_type)?, n)?)?
                }
                EvaluationResult::RequiresFrameBase => {
                    let own = base.ok_or(Why::Unsupported("no frame base"))?;
                    // A register that is the frame base means its contents.
                    let at = self.number(own, frame, depth + 1)?;
                    eval.resume_with_frame_base(at)?
                }
                EvaluationResult::RequiresCallFrameCfa => {
                    eval.resume_with_call_frame_cfa(frame.cfa().ok_or(Why::NoCfa)?)?
                }
                EvaluationResult::RequiresEntryValue(inner) => {
                    let n = entry_value(inner, self.unit.encoding(), frame)?;
                    eval.resume_with_entry_value(Value::Generic(n))?
                }
                EvaluationResult::RequiresRelocatedAddress(address) => {
                    eval.resume_with_relocated_address(address.wrapping_add(frame.bias()))?
                }
                EvaluationResult::RequiresIndexedAddress { index, relocate } => {
                    let address = self.dwarf.address(self.unit, index)?;
                    let bias = if relocate { frame.bias() } else { 0 };
                    eval.resume_with_indexed_address(address.wrapping_add(bias))?
                }
                EvaluationResult::RequiresBaseType(at) => eval.resume_with_base_type(self.value_type(at)?)?,
                EvaluationResult::RequiresAtLocation(_) => return Err(Why::Unsupported("DW_OP_call")),
                EvaluationResult::RequiresParameterRef(_) => {
                    return Err(Why::Unsupported("DW_OP_GNU_parameter_ref"));
                }
                EvaluationResult::RequiresTls(_) => return Err(Why::Unsupported("thread-local storage")),
                _ => return Err(Why::Unsupported("an operation of another machine")),
            };
        }
    }

    fn value_type(&self, at: gimli::UnitOffset) -> Result<ValueType, Why> {
        if at.0 == 0 {
            return Ok(ValueType::Generic);
        }
        let entry = self.unit.entry(at)?;
        ValueType::from_entry(&entry)?.ok_or(Why::Unsupported("a number of unusual type"))
    }

    /// The address of an entry that lies at a fixed place.
    pub fn static_address(&self, entry: &super::entries::Entry<'a>) -> Option<u64> {
        let expression = entry.attr_value(dw::DW_AT_location)?.exprloc_value()?;
        match self.evaluate(expression, None, &Nowhere, 0) {
            Ok(Held::Memory(at)) => Some(at),
            _ => None,
        }
    }

    /// What a caller passed in a register, by the description of the call that returns to `pc` (its address in the file).
    pub fn passed(
        &self,
        pc: u64,
        register: u16,
        caller: &dyn FrameState,
    ) -> Result<Option<u64>, super::DwarfError> {
        let Some(scope) = self.scopes_at(pc.wrapping_sub(1))?.into_iter().next() else { return Ok(None) };
        let Some(function) = scope.entries.first() else { return Ok(None) };
        let mut cursor = self.unit.entries_at_offset(*function)?;
        let mut here = false;
        let mut depth = 0;
        let mut first = true;
        while cursor.next_entry()? {
            let Some(entry) = cursor.current() else {
                if cursor.depth() <= 1 || here && cursor.depth() <= depth + 1 {
                    break;
                }
                continue;
            };
            match entry.tag() {
                dw::DW_TAG_call_site | dw::DW_TAG_GNU_call_site => {
                    let at =
                        entry.attr_value(dw::DW_AT_call_return_pc).or(entry.attr_value(dw::DW_AT_low_pc));
                    let returns = at.and_then(|v| self.dwarf.attr_address(self.unit, v).ok().flatten());
                    // What is jumped to does not return here.
                    here = returns == Some(pc) && !entry.has_attr(dw::DW_AT_call_tail_call);
                    depth = entry.depth();
                }
                dw::DW_TAG_call_site_parameter | dw::DW_TAG_GNU_call_site_parameter if here => {
                    let location = entry.attr_value(dw::DW_AT_location).and_then(|v| v.exprloc_value());
                    if location.and_then(|e| named_register(e, self.unit.encoding())) != Some(register) {
                        continue;
                    }
                    let value = [dw::DW_AT_call_value, dw::DW_AT_GNU_call_site_value]
                        .iter()
                        .find_map(|at| entry.attr_value(*at)?.exprloc_value());
                    return Ok(value.and_then(|e| self.number(e, caller, 1).ok()));
                }
                // The function itself, and blocks that may hold the call.
                _ if first || !here => {}
                _ => break,
            }
            first = false;
        }
        Ok(None)
    }
}

/// Of a fixed address nothing else is known.
struct Nowhere;

impl FrameState for Nowhere {
    fn register(&self, _: u16) -> Option<u64> {
        None
    }
    fn read(&self, _: u64, _: &mut [u8]) -> bool {
        false
    }
    fn cfa(&self) -> Option<u64> {
        None
    }
    fn bias(&self) -> u64 {
        0
    }
    fn entry_register(&self, _: u16) -> Option<u64> {
        None
    }
}

/// The value that an expression had when the function was entered: known for a register that the caller's description tells,
/// and for what such a register pointed to if that has not changed since, which nobody can know.
fn entry_value(
    inner: Expression<R<'_>>,
    encoding: gimli::Encoding,
    frame: &dyn FrameState,
) -> Result<u64, Why> {
    let register = named_register(inner, encoding).ok_or(Why::Unsupported("an entry value of memory"))?;
    frame.entry_register(register).ok_or(Why::EntryValue(register))
}

/// The register of an expression that names just one.
fn named_register(expression: Expression<R<'_>>, encoding: gimli::Encoding) -> Option<u16> {
    let mut operations = expression.operations(encoding);
    match (operations.next().ok()??, operations.next().ok()?) {
        (gimli::Operation::Register { register }, None) => Some(register.0),
        _ => None,
    }
}

fn word(frame: &dyn FrameState, address: u64, size: u8) -> Result<u64, Why> {
    let mut bytes = [0; 8];
    let size = usize::from(size.min(8));
    if !frame.read(address, &mut bytes[..size]) {
        return Err(Why::Unreadable(address));
    }
    Ok(frame.number(&bytes[..size]))
}

fn held(piece: &Piece<R<'_>>, frame: &dyn FrameState) -> Result<Held, Why> {
    match piece.location {
        Location::Empty => Err(Why::OptimisedOut),
        Location::Register { register } => {
            frame.register(register.0).map(Held::Number).ok_or(Why::Register(register.0))
        }
        Location::Address { address } => Ok(Held::Memory(address)),
        Location::Value { value } => match value {
            Value::F32(f) => Ok(Held::Number(u64::from(f.to_bits()))),
            Value::F64(f) => Ok(Held::Number(f.to_bits())),
            other => Ok(Held::Number(other.to_u64(u64::MAX)?)),
        },
        Location::Bytes { value } => Ok(Held::Bytes(value.slice().to_vec())),
        Location::ImplicitPointer { .. } => Err(Why::ImplicitPointer),
    }
}

/// A value in several places. Pieces are whole bytes in what compilers write for C; others are not composed.
fn composed(pieces: &[Piece<R<'_>>], frame: &dyn FrameState, word: u8) -> Result<Held, Why> {
    let mut out = Vec::new();
    for piece in pieces {
        let bits = piece.size_in_bits.unwrap_or(u64::from(word) * 8);
        if bits % 8 != 0 || piece.bit_offset.unwrap_or(0) % 8 != 0 || out.len() as u64 + bits / 8 > MAX_BYTES
        {
            return Err(Why::Unsupported("a value made of bits in several places"));
        }
        let (size, skip) = ((bits / 8) as usize, (piece.bit_offset.unwrap_or(0) / 8) as usize);
        match held(piece, frame) {
            Ok(Held::Memory(at)) => {
                let mut bytes = vec![0; size];
                if !frame.read(at.wrapping_add(skip as u64), &mut bytes) {
                    return Err(Why::Unreadable(at));
                }
                out.extend(bytes);
            }
            Ok(Held::Number(n)) => {
                let bytes = n.to_le_bytes();
                out.extend((skip..skip + size).map(|i| bytes.get(i).copied().unwrap_or(0)));
            }
            Ok(Held::Bytes(bytes)) => {
                out.extend((skip..skip + size).map(|i| bytes.get(i).copied().unwrap_or(0)))
            }
            Err(Why::OptimisedOut) => return Err(Why::PartlyOptimisedOut),
            Err(why) => return Err(why),
        }
    }
    Ok(Held::Bytes(out))
}

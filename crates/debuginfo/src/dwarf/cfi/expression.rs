//! DWARF expressions as call frame information uses them: registers, memory and arithmetic.

use gimli::{Encoding, EndianSlice, EvaluationResult, Expression, Location, RunTimeEndian, Value};
use necropsy_base::{Abi, Endian, MemoryExt, VirtAddr};

use super::row::Known;

/// More steps than any real expression takes.
const MAX_STEPS: u32 = 1000;

/// The value of an expression; `frame` is on the stack before it begins.
pub fn evaluate(
    bytes: &[u8],
    encoding: Encoding,
    abi: Abi,
    known: &Known<'_>,
    frame: Option<u64>,
) -> Option<u64> {
    let endian = match abi.endian {
        Endian::Little => RunTimeEndian::Little,
        Endian::Big => RunTimeEndian::Big,
    };
    let mut evaluation = Expression(EndianSlice::new(bytes, endian)).evaluation(encoding);
    evaluation.set_max_iterations(MAX_STEPS);
    if let Some(frame) = frame {
        evaluation.set_initial_value(frame);
    }
    let mut state = evaluation.evaluate().ok()?;
    loop {
        state = match state {
            EvaluationResult::Complete => break,
            EvaluationResult::RequiresRegister { register, .. } => {
                evaluation.resume_with_register(Value::Generic((known.register)(register.0)?)).ok()?
            }
            EvaluationResult::RequiresMemory { address, size, .. } => {
                let bytes = known.memory.bytes(VirtAddr(address), usize::from(size.min(8))).ok()?;
                evaluation.resume_with_memory(Value::Generic(abi.uint(&bytes))).ok()?
            }
            EvaluationResult::RequiresRelocatedAddress(at) => {
                evaluation.resume_with_relocated_address(at).ok()?
            }
            _ => return None,
        };
    }
    match evaluation.result().first()?.location {
        Location::Address { address } => Some(address),
        Location::Register { register } => (known.register)(register.0),
        Location::Value { value } => value.to_u64(u64::MAX).ok(),
        _ => None,
    }
}

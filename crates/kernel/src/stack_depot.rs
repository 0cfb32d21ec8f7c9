//! The stack depot (lib/stackdepot.c): each stack that something noted is kept once, and named by a handle. The bit-fields of a handle were
//! renamed and moved several times (4.6 to 7.2), so their places come from the types.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

/// `STACK_ALLOC_ALIGN` (lib/stackdepot.c).
const DEPOT_ALIGN: u32 = 4;
/// No stack in the depot is deeper.
const MAX_DEPTH: u32 = 64;

#[derive(Load)]
#[kernel(name = "stack_record")]
struct Record {
    size: u32,
    entries: ArrayAt,
}

/// A part of a handle, by the first of its names that this kernel has; its number and whether it was the first.
fn part(t: &Target, handle: u32, names: &'static str) -> Result<(u64, bool), LoadError> {
    let types = t.types()?;
    let no = || LoadError::NoMember { of: "handle_parts", path: names };
    let ty = types.find(necropsy_debuginfo::Kind::Union, "handle_parts").ok_or_else(no)?;
    let found = names.split('|').enumerate().find_map(|(i, name)| Some((i, types.member(ty, name).ok()?)));
    let (which, member) = found.ok_or_else(no)?;
    let width = member.bit_size.unwrap_or(32).clamp(1, 32);
    let bits = u64::from(handle) >> member.bit_offset.min(63);
    Ok((bits & (u64::MAX >> (64 - width)), which == 0))
}

/// The stack that a handle names, innermost first. It may hold what is no place of code: marks of those who keep stacks.
pub fn stack(t: &Target, handle: u32) -> Result<Vec<VirtAddr>, LoadError> {
    // Where numbers begin with 1, as they do since 6.9, the name says so.
    let (pool, from_one) = part(t, handle, "pool_index_plus_1|pool_index|slabindex|slab_index")?;
    let (offset, _) = part(t, handle, "offset")?;
    let table = t.symbol("stack_pools").or_else(|| t.symbol("stack_slabs"));
    let table = table.ok_or_else(|| LoadError::NoSymbol("stack_pools".into()))?;
    // An array of pools, or, where its size follows from the machine's, a pointer to one.
    let table = match t.near(table).and_then(|n| n.size) {
        Some(size) if size <= 64 => t.memory().ptr(table)?,
        _ => table,
    };
    let word = u64::from(t.abi().word);
    let index = pool.saturating_sub(u64::from(from_one));
    let pool = t.memory().ptr(table.offset(index * word))?;
    let record: Record = t.load(pool.offset(offset << DEPOT_ALIGN))?;
    let entry = |i: u32| t.memory().ptr(record.entries.at.offset(u64::from(i) * word)).ok();
    Ok((0..record.size.min(MAX_DEPTH)).map_while(entry).collect())
}

/// The places of code that a handle's stack begins with.
pub fn code(t: &Target, handle: u32) -> Result<Vec<VirtAddr>, LoadError> {
    let mut stack = stack(t, handle)?;
    let end = stack.iter().position(|pc| !t.is_text(*pc)).unwrap_or(stack.len());
    stack.truncate(end);
    Ok(stack)
}

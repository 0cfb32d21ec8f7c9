//! Who allocated an object and who freed it: `struct track`, kept behind each object with `SLAB_STORE_USER` (`slub_debug=U`).
//!
//! Up to 6.0 the addresses of the callers are in it; since then their stack is in the stack depot (lib/stackdepot.c), named by
//! a handle of bit-fields that were renamed and moved several times.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use super::Cache;

/// `STACK_ALLOC_ALIGN` (lib/stackdepot.c).
const DEPOT_ALIGN: u32 = 4;
/// No stack in the depot is deeper.
const MAX_DEPTH: u32 = 64;

/// Who did something to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its `struct track`.
    pub at: VirtAddr,
    /// The address in the code that asked for it.
    pub caller: VirtAddr,
    /// On which CPU.
    pub cpu: i64,
    /// In which task.
    pub pid: i64,
    /// When, in ticks since boot; 0 if that was not kept.
    pub jiffies: u64,
    /// The whole stack, innermost first; empty if the kernel did not keep it.
    pub stack: Vec<VirtAddr>,
}

/// Both tracks of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracks {
    /// Who allocated it last.
    pub allocated: Option<Track>,
    /// Who freed it last: before that, if it is in use again.
    pub freed: Option<Track>,
}

#[derive(Load)]
#[kernel(name = "track")]
struct Raw {
    addr: VirtAddr,
    cpu: i32,
    pid: i32,
    when: u64,
    handle: Option<u32>,
    addrs: Option<ArrayAt>,
}

#[derive(Load)]
#[kernel(name = "handle_parts")]
struct Handle {
    #[kernel(any = "pool_index_plus_1|pool_index|slabindex|slab_index")]
    pool: u32,
    /// The same once more where numbers begin with 1, as they do since 6.9.
    #[kernel(path = "pool_index_plus_1")]
    from_one: Option<u32>,
    offset: u32,
}

#[derive(Load)]
#[kernel(name = "stack_record")]
struct Record {
    size: u32,
    entries: ArrayAt,
}

/// Who allocated and who freed the object at `object`.
pub fn tracks(t: &Target, cache: &Cache, object: VirtAddr) -> Result<Tracks, LoadError> {
    let Some([allocated, freed]) = cache.layout.tracks() else { return Ok(Tracks::default()) };
    Ok(Tracks { allocated: track(t, object.offset(allocated))?, freed: track(t, object.offset(freed))? })
}

/// The track at an address; `None` if it was never filled, or holds no code address.
fn track(t: &Target, at: VirtAddr) -> Result<Option<Track>, LoadError> {
    let raw: Raw = t.load(at)?;
    if !t.is_text(raw.addr) {
        return Ok(None);
    }
    let kept = raw.addrs.map(|a| a.iter().map_while(|at| t.memory().ptr(at).ok()).collect::<Vec<_>>());
    let depot = || depot(t, at.offset(t.offset_of("track", "handle").ok()?)).ok();
    let mut stack = kept.or_else(|| raw.handle.filter(|h| *h != 0).and_then(|_| depot())).unwrap_or_default();
    let end = stack.iter().position(|pc| !t.is_text(*pc)).unwrap_or(stack.len());
    stack.truncate(end);
    let (cpu, pid) = (raw.cpu.into(), raw.pid.into());
    Ok(Some(Track { at, caller: raw.addr, cpu, pid, jiffies: raw.when, stack }))
}

/// The stack that the handle at `handle` names.
fn depot(t: &Target, handle: VirtAddr) -> Result<Vec<VirtAddr>, LoadError> {
    let parts: Handle = t.load(handle)?;
    let table = t.symbol("stack_pools").or_else(|| t.symbol("stack_slabs"));
    let table = table.ok_or_else(|| LoadError::NoSymbol("stack_pools".into()))?;
    // An array of pools, or, where its size follows from the machine's, a pointer to one.
    let table = match t.near(table).and_then(|n| n.size) {
        Some(size) if size <= 64 => t.memory().ptr(table)?,
        _ => table,
    };
    let index = u64::from(parts.pool).saturating_sub(u64::from(parts.from_one.is_some()));
    let pool = t.memory().ptr(table.offset(index * u64::from(t.abi().word)))?;
    let record: Record = t.load(pool.offset(u64::from(parts.offset) << DEPOT_ALIGN))?;
    let word = u64::from(t.abi().word);
    let entry = |i: u32| t.memory().ptr(record.entries.at.offset(u64::from(i) * word)).ok();
    Ok((0..record.size.min(MAX_DEPTH)).map_while(entry).collect())
}

//! Objects that KFENCE guards: each alone on a page between pages that nobody may touch, with who allocated and who freed it (mm/kfence;
//! since 5.12). Page 2(i + 1) of the pool is that of object i, the page behind it the guard; its description is `kfence_metadata[i]`, an array
//! up to 6.5, allocated since.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use super::Track;

/// `enum kfence_object_state`.
const ALLOCATED: u32 = 1;
const FREED: [u32; 2] = [2, 3];
/// More objects are never set up.
const MAX_OBJECTS: u64 = 1 << 16;
/// Entries of one stack (`KFENCE_STACK_DEPTH`).
const MAX_DEPTH: u32 = 64;

/// A guarded object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// Its `struct kfence_metadata`.
    pub at: VirtAddr,
    /// Its first byte.
    pub start: VirtAddr,
    /// Its size in bytes.
    pub size: u64,
    /// Its cache.
    pub cache: VirtAddr,
    /// Whether it is in use; `None`: neither that nor freed, so far.
    pub allocated_now: Option<bool>,
    /// Who allocated it last.
    pub allocated: Option<Track>,
    /// Who freed it last.
    pub freed: Option<Track>,
}

#[derive(Load)]
#[kernel(name = "kfence_metadata")]
struct Raw {
    state: u32,
    addr: VirtAddr,
    size: u64,
    cache: VirtAddr,
    alloc_track: At,
    free_track: At,
}

#[derive(Load)]
#[kernel(name = "kfence_track")]
struct RawTrack {
    pid: i32,
    cpu: Option<i32>,
    num_stack_entries: i32,
    stack_entries: ArrayAt,
}

/// The guarded object that an address is in, or beside; `None` if it is not KFENCE's.
pub fn guarded(t: &Target, at: VirtAddr) -> Result<Option<Guarded>, LoadError> {
    let Some(pool) = pool(t) else { return Ok(None) };
    let page = t.page_size();
    let Some(number) = at.0.checked_sub(pool.0).map(|n| n / page).filter(|n| *n < 2 * MAX_OBJECTS) else {
        return Ok(None);
    };
    // The first two pages and every second one guard; beside an object's page are the guards of two.
    let sides: &[u64] = if number % 2 == 0 { &[number] } else { &[number - 1, number + 1] };
    let index = |page: &u64| (page / 2).checked_sub(1);
    let all = sides.iter().filter_map(index).map(|i| object(t, i)).collect::<Result<Vec<_>, _>>()?;
    let distance =
        |g: &Guarded| if at < g.start { g.start.0 - at.0 } else { at.0.saturating_sub(g.start.0 + g.size) };
    Ok(all.into_iter().flatten().min_by_key(|g| (g.allocated_now.is_none(), distance(g))))
}

/// Where the pool begins, if there is one.
fn pool(t: &Target) -> Option<VirtAddr> {
    t.memory().ptr(t.symbol("__kfence_pool")?).ok().filter(|at| t.arch().is_kernel(*at))
}

fn object(t: &Target, index: u64) -> Result<Option<Guarded>, LoadError> {
    let table = t.need_symbol("kfence_metadata")?;
    // Where it is allocated, there is a second pointer for the time before all is set up.
    let table = if t.symbol("kfence_metadata_init").is_some() { t.memory().ptr(table)? } else { table };
    let at = table.offset(index * t.size_of("kfence_metadata")?);
    let raw: Raw = t.load(at)?;
    // Each object lies on the page of its number.
    let page = pool(t).map_or(0, |pool| pool.0 + 2 * (index + 1) * t.page_size());
    if raw.addr.0 & !(t.page_size() - 1) != page {
        return Ok(None);
    }
    let allocated_now = match raw.state {
        ALLOCATED => Some(true),
        s if FREED.contains(&s) => Some(false),
        _ => None,
    };
    Ok(Some(Guarded {
        at,
        start: raw.addr,
        size: raw.size,
        cache: raw.cache,
        allocated_now,
        allocated: track(t, raw.alloc_track.0)?,
        freed: track(t, raw.free_track.0)?,
    }))
}

fn track(t: &Target, at: VirtAddr) -> Result<Option<Track>, LoadError> {
    let raw: RawTrack = t.load(at)?;
    let depth = u32::try_from(raw.num_stack_entries).unwrap_or(0).min(MAX_DEPTH);
    let word = u64::from(t.abi().word);
    let entry = |i: u32| t.memory().ptr(raw.stack_entries.at.offset(u64::from(i) * word)).ok();
    let stack: Vec<VirtAddr> = (0..depth).map_while(entry).take_while(|pc| t.is_text(*pc)).collect();
    let cpu = raw.cpu.unwrap_or(-1).into();
    Ok(stack.first().copied().map(|caller| Track { at, caller, cpu, pid: raw.pid.into(), jiffies: 0, stack }))
}

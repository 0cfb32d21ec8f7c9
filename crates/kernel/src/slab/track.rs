//! Who allocated an object and who freed it: `struct track`, kept behind each object with `SLAB_STORE_USER` (`slub_debug=U`), or what KASAN
//! keeps.
//!
//! Up to 6.0 the addresses of the callers are in `struct track`; since then their stack is in the stack depot.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use super::Cache;
use crate::{kasan, stack_depot};

/// Who did something to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its `struct track`.
    pub at: VirtAddr,
    /// The address in the code that asked for it.
    pub caller: VirtAddr,
    /// On which CPU; negative if that was not kept.
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

/// Who allocated and who freed the object at `object`.
pub fn tracks(t: &Target, cache: &Cache, object: VirtAddr) -> Result<Tracks, LoadError> {
    let Some([allocated, freed]) = cache.layout.tracks() else { return kasan::tracks(t, cache.at, object) };
    Ok(Tracks { allocated: track(t, object.offset(allocated))?, freed: track(t, object.offset(freed))? })
}

/// The track at an address; `None` if it was never filled, or holds no code address.
fn track(t: &Target, at: VirtAddr) -> Result<Option<Track>, LoadError> {
    let raw: Raw = t.load(at)?;
    if !t.is_text(raw.addr) {
        return Ok(None);
    }
    let kept = raw.addrs.map(|a| a.iter().map_while(|at| t.memory().ptr(at).ok()).collect::<Vec<_>>());
    let depot = |handle: u32| stack_depot::code(t, handle).ok();
    let mut stack = kept.or_else(|| raw.handle.filter(|h| *h != 0).and_then(depot)).unwrap_or_default();
    let end = stack.iter().position(|pc| !t.is_text(*pc)).unwrap_or(stack.len());
    stack.truncate(end);
    let (cpu, pid) = (raw.cpu.into(), raw.pid.into());
    Ok(Some(Track { at, caller: raw.addr, cpu, pid, jiffies: raw.when, stack }))
}

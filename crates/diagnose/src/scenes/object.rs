//! An object of the slab allocator, and who allocated and freed it, where the kernel keeps that.

use necropsy_base::VirtAddr;
use necropsy_kernel::slab::{self, Found, Guarded, State, Track, Tracks};
use necropsy_report::{Hex, ObjectInfo, TrackInfo};
use necropsy_target::{LoadError, Target};

use crate::objects;

/// The object that an address lies in; `None` if it is memory of no slab.
pub fn object(t: &Target, at: VirtAddr) -> Result<Option<ObjectInfo>, LoadError> {
    if let Some(guarded) = slab::guarded(t, at)? {
        return Ok(Some(kfence(t, at, &guarded)));
    }
    let Some(found) = slab::find(t, at) else { return Ok(None) };
    let tracks = slab::tracks(t, &found.cache, found.start).unwrap_or_else(|e| {
        t.note(format!("who used {:#x}: {e}", found.start.0));
        Tracks::default()
    });
    Ok(Some(slub(t, at, &found, &tracks)))
}

fn slub(t: &Target, at: VirtAddr, found: &Found, tracks: &Tracks) -> ObjectInfo {
    ObjectInfo {
        object: Hex(found.start.0),
        cache: found.cache.name.clone(),
        size: found.cache.layout.object_size,
        offset: at.0.wrapping_sub(found.start.0) as i64,
        state: match found.state(t) {
            State::Free | State::InSheaf => "free",
            State::Allocated => "allocated",
            State::Unknown => "unknown",
        },
        guarded: false,
        allocated: tracks.allocated.as_ref().map(|track| info(t, track)),
        freed: tracks.freed.as_ref().map(|track| info(t, track)),
    }
}

fn kfence(t: &Target, at: VirtAddr, guarded: &Guarded) -> ObjectInfo {
    ObjectInfo {
        object: Hex(guarded.start.0),
        cache: slab::cache(t, guarded.cache).map(|c| c.name).unwrap_or_else(|_| "unknown".into()),
        size: guarded.size,
        offset: at.0.wrapping_sub(guarded.start.0) as i64,
        state: match guarded.allocated_now {
            Some(true) => "allocated",
            Some(false) => "free",
            None => "unknown",
        },
        guarded: true,
        allocated: guarded.allocated.as_ref().map(|track| info(t, track)),
        freed: guarded.freed.as_ref().map(|track| info(t, track)),
    }
}

fn info(t: &Target, track: &Track) -> TrackInfo {
    TrackInfo {
        by: t.describe(objects::who(t, track)),
        pid: track.pid,
        cpu: track.cpu,
        stack: track.stack.iter().map(|pc| t.describe(*pc)).collect(),
    }
}

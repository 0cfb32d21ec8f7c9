//! Slab objects in words, and who had to do with them.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::memmap;
use necropsy_kernel::pages::{self, Copied};
use necropsy_kernel::slab::{self, Found, State, Track};
use necropsy_report::{Related, TaskInfo};
use necropsy_target::Target;

use crate::Findings;
use crate::{Class, blame, calls};

/// The object of a slab that holds an address, with what it is.
pub fn at(t: &Target, at: VirtAddr) -> Option<(Found, State)> {
    let found = slab::find(t, at)?;
    let state = found.state(t);
    Some((found, state))
}

/// Whether the object is known to be free.
pub fn is_free(state: State) -> bool {
    matches!(state, State::Free | State::InSheaf)
}

/// The page that an address of the direct map lies in, if it is free: it has no references, no type but that of free ones, and
/// belongs to nobody.
pub fn free_page(t: &Target, at: VirtAddr) -> Option<Copied> {
    let direct = t.kernel().and_then(|k| k.direct_map()).is_some_and(|d| d.contains(&at.0));
    let phys = memmap::to_phys(t, at).filter(|_| direct)?;
    let copied = pages::page(t, &pages::Shape::of(t).ok()?, phys.0 / t.page_size()).ok()?;
    let page = copied.page();
    let unused = page.references() == Some(0) && page.raw_type() == Some(u32::MAX) && page.mapping() == 0;
    let free = page.type_name() == Some("buddy") || unused;
    (free && !page.is_tail() && !page.is_slab() && !page.has("reserved")).then_some(copied)
}

/// `the object of cache x at 0x… (192 bytes)`.
pub fn named(found: &Found) -> String {
    let (cache, size) = (&found.cache.name, found.cache.layout.object_size);
    format!("the object of cache {cache} at {:#x} ({size} bytes)", found.start.0)
}

/// The command that shows an object and what it holds near an address.
pub fn shown(at: VirtAddr) -> String {
    format!("object -m {:x}", at.0)
}

/// The first place of a track that is no allocator's.
pub fn who(t: &Target, track: &Track) -> VirtAddr {
    let callers = std::iter::once(&track.caller).chain(&track.stack);
    let own = |pc: &&VirtAddr| t.near(pc.moved(-1)).is_some_and(|n| blame::acts_for_itself(&n.name));
    let mut stack = track.stack.iter();
    let pc = stack.find(own).or_else(|| callers.clone().find(own)).copied().unwrap_or(track.caller);
    jumped_on(t, pc).unwrap_or(pc.moved(-1))
}

/// The function that the call before `ret` went to, if that is no allocator's: it left for the allocator by a jump at its end, so
/// that no stack has it.
fn jumped_on(t: &Target, ret: VirtAddr) -> Option<VirtAddr> {
    let before = t.memory().bytes(ret.moved(-8), 8).ok()?;
    let to = t.arch().call_before(&before, ret)?.direct.filter(|to| t.is_text(*to))?;
    let near = t.near(to).filter(|n| n.start == to)?;
    blame::acts_for_itself(&near.name).then_some(to)
}

/// Who did something to an object, as others involved.
pub fn related(t: &Target, role: &'static str, track: &Track) -> Related {
    let near = t.near(who(t, track));
    let task = (track.pid > 0).then(|| TaskInfo {
        pid: track.pid as i32,
        comm: String::new(),
        cpu: usize::try_from(track.cpu).ok(),
    });
    Related {
        role,
        function: near.as_ref().map(|n| n.name.clone()),
        module: near.and_then(|n| n.module),
        task,
    }
}

/// Adds what the allocator knows about who allocated and who freed an object; gives those as others involved.
pub fn tracked(t: &Target, found: &Found, class: Class, weight: f64, out: &mut Findings) -> Vec<Related> {
    let Ok(tracks) = slab::tracks(t, &found.cache, found.start) else { return Vec::new() };
    let mut related_to = Vec::new();
    for (role, did, track) in
        [("freer", "freed", &tracks.freed), ("allocator", "allocated", &tracks.allocated)]
    {
        let Some(track) = track else { continue };
        let cpu = if track.cpu < 0 { String::new() } else { format!(" on CPU {}", track.cpu) };
        let claim = format!(
            "{} was {did} by {} in task {}{cpu}, as the allocator noted behind it",
            named(found),
            t.describe(who(t, track)),
            track.pid
        );
        let source = format!("memory:*(struct track *){:#x}", track.at.0);
        out.add(class, weight, source, format!("object {:x}", found.start.0), claim);
        related_to.push(related(t, role, track));
    }
    related_to
}

/// The functions that free objects of a named cache, if they can be told from the code of modules.
pub fn freers(t: &Target, cache: VirtAddr) -> Vec<VirtAddr> {
    let functions = calls::addresses(t, &["kmem_cache_free"]);
    let code = calls::modules(t);
    let all = calls::calls_of(t, &code, &functions);
    let of: Vec<_> = all.into_iter().filter(|c| calls::passes(t, c, cache)).collect();
    calls::functions(t, &of)
}

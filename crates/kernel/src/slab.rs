//! The slab allocator (SLUB): which object an address belongs to, and whether it is free.
//!
//! A slab's state lies in `struct slab` since 5.17, in `struct page` before; free objects are chained through the object
//! itself, the pointers masked (`CONFIG_SLAB_FREELIST_HARDENED`) when the cache has a `random` (mm/slub.c).

use necropsy_base::{MemoryExt, PhysAddr, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

/// A slab object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Name of its cache, escaped.
    pub cache: String,
    /// Where it begins.
    pub start: VirtAddr,
    /// Bytes from one object to the next.
    pub size: u64,
    /// Whether it is free; `None` if that cannot be told.
    pub free: Option<bool>,
}

/// More objects than any slab has.
const MAX_OBJECTS: usize = 1 << 15;

#[derive(Load)]
#[kernel(name = "page")]
struct Page {
    #[kernel(any = "flags.f|flags")]
    flags: u64,
    #[kernel(any = "compound_head|compound_info")]
    head: u64,
    page_type: Option<u32>,
}

#[derive(Load)]
#[kernel(one_of)]
enum Slab {
    Own(OwnSlab),
    InPage(InPage),
}

#[derive(Load)]
#[kernel(name = "slab")]
struct OwnSlab {
    slab_cache: VirtAddr,
    freelist: VirtAddr,
    objects: u32,
}

#[derive(Load)]
#[kernel(name = "page")]
struct InPage {
    slab_cache: VirtAddr,
    freelist: VirtAddr,
    objects: u32,
}

#[derive(Load)]
#[kernel(name = "kmem_cache")]
struct Cache {
    name: VirtAddr,
    size: u32,
    offset: u32,
    random: Option<u64>,
    red_left_pad: Option<u32>,
    cpu_slab: Option<VirtAddr>,
    cpu_sheaves: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "kmem_cache_cpu")]
struct CpuSlab {
    freelist: VirtAddr,
    #[kernel(any = "slab|page")]
    slab: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "slub_percpu_sheaves")]
struct Sheaves {
    main: VirtAddr,
    spare: Option<VirtAddr>,
    rcu_free: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "slab_sheaf")]
struct Sheaf {
    size: u32,
    objects: ArrayAt,
}

/// The slab object that holds `at`; `None` if it is no slab memory.
pub fn object(t: &Target, at: VirtAddr) -> Option<Object> {
    let kernel = t.kernel()?;
    let phys = kernel.to_phys(at).ok()?;
    let (head, first) = slab_page(t, phys)?;
    let slab = t.load::<Slab>(head).ok()?;
    let (cache_at, freelist, objects) = match slab {
        Slab::Own(s) => (s.slab_cache, s.freelist, s.objects),
        Slab::InPage(s) => (s.slab_cache, s.freelist, s.objects),
    };
    let cache: Cache = t.load(cache_at).ok()?;
    let size = u64::from(cache.size);
    let slab = at.0.checked_sub(phys.0.checked_sub(first.0)?)?;
    let base = slab.checked_add(u64::from(cache.red_left_pad.unwrap_or(0)))?;
    let index = at.0.checked_sub(base)?.checked_div(size)?;
    if index >= u64::from(objects) {
        return None;
    }
    let name = t.memory().cstr(cache.name, 64).ok()?;
    let start = VirtAddr(base + index * size);
    let free = is_free(t, &cache, head, freelist, start).ok().flatten();
    Some(Object { cache: name.escape_ascii().to_string(), start, size, free })
}

/// The head page of the slab that a physical address is in, and where the slab begins.
fn slab_page(t: &Target, phys: PhysAddr) -> Option<(VirtAddr, PhysAddr)> {
    let (map, stride) = (t.memory().ptr(t.symbol("vmemmap_base")?).ok()?, t.size_of("page").ok()?);
    let pfn = phys.0 / t.page_size();
    let mut head = map.offset(pfn.checked_mul(stride)?);
    let mut page: Page = t.load(head).ok()?;
    if page.head & 1 == 1 {
        head = VirtAddr(page.head - 1);
        page = t.load(head).ok()?;
    }
    let first = (head.0.checked_sub(map.0)? / stride).checked_mul(t.page_size())?;
    is_slab(t, &page).then_some((head, PhysAddr(first)))
}

/// A page flag up to 6.9, a page type since (VMCOREINFO carries either).
fn is_slab(t: &Target, page: &Page) -> bool {
    let Some(info) = t.meta().vmcoreinfo.as_ref() else { return false };
    if let Some(bit) = info.number("PG_slab") {
        return (0..64).contains(&bit) && page.flags >> bit & 1 == 1;
    }
    let wanted = info.number("PAGE_SLAB_MAPCOUNT_VALUE").map(|n| n as u32);
    wanted.zip(page.page_type).is_some_and(|(wanted, found)| found == wanted || found >> 24 == wanted >> 24)
}

fn is_free(
    t: &Target,
    cache: &Cache,
    head: VirtAddr,
    freelist: VirtAddr,
    object: VirtAddr,
) -> Result<Option<bool>, LoadError> {
    if on_list(t, cache, freelist, object)? {
        return Ok(Some(true));
    }
    for (cpu, _) in t.cpus() {
        let Some(at) = cache.cpu_slab.and_then(|base| t.percpu(base, *cpu)) else { continue };
        let local: CpuSlab = t.load(at)?;
        if local.slab == head && on_list(t, cache, local.freelist, object)? {
            return Ok(Some(true));
        }
    }
    let Some(sheaves) = cache.cpu_sheaves.filter(|s| !s.is_null()) else { return Ok(Some(false)) };
    for (cpu, _) in t.cpus() {
        let Some(at) = t.percpu(sheaves, *cpu) else { continue };
        let s: Sheaves = t.load(at)?;
        for sheaf in [Some(s.main), s.spare, s.rcu_free].into_iter().flatten().filter(|s| !s.is_null()) {
            if in_sheaf(t, sheaf, object)? {
                return Ok(Some(true));
            }
        }
    }
    Ok(None) // it may be in a sheaf that no CPU holds
}

fn in_sheaf(t: &Target, at: VirtAddr, object: VirtAddr) -> Result<bool, LoadError> {
    let sheaf: Sheaf = t.load(at)?;
    for i in 0..u64::from(sheaf.size).min(1024) {
        if t.memory().ptr(sheaf.objects.at.offset(i * 8))? == object {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `object` is on a chain of free objects.
fn on_list(t: &Target, cache: &Cache, mut at: VirtAddr, object: VirtAddr) -> Result<bool, LoadError> {
    for _ in 0..MAX_OBJECTS {
        if at.is_null() {
            return Ok(false);
        }
        if at == object {
            return Ok(true);
        }
        let link = at.offset(u64::from(cache.offset));
        let raw = t.memory().word(link)?;
        at = VirtAddr(cache.random.map_or(raw, |random| raw ^ random ^ link.0.swap_bytes()));
    }
    Ok(false)
}

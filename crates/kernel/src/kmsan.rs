//! What KMSAN knows of memory (mm/kmsan/, 6.1 to 7.2): for each page of the direct map one page of shadow, a bit for each bit that was never
//! written, and one of origins, a handle of the stack depot for each four bytes.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

use crate::memmap::{self, Memmap};
use crate::pages;

/// Bytes that have one origin.
const ORIGIN: u64 = 4;

/// What is noted of a few bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Where their shadow is.
    pub shadow: VirtAddr,
    /// Whether any bit of them was never written.
    pub unwritten: bool,
    /// Who made the memory: a handle of the stack depot; 0 if that is not known.
    pub origin: u32,
}

#[derive(Load)]
#[kernel(name = "page")]
struct Pages {
    kmsan_shadow: VirtAddr,
    kmsan_origin: VirtAddr,
}

/// What is noted of `size` bytes at an address of the direct map; they must lie in one page.
pub fn noted(t: &Target, at: VirtAddr, size: u64) -> Result<Noted, LoadError> {
    let no = || LoadError::NoSymbol("vmemmap_base".into());
    let map = Memmap::of(t).ok_or_else(no)?;
    let phys = memmap::to_phys(t, at).ok_or_else(no)?;
    let pages: Pages = t.load(map.page(phys.0 / map.page_size))?;
    let offset = phys.0 % map.page_size;
    let memory = |page: VirtAddr| memmap::to_virt(t, map.memory(page)?);
    let shadow = memory(pages.kmsan_shadow).ok_or_else(no)?.offset(offset);
    let origin = memory(pages.kmsan_origin).ok_or_else(no)?.offset(offset & !(ORIGIN - 1));
    let size = size.clamp(1, map.page_size - offset);
    let bytes = t.memory().bytes(shadow, size as usize)?;
    Ok(Noted { shadow, unwritten: bytes.iter().any(|b| *b != 0), origin: t.memory().u32(origin)? })
}

/// Bytes of shadows and origins: two pages for each that has them. `None` in kernels without KMSAN.
pub fn held(t: &Target) -> Option<u64> {
    let offset = t.offset_of("page", "kmsan_shadow").ok()?;
    let shape = pages::Shape::of(t).ok()?;
    let watched = |count: &mut u64, page: pages::Page<'_>| {
        *count += u64::from(page.word_at(offset).is_some_and(|shadow| shadow != 0));
    };
    let count: u64 = pages::fold(t, &shape, || 0, watched).into_iter().sum();
    Some(count.saturating_mul(2 * t.page_size()))
}

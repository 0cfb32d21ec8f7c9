//! Where the kernel keeps one `struct page` for each page of memory.
//!
//! x86-64 has them at `vmemmap_base` (its address moves with KASLR since 4.8), arm64 at a fixed address of which VMCOREINFO has
//! the number; kernels of one flat array have `mem_map`; those without any of it (`CONFIG_SPARSEMEM` without `_VMEMMAP`) an array
//! for each section of memory.

use std::ops::Range;
use std::sync::Arc;

use necropsy_base::{MemoryExt, PhysAddr, VirtAddr};
use necropsy_target::Target;

use crate::sections;

/// Parts of memory with an array of their own; a machine with more, each apart from the others, is none.
const MAX_PARTS: usize = 4096;

/// The array of all `struct page`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memmap {
    /// Where the first page frame's would be.
    pub base: VirtAddr,
    /// Bytes from one to the next.
    pub stride: u64,
    /// Bytes of memory that each stands for.
    pub page_size: u64,
    /// Where there is no such array: the frames of each part of memory that has one of its own, in their order, and its base.
    parts: Arc<[(Range<u64>, VirtAddr)]>,
}

impl Memmap {
    /// The array of this kernel.
    pub fn of(t: &Target) -> Option<Memmap> {
        let stride = t.size_of("page").ok().filter(|n| (8..=1024).contains(n))?;
        let variable = || t.memory().ptr(t.symbol("vmemmap_base").or_else(|| t.symbol("mem_map"))?).ok();
        let base = variable().or_else(|| fixed(t, stride))?;
        let whole = Memmap { base, stride, page_size: t.page_size(), parts: Arc::new([]) };
        Some(if whole.is_there(t) { whole } else { whole.by_sections(t) })
    }

    /// Whether the array has the page that the kernel itself lies in.
    fn is_there(&self, t: &Target) -> bool {
        let kernel = t.symbol("_stext").and_then(|at| to_phys(t, at));
        kernel.is_none_or(|at| t.memory().u64(self.page(at.0 / self.page_size)).is_ok())
    }

    /// The arrays of sections, those with one base taken together; itself if there are none.
    fn by_sections(self, t: &Target) -> Memmap {
        let Ok((all, frames)) = sections::sections(t).map(|all| (all, sections::frames(t).unwrap_or(1)))
        else {
            return self;
        };
        let mut parts: Vec<(Range<u64>, VirtAddr)> = Vec::new();
        for section in all {
            let own = section.frame..section.frame.saturating_add(frames);
            match parts.last_mut() {
                Some((before, base)) if *base == section.coded && before.end == own.start => {
                    before.end = own.end
                }
                _ => parts.push((own, section.coded)),
            }
        }
        if parts.len() > MAX_PARTS {
            return self;
        }
        Memmap { parts: parts.into(), ..self }
    }

    /// The `struct page` of a page frame.
    pub fn page(&self, frame: u64) -> VirtAddr {
        let behind = self.parts.partition_point(|(frames, _)| frames.end <= frame);
        let part = self.parts.get(behind).filter(|(frames, _)| frames.contains(&frame));
        part.map_or(self.base, |(_, base)| *base).offset(frame.wrapping_mul(self.stride))
    }

    /// The page frame of the `struct page` at (or around) an address.
    pub fn frame(&self, page: VirtAddr) -> Option<u64> {
        let of = |base: VirtAddr| Some(page.0.checked_sub(base.0)? / self.stride);
        let part = self.parts.iter().find_map(|(frames, base)| of(*base).filter(|n| frames.contains(n)));
        part.or_else(|| of(self.base).filter(|_| self.parts.is_empty()))
    }

    /// The memory that a `struct page` stands for.
    pub fn memory(&self, page: VirtAddr) -> Option<PhysAddr> {
        self.frame(page)?.checked_mul(self.page_size).map(PhysAddr)
    }
}

/// arm64: `VMEMMAP_START` is that of the first page of memory (arch/arm64/include/asm/memory.h).
fn fixed(t: &Target, stride: u64) -> Option<VirtAddr> {
    let start = t.meta().vmcoreinfo.as_ref()?.number("VMEMMAP_START")? as u64;
    let first = t.memory().u64(t.symbol("memstart_addr")?).ok()?;
    Some(VirtAddr(start.wrapping_sub((first / t.page_size()).wrapping_mul(stride))))
}

/// The physical address behind an address of the direct map.
pub fn to_phys(t: &Target, at: VirtAddr) -> Option<PhysAddr> {
    match t.kernel() {
        Some(kernel) => kernel.to_phys(at).ok(),
        None => at.0.checked_sub(page_offset(t)?).map(PhysAddr),
    }
}

/// Where physical memory is mapped in the direct map.
pub fn to_virt(t: &Target, at: PhysAddr) -> Option<VirtAddr> {
    let known = t.kernel().and_then(|kernel| {
        let map = kernel.direct_map()?;
        let first = kernel.to_phys(VirtAddr(map.start)).ok()?;
        let virt = map.start.checked_add(at.0.checked_sub(first.0)?)?;
        map.contains(&virt).then_some(VirtAddr(virt))
    });
    known.or_else(|| page_offset(t)?.checked_add(at.0).map(VirtAddr))
}

/// `page_offset_base` (x86-64 with KASLR).
fn page_offset(t: &Target) -> Option<u64> {
    t.memory().u64(t.symbol("page_offset_base")?).ok()
}

//! What generic KASAN knows (mm/kasan/, 4.4 to 7.2): a byte of shadow for each eight bytes of memory says which of them may be touched, and
//! why not; behind each slab object stands who allocated it, in a freed one who freed it.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, LoadError, Target};

use crate::slab::{Track, Tracks};
use crate::stack_depot;

/// Bytes of memory for a byte of shadow (`KASAN_GRANULE_SIZE`).
pub const GRANULE: u64 = 8;
/// `CONFIG_KASAN_SHADOW_OFFSET` of x86-64, for page tables of four and of five levels.
const X86_OFFSET: u64 = 0xdffffc0000000000;
/// No access is looked at further.
const MAX_ACCESS: u64 = 1 << 16;

/// Why memory must not be touched, by its shadow byte (mm/kasan/kasan.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poison {
    /// Pages that are free.
    FreePage,
    /// Behind what was allocated as whole pages.
    PageRedZone,
    /// Behind what is in use of a slab object.
    SlabRedZone,
    /// A slab object that was freed.
    FreedObject,
    /// The same, or, up to 5.7, behind a global variable: one byte stood for both.
    FreedOrGlobal,
    /// Behind a global variable.
    Global,
    /// Around a variable on a stack.
    Stack,
    /// In the gaps and the unused rest of vmalloc areas.
    Vmalloc,
}

impl Poison {
    /// What a byte of shadow says; `None` if some or all of the eight bytes may be touched, or the value has no meaning.
    pub fn of(byte: u8) -> Option<Poison> {
        Some(match byte {
            0xff => Poison::FreePage,
            0xfe => Poison::PageRedZone,
            0xfc => Poison::SlabRedZone,
            0xfb => Poison::FreedObject,
            0xfa => Poison::FreedOrGlobal,
            0xf9 => Poison::Global,
            0xf8 => Poison::Vmalloc,
            0xf1..=0xf4 | 0xca | 0xcb => Poison::Stack,
            _ => return None,
        })
    }
}

/// The shadow of a kernel's memory.
#[derive(Clone, Copy, Debug)]
pub struct Shadow {
    offset: u64,
}

/// What stands in the way of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The first byte that may not be touched, to the granule.
    pub at: VirtAddr,
    /// Its shadow.
    pub byte: u8,
    /// Why not.
    pub why: Poison,
}

impl Shadow {
    /// The shadow; `None` if the kernel has none, or it is not known where.
    pub fn of(t: &Target) -> Option<Shadow> {
        // Kernels that tag pointers instead have no such function.
        t.symbol("__asan_report_load8_noabort").filter(|_| t.arch().name() == "x86_64")?;
        Some(Shadow { offset: X86_OFFSET })
    }

    /// Where the shadow of an address is.
    pub fn address(&self, at: VirtAddr) -> VirtAddr {
        VirtAddr((at.0 >> 3).wrapping_add(self.offset))
    }

    /// The address that a place in the shadow stands for, if it is one.
    pub fn memory_of(&self, shadow: VirtAddr) -> VirtAddr {
        VirtAddr(shadow.0.wrapping_sub(self.offset) << 3)
    }

    /// The shadow of an address.
    pub fn byte(&self, t: &Target, at: VirtAddr) -> Option<u8> {
        let mut byte = [0];
        t.memory().read(self.address(at), &mut byte).ok()?;
        Some(byte[0])
    }

    /// Whether a slab object was freed and not given out again.
    pub fn is_freed(&self, t: &Target, object: VirtAddr) -> bool {
        let why = self.byte(t, object).and_then(Poison::of);
        matches!(why, Some(Poison::FreedObject | Poison::FreedOrGlobal))
    }

    /// What stands in the way of an access to `size` bytes.
    pub fn bad(&self, t: &Target, at: VirtAddr, size: u64) -> Option<Bad> {
        let end = at.0.checked_add(size.clamp(1, MAX_ACCESS))?;
        let first = at.0 & !(GRANULE - 1);
        let granules = (first..end).step_by(GRANULE as usize);
        granules.map(VirtAddr).find_map(|granule| {
            let byte = self.byte(t, granule).filter(|b| *b != 0)?;
            // A number below 8: so many bytes at the beginning may be touched.
            let (from, byte) = match u64::from(byte) {
                n @ 1..GRANULE if granule.0 + n < end => {
                    (granule.offset(n), self.byte(t, granule.offset(GRANULE))?)
                }
                1..GRANULE => return None,
                _ => (VirtAddr(granule.0.max(at.0)), byte),
            };
            Some(Bad { at: from, byte, why: Poison::of(byte)? })
        })
    }

    /// How many bytes of a slab object its user asked for; `None` if it is freed, or that cannot be told.
    pub fn asked(&self, t: &Target, object: VirtAddr, most: u64) -> Option<u64> {
        let mut size = 0;
        while size < most.min(MAX_ACCESS) {
            match u64::from(self.byte(t, object.offset(size))?) {
                0 => size += GRANULE,
                n @ 1..GRANULE => return Some(size + n),
                _ => break,
            }
        }
        (size > 0).then(|| size.min(most))
    }
}

/// What begins a frame that the compiler described for KASAN (`KASAN_CURRENT_STACK_FRAME_MAGIC`); a pointer to the description follows.
const FRAME: u64 = 0x41b5_8ab3;
/// Frames are not larger.
const MAX_FRAME: u64 = 1 << 13;
/// Descriptions are not longer.
const MAX_TEXT: usize = 2048;

/// A variable on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, escaped.
    pub name: String,
    /// Where it is.
    pub at: VirtAddr,
    /// Bytes of it.
    pub size: u64,
}

/// The variable on a stack that an address lies in, or behind: the compiler leaves a description in each frame that it instruments, as
/// `2 32 8 3 len 96 32 4 name:30`, a count, and offset, size, length of the name and name of each.
pub fn variable(t: &Target, at: VirtAddr) -> Option<Variable> {
    let low = at.0.saturating_sub(MAX_FRAME);
    let mut place = at.0 & !7;
    let base = loop {
        if t.memory().word(VirtAddr(place)).ok()? == FRAME {
            break VirtAddr(place);
        }
        place = place.checked_sub(8).filter(|p| *p >= low)?;
    };
    let text = t.memory().cstr(t.memory().ptr(base.offset(8)).ok()?, MAX_TEXT).ok()?;
    let words: Vec<&[u8]> = text.split(|b| *b == b' ').collect();
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<u64>().ok();
    let all = words.get(1..)?.chunks_exact(4).filter_map(|of| {
        let (offset, size) = (number(of[0])?, number(of[1])?);
        let name = of[3].split(|b| *b == b':').next()?.escape_ascii().to_string();
        Some(Variable { name, at: base.offset(offset), size })
    });
    all.filter(|v| v.at <= at).max_by_key(|v| v.at)
}

#[derive(Load)]
#[kernel(name = "kmem_cache")]
struct Places {
    #[kernel(path = "kasan_info.alloc_meta_offset")]
    allocated: i32,
    #[kernel(path = "kasan_info.free_meta_offset")]
    freed: i32,
}

#[derive(Load)]
#[kernel(name = "kasan_track")]
struct RawTrack {
    pid: u32,
    stack: u32,
}

/// Who allocated the object at `object` of the cache at `cache`, and who freed it, as KASAN noted.
pub fn tracks(t: &Target, cache: VirtAddr, object: VirtAddr) -> Result<Tracks, LoadError> {
    let Some(shadow) = Shadow::of(t) else { return Ok(Tracks::default()) };
    let Ok(places) = t.load::<Places>(cache) else { return Ok(Tracks::default()) };
    let none = |e: LoadError| matches!(e, LoadError::NoStruct(_) | LoadError::NoMember { .. });
    let track = |place: i32, of: &str, member: &str| match t.offset_of(of, member) {
        Ok(offset) if (0..i32::MAX).contains(&place) => track(t, object.offset(place as u64 + offset)),
        Err(e) if !none(e.clone()) => Err(e),
        _ => Ok(None),
    };
    // Nothing stands there where the place is 0: that is where the object itself begins.
    let allocated = match places.allocated {
        0 => None,
        at => track(at, "kasan_alloc_meta", "alloc_track")?,
    };
    // What a free object has of this is valid only where its shadow says so.
    let freed = match shadow.byte(t, object).and_then(Poison::of) {
        Some(Poison::FreedOrGlobal) => track(places.freed, "kasan_free_meta", "free_track")?,
        _ => None,
    };
    Ok(Tracks { allocated, freed })
}

fn track(t: &Target, at: VirtAddr) -> Result<Option<Track>, LoadError> {
    let raw: RawTrack = t.load(at)?;
    if raw.stack == 0 {
        return Ok(None);
    }
    let stack = stack_depot::code(t, raw.stack)?;
    let first = stack.first().copied();
    Ok(first.map(|caller| Track { at, caller, cpu: -1, pid: raw.pid.into(), jiffies: 0, stack }))
}

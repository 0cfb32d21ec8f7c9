//! What a process has mapped: its `struct vm_area_struct`s, in a maple tree since 6.1, on a list before (mm/mmap.c).

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::list::Walk;
use necropsy_target::{At, Load, LoadError, Target};

use crate::containers;

/// No process has more mappings (`sysctl_max_map_count` is 65530 unless somebody raised it).
const MAX_AREAS: usize = 1 << 20;

/// A process's address space.
#[derive(Clone, Debug, Load)]
#[kernel(name = "mm_struct")]
pub struct Space {
    /// Its `struct mm_struct`.
    #[kernel(this)]
    pub at: VirtAddr,
    /// Its top page table.
    pub pgd: VirtAddr,
    /// Pages mapped.
    pub total_vm: u64,
    #[kernel(path = "mm_mt")]
    tree: Option<At>,
    #[kernel(path = "mmap")]
    list: Option<VirtAddr>,
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq, Load)]
#[kernel(name = "vm_area_struct")]
pub struct Area {
    /// Its `struct vm_area_struct`.
    #[kernel(this)]
    pub at: VirtAddr,
    /// Its first address.
    #[kernel(path = "vm_start")]
    pub start: VirtAddr,
    /// The first address behind it.
    #[kernel(path = "vm_end")]
    pub end: VirtAddr,
    /// What is allowed and how it behaves.
    #[kernel(path = "vm_flags")]
    pub flags: u64,
    /// Where in the file it begins, in pages.
    #[kernel(path = "vm_pgoff")]
    pub offset: u64,
    /// Its `struct file`; null for memory of its own.
    #[kernel(path = "vm_file")]
    pub file: VirtAddr,
    /// Whose it is.
    #[kernel(path = "vm_mm")]
    pub space: VirtAddr,
}

/// The address space at an address.
pub fn space(t: &Target, mm: VirtAddr) -> Result<Space, LoadError> {
    t.load(mm)
}

/// All mappings of an address space, by address.
pub fn areas(t: &Target, space: &Space) -> Result<Walk<Area>, LoadError> {
    match (space.tree, space.list) {
        (Some(tree), _) => in_tree(t, tree.0),
        (None, first) => listed(t, first.unwrap_or(VirtAddr(0))),
    }
}

fn in_tree(t: &Target, at: VirtAddr) -> Result<Walk<Area>, LoadError> {
    let found = containers::maple(t, at)?;
    let mut walk = Walk { items: Vec::new(), problem: found.problem };
    for range in found.items {
        match t.load::<Area>(range.entry) {
            Ok(area) => walk.items.push(area),
            Err(e) => walk.problem = Some(e.to_string()),
        }
    }
    Ok(walk)
}

fn listed(t: &Target, first: VirtAddr) -> Result<Walk<Area>, LoadError> {
    let next = t.offset_of("vm_area_struct", "vm_next")?;
    let (mut walk, mut seen) = (Walk { items: Vec::new(), problem: None }, HashSet::new());
    let mut at = first;
    while !at.is_null() {
        if !seen.insert(at) || seen.len() > MAX_AREAS || t.budget().step().is_err() {
            walk.problem = Some(format!("the list of mappings loops or is too long at {at:#x}"));
            break;
        }
        let link = t.memory().ptr(at.offset(next));
        match (t.load::<Area>(at), link) {
            (Ok(area), Ok(link)) => {
                walk.items.push(area);
                at = link;
            }
            (Err(e), _) => {
                walk.problem = Some(e.to_string());
                break;
            }
            (_, Err(e)) => {
                walk.problem = Some(e.to_string());
                break;
            }
        }
    }
    Ok(walk)
}

/// The mapping that holds an address.
pub fn holding(t: &Target, mm: VirtAddr, at: VirtAddr) -> Option<Area> {
    let areas = areas(t, &space(t, mm).ok()?).ok()?;
    areas.items.into_iter().find(|a| a.start <= at && at < a.end)
}

/// Names of the flags (include/linux/mm.h); the bits have been the same from 4.19 on, up to what architectures use for themselves.
const FLAGS: &[(u32, &str)] = &[
    (0, "READ"),
    (1, "WRITE"),
    (2, "EXEC"),
    (3, "SHARED"),
    (4, "MAYREAD"),
    (5, "MAYWRITE"),
    (6, "MAYEXEC"),
    (7, "MAYSHARE"),
    (8, "GROWSDOWN"),
    (9, "UFFD_MISSING"),
    (10, "PFNMAP"),
    (12, "UFFD_WP"),
    (13, "LOCKED"),
    (14, "IO"),
    (15, "SEQ_READ"),
    (16, "RAND_READ"),
    (17, "DONTCOPY"),
    (18, "DONTEXPAND"),
    (19, "LOCKONFAULT"),
    (20, "ACCOUNT"),
    (21, "NORESERVE"),
    (22, "HUGETLB"),
    (23, "SYNC"),
    (24, "ARCH_1"),
    (25, "WIPEONFORK"),
    (26, "DONTDUMP"),
    (27, "SOFTDIRTY"),
    (28, "MIXEDMAP"),
    (29, "HUGEPAGE"),
    (30, "NOHUGEPAGE"),
    (31, "MERGEABLE"),
];

/// `VM_DENYWRITE`, gone with 5.15; the bit was free until 6.x gave it to others.
const DENYWRITE: u32 = 11;

/// What flags of a mapping mean.
pub fn flag_names(flags: u64) -> Vec<&'static str> {
    let known = FLAGS.iter().chain(&[(DENYWRITE, "DENYWRITE")]);
    let mut set: Vec<_> = known.filter(|(bit, _)| flags >> bit & 1 == 1).collect();
    set.sort_by_key(|(bit, _)| *bit);
    set.into_iter().map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn flags_by_bit() {
        assert_eq!(super::flag_names(0x800_0075).join("|"), "READ|EXEC|MAYREAD|MAYWRITE|MAYEXEC|SOFTDIRTY");
        assert!(super::flag_names(0).is_empty());
    }
}

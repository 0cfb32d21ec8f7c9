//! What memory was used for, to the page: the counters behind /proc/meminfo and /proc/vmstat, taken together so that nothing is
//! counted twice, and what is in none of them (mm/vmstat.c, fs/proc/meminfo.c; 4.19 to 7.2).

mod cgroups;
mod counters;
mod files;
mod huge;
mod tables;
mod zones;

use necropsy_base::MemoryExt;
use necropsy_target::{LoadError, Target};

pub use cgroups::{Cgroup, cgroups};
pub use counters::Counters;
pub use files::{File, FileSystem, buffers, shared_files};
pub use huge::{HugePages, huge_pages};
pub use tables::{Counter, counter_names, event_table, node_table, numa_table, zone_table};
pub use zones::{Zone, zones};

/// What memory is used for. Nothing belongs to two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Free.
    Free,
    /// Free too, but kept by CPUs for their own next use.
    FreeOnCpus,
    /// Memory of processes that is in no file.
    Anonymous,
    /// Contents of files and block devices.
    File,
    /// Files in tmpfs, shared memory.
    Shared,
    /// Slabs whose contents can be thrown away.
    SlabReclaimable,
    /// Slabs whose contents cannot.
    SlabUnreclaimable,
    /// Page tables.
    PageTables,
    /// Kernel stacks.
    Stacks,
    /// vmalloc(), but for stacks.
    Vmalloc,
    /// Per-CPU variables.
    PerCpu,
    /// Huge pages of hugetlbfs, used or not.
    Huge,
    /// What KMSAN notes of all other memory.
    Kmsan,
    /// In none of the counters: pages that drivers took for themselves.
    Unaccounted,
}

impl Use {
    /// What it is called in a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Use::Free => "free",
            Use::FreeOnCpus => "free, kept by CPUs",
            Use::Anonymous => "anonymous memory of processes",
            Use::File => "contents of files",
            Use::Shared => "tmpfs and shared memory",
            Use::SlabReclaimable => "slab caches, reclaimable",
            Use::SlabUnreclaimable => "slab caches, not reclaimable",
            Use::PageTables => "page tables",
            Use::Stacks => "kernel stacks",
            Use::Vmalloc => "vmalloc",
            Use::PerCpu => "per-CPU variables",
            Use::Huge => "huge pages",
            Use::Kmsan => "KMSAN's shadows and origins",
            Use::Unaccounted => "in no statistics",
        }
    }
}

/// What all memory was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Bytes that the kernel's page allocator manages.
    pub total: u64,
    /// What they are used for; adds up to `total`, unless the counters contradict each other.
    pub uses: Vec<(Use, u64)>,
    /// The counters, for more.
    pub counters: Counters,
}

impl Account {
    /// Bytes of one use.
    pub fn of(&self, what: Use) -> u64 {
        self.uses.iter().find(|(u, _)| *u == what).map_or(0, |(_, bytes)| *bytes)
    }
    /// The share of all memory that one use has.
    pub fn share(&self, what: Use) -> f64 {
        self.of(what) as f64 / self.total.max(1) as f64
    }
}

/// Adds memory up.
pub fn account(t: &Target) -> Result<Account, LoadError> {
    let (counters, zones) = (Counters::read(t)?, zones(t));
    let page = t.page_size();
    let pages = |name: &str| counters.pages(name).saturating_mul(page);
    let managed: u64 = zones.iter().map(|z| z.managed).sum();
    let counted = t.symbol("_totalram_pages").or_else(|| t.symbol("totalram_pages"));
    let total = counted.and_then(|at| t.memory().word(at).ok()).unwrap_or(managed).saturating_mul(page);
    let shared = pages("NR_SHMEM");
    let stacks = counters.pages("NR_KERNEL_STACK_KB").saturating_mul(1024);
    let swapped = match pages("NR_SWAPCACHE") {
        0 => crate::swap::cached(t).unwrap_or(0).saturating_mul(page),
        counted => counted,
    };
    let file = pages("NR_FILE_PAGES").saturating_sub(shared).saturating_sub(swapped);
    let mut uses = vec![
        (Use::Free, pages("NR_FREE_PAGES")),
        (Use::FreeOnCpus, zones.iter().map(|z| z.on_cpus).sum::<u64>().saturating_mul(page)),
        (Use::Anonymous, pages("NR_ANON_MAPPED|NR_ANON_PAGES")),
        (Use::File, file),
        (Use::Shared, shared),
        (Use::SlabReclaimable, pages("NR_SLAB_RECLAIMABLE_B|NR_SLAB_RECLAIMABLE")),
        (Use::SlabUnreclaimable, pages("NR_SLAB_UNRECLAIMABLE_B|NR_SLAB_UNRECLAIMABLE")),
        (Use::PageTables, pages("NR_PAGETABLE").saturating_add(pages("NR_SECONDARY_PAGETABLE"))),
        (Use::Stacks, stacks),
        (Use::Vmalloc, vmalloc(t, &counters).saturating_sub(stacks)),
        (Use::PerCpu, percpu(t).unwrap_or(0)),
        (Use::Huge, huge(t)),
    ];
    let known = uses.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let rest = total.saturating_sub(known);
    // A part of that was never the allocator's, and is not in the total.
    let noted = crate::kmsan::held(t).map(|bytes| bytes.min(rest));
    uses.extend(noted.map(|bytes| (Use::Kmsan, bytes)));
    uses.push((Use::Unaccounted, rest - noted.unwrap_or(0)));
    Ok(Account { total, uses, counters })
}

/// Bytes of vmalloc(): a counter of its own up to 6.18, one of the nodes' since. The stacks of tasks are among them where they
/// are mapped (`CONFIG_VMAP_STACK`); on others the difference is taken from nothing.
fn vmalloc(t: &Target, counters: &Counters) -> u64 {
    let own = t.symbol("nr_vmalloc_pages").and_then(|at| t.memory().word(at).ok());
    own.unwrap_or_else(|| counters.pages("NR_VMALLOC")).saturating_mul(t.page_size())
}

/// Bytes of per-CPU variables: pages of one CPU's part, times the parts (`pcpu_nr_pages()`).
fn percpu(t: &Target) -> Option<u64> {
    let populated = t.memory().word(t.symbol("pcpu_nr_populated")?).ok()?;
    let units = t.symbol("pcpu_nr_units").and_then(|at| t.memory().u32(at).ok());
    populated.checked_mul(units.map_or(t.cpus().len() as u64, u64::from))?.checked_mul(t.page_size())
}

/// Bytes of huge pages that hugetlbfs has.
fn huge(t: &Target) -> u64 {
    huge_pages(t).iter().fold(0, |sum, h| sum.saturating_add(h.total.saturating_mul(h.size)))
}

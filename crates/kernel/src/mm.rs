//! Address spaces of processes.

use necropsy_base::{MemoryExt, PhysAddr, ReadError, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target, UserMemory};

use crate::tasks::Task;

/// How much memory a process has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Size of its mappings, in bytes.
    pub virtual_bytes: u64,
    /// What of it is in memory, in bytes.
    pub resident_bytes: u64,
}

#[derive(Load)]
#[kernel(name = "mm_struct")]
struct Mm {
    total_vm: u64,
}

#[derive(Load)]
#[kernel(one_of)]
enum Counts {
    // First: every kernel has a member rss_stat, but only the old one has a count in it.
    Plain(PlainCounts),
    PerCpu(PerCpuCounts),
}

/// 6.2 and later: a counter with a part on each CPU.
#[derive(Load)]
#[kernel(name = "mm_struct")]
struct PerCpuCounts {
    rss_stat: ArrayAt,
}

/// Before: one number, of which each thread may hold back up to 64 (`SPLIT_RSS_COUNTING`).
#[derive(Load)]
#[kernel(name = "mm_struct")]
struct PlainCounts {
    #[kernel(path = "rss_stat.count")]
    count: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "percpu_counter")]
struct PerCpuCounter {
    count: i64,
    counters: VirtAddr,
}

impl Counts {
    fn get(&self, t: &Target, index: u64) -> Result<i64, LoadError> {
        match self {
            Counts::Plain(c) => Ok(c.count.element(index).map_or(Ok(0), |at| t.memory().word(at))? as i64),
            Counts::PerCpu(c) => match c.rss_stat.element(index) {
                Some(at) => Ok(t.load::<PerCpuCounter>(at)?.sum(t)),
                None => Ok(0),
            },
        }
    }
}

impl PerCpuCounter {
    fn sum(&self, t: &Target) -> i64 {
        let part = |cpu: usize| t.memory().u32(t.percpu(self.counters, cpu)?).ok();
        let parts = t.cpus().iter().filter_map(|(cpu, _)| part(*cpu));
        self.count + parts.map(|n| i64::from(n as i32)).sum::<i64>()
    }
}

/// The value of the `struct percpu_counter` at an address.
pub fn percpu_counter(t: &Target, at: VirtAddr) -> Result<i64, LoadError> {
    Ok(t.load::<PerCpuCounter>(at)?.sum(t))
}

/// What kinds of pages a process has in memory, and how many in swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Pages of files.
    pub file: u64,
    /// Pages of its own.
    pub anonymous: u64,
    /// Pages of tmpfs and shared memory.
    pub shared: u64,
    /// Pages of its own that are in swap: no memory.
    pub swapped: u64,
}

/// `MM_FILEPAGES`, `MM_ANONPAGES`, `MM_SWAPENTS` and `MM_SHMEMPAGES` (include/linux/mm_types_task.h).
const KINDS: [u64; 4] = [0, 1, 2, 3];

#[derive(Load)]
#[kernel(name = "task_struct")]
struct HeldBack {
    #[kernel(path = "rss_stat.count")]
    count: ArrayAt,
}

/// What the process's threads have counted of each kind but not yet added (`task_struct.rss_stat`, gone with 6.2).
fn held_back(t: &Target, task: &Task) -> [i64; 4] {
    let offsets = t
        .offset_of("task_struct", "rss_stat.count")
        .and_then(|_| t.offset_of("signal_struct", "thread_head"))
        .and_then(|head| Ok((head, t.offset_of("task_struct", "thread_node")?)));
    let Ok((head, node)) = offsets else { return [0; 4] };
    let mut sums = [0i64; 4];
    let threads = crate::containers::list(t, task.signal.offset(head), node);
    for held in threads.items.into_iter().filter_map(|at| t.load::<HeldBack>(at).ok()) {
        let part = |i: u64| t.memory().u32(held.count.element(i)?).ok();
        let parts = KINDS.map(|i| part(i).map_or(0, |n| i64::from(n as i32)));
        sums.iter_mut().zip(parts).for_each(|(sum, n)| *sum = sum.saturating_add(n));
    }
    sums
}

/// The counts of each kind of the task's process, all of its threads' together. One may be below zero where another has the rest.
fn counted(t: &Target, task: &Task) -> Result<[i64; 4], LoadError> {
    let (counts, held) = (t.load::<Counts>(task.mm)?, held_back(t, task));
    let mut sums = held;
    sums.iter_mut().zip(KINDS).for_each(|(sum, i)| *sum = sum.saturating_add(counts.get(t, i).unwrap_or(0)));
    Ok(sums)
}

/// Reads what kinds of pages the task's process has; none for kernel threads.
pub fn resident(t: &Target, task: &Task) -> Result<Resident, LoadError> {
    if task.mm.is_null() {
        return Ok(Resident::default());
    }
    let [file, anonymous, swapped, shared] = counted(t, task)?.map(|n| n.max(0) as u64);
    Ok(Resident { file, anonymous, shared, swapped })
}

/// Reads how much memory the task's process has; zero for kernel threads.
pub fn usage(t: &Target, task: &Task) -> Result<Usage, LoadError> {
    if task.mm.is_null() {
        return Ok(Usage::default());
    }
    let mm: Mm = t.load(task.mm)?;
    let [file, anonymous, _, shared] = counted(t, task)?;
    let pages = file.saturating_add(anonymous).saturating_add(shared).max(0) as u64;
    let bytes = |pages: u64| pages.saturating_mul(t.page_size());
    Ok(Usage { virtual_bytes: bytes(mm.total_vm), resident_bytes: bytes(pages) })
}

#[derive(Load)]
#[kernel(name = "mm_struct")]
struct Strings {
    pgd: VirtAddr,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
}

/// No process is given more.
const MAX_STRINGS: u64 = 1 << 20;

/// Physical address of the top page table of a task's process.
pub fn page_tables(t: &Target, task: &Task) -> Result<PhysAddr, LoadError> {
    let kernel = t.kernel().ok_or(LoadError::NoTypes)?;
    let raw: Strings = t.load(task.mm)?;
    let root = kernel.to_phys(raw.pgd);
    Ok(root.map_err(|why| ReadError::kernel(raw.pgd, why))?)
}

/// The address space of a task's process; `None` for kernel threads.
pub fn user_memory(t: &Target, task: &Task) -> Result<Option<UserMemory>, LoadError> {
    let Some(kernel) = t.kernel().filter(|_| !task.mm.is_null()) else {
        return Ok(None);
    };
    Ok(Some(UserMemory::new(kernel, page_tables(t, task)?)))
}

/// The strings a process was started with: its arguments and its environment.
#[allow(clippy::type_complexity)]
pub fn arguments(t: &Target, task: &Task) -> Result<(Vec<Vec<u8>>, Vec<Vec<u8>>), LoadError> {
    let Some(memory) = user_memory(t, task)? else {
        return Ok(Default::default());
    };
    let raw: Strings = t.load(task.mm)?;
    let strings = |start: u64, end: u64| -> Result<Vec<Vec<u8>>, LoadError> {
        let len = end.saturating_sub(start).min(MAX_STRINGS);
        let bytes = memory.bytes(VirtAddr(start), len as usize)?;
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        Ok(if bytes.is_empty() { Vec::new() } else { bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect() })
    };
    Ok((strings(raw.arg_start, raw.arg_end)?, strings(raw.env_start, raw.env_end)?))
}

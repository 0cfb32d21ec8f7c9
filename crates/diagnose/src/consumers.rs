//! Who has the memory: the largest takers in the kernel and among processes and files, each with what proves it.

use std::collections::{HashMap, HashSet};

use necropsy_base::VirtAddr;
use necropsy_kernel::meminfo::{self, Account, File, Use};
use necropsy_kernel::slab::{self, Cache};
use necropsy_kernel::tasks::Task;
use necropsy_kernel::{memmap::Memmap, mm, pages, vmalloc};
use necropsy_report::TaskInfo;
use necropsy_target::Target;

use crate::{Case, allocators, calls, holders, present};

/// A part of memory that one taker in the kernel has is unusual from here on.
const UNUSUAL: f64 = 0.15;
/// The same for pages that are in no statistics: some drivers and balloons have many.
const UNUSUAL_UNACCOUNTED: f64 = 0.2;
/// Slabs are asked of so many of the largest caches.
const CACHES: usize = 3;
/// So many modules' pointers to lost pages say whose they are.
const ENOUGH_POINTERS: usize = 8;

/// One who has much memory.
#[derive(Clone, Debug)]
pub struct Taker {
    /// Who.
    pub who: Who,
    /// Bytes of memory.
    pub bytes: u64,
}

/// Who has it.
#[derive(Clone, Debug)]
pub enum Who {
    /// A slab cache, and where its objects are allocated.
    Cache {
        /// The cache.
        cache: Box<Cache>,
        /// How many objects are in use.
        objects: Option<u64>,
        /// Calls that allocate from it: one in each function.
        sites: Vec<VirtAddr>,
    },
    /// Areas of vmalloc() that one place in the code asked for.
    Vmalloc {
        /// The place: where the call returns to.
        caller: VirtAddr,
        /// How many areas.
        areas: u64,
        /// The `struct vm_struct` of one of them.
        example: VirtAddr,
    },
    /// Pages in no statistics.
    Pages {
        /// How many of those were found that nothing describes.
        found: u64,
        /// The module whose data has most pointers to them, how many, and where the first is.
        holder: Option<(String, usize, VirtAddr)>,
        /// Calls in that module, or in all if there is none, that take pages: one in each function.
        sites: Vec<VirtAddr>,
    },
    /// The memory of a process, or of all that have its name.
    Process {
        /// The process; of several the largest.
        task: TaskInfo,
        /// How many there are.
        count: usize,
    },
    /// Files in memory, the largest of them, and how many.
    Files {
        /// The `struct super_block`.
        at: VirtAddr,
        /// `tmpfs` …
        kind: String,
        /// The largest.
        largest: Option<File>,
        /// How many.
        count: u64,
    },
}

impl Taker {
    /// Whether it is the kernel itself that has it.
    pub fn is_kernel(&self) -> bool {
        !matches!(self.who, Who::Process { .. } | Who::Files { .. })
    }

    /// Where in the code it asks for memory, where that is known.
    pub fn sites(&self) -> Vec<VirtAddr> {
        match &self.who {
            Who::Cache { sites, .. } | Who::Pages { sites, .. } => sites.clone(),
            // The caller is a return address: the call stands before it.
            Who::Vmalloc { caller, .. } => vec![caller.moved(-1)],
            Who::Process { .. } | Who::Files { .. } => Vec::new(),
        }
    }

    /// What it is called in a sentence.
    pub fn text(&self, t: &Target) -> String {
        match &self.who {
            Who::Cache { cache, objects, .. } => {
                let objects =
                    objects.map(|n| format!("{n} objects of {} bytes in ", cache.layout.object_size));
                format!("{}slab cache {}", objects.unwrap_or_default(), cache.name)
            }
            Who::Vmalloc { caller, areas, .. } => {
                format!("{areas} areas of vmalloc() that {} asked for", t.describe(caller.moved(-1)))
            }
            Who::Pages { holder, found, .. } => {
                let holder = holder.as_ref().map(|(m, ..)| format!(", of which module {m} knows some"));
                format!("{found} pages that are in no statistics{}", holder.unwrap_or_default())
            }
            Who::Process { task, count: 1 } => format!("process {} ({})", task.comm, task.pid),
            Who::Process { task, count } => {
                format!("{count} processes {}, the largest {}", task.comm, task.pid)
            }
            Who::Files { kind, largest, count, .. } => {
                let largest = largest.as_ref().filter(|f| !f.path.is_empty());
                let most = largest.map(|f| format!(", the largest {} of {}", f.path, size(f.size)));
                format!("{count} files in {kind}{}", most.unwrap_or_default())
            }
        }
    }
}

/// A number of bytes as a person says it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

/// All memory added up, and who has most of it.
pub struct Consumers {
    /// All memory.
    pub account: Account,
    /// Takers in the kernel that have unusually much, the largest first.
    pub kernel: Vec<Taker>,
    /// The largest among processes and files, the largest first.
    pub others: Vec<Taker>,
}

impl Consumers {
    /// Who has the memory; `None` if it cannot be added up, which is noted.
    pub fn find(case: &Case) -> Option<Consumers> {
        let t = &case.target;
        let account = meminfo::account(t).map_err(|e| t.note(format!("memory: {e}"))).ok()?;
        let mut kernel = caches(t, &account);
        kernel.extend(areas(t, &account));
        kernel.extend(unaccounted(t, &account));
        let mut others: Vec<Taker> = processes(case, &account).into_iter().chain(files(t)).collect();
        for list in [&mut kernel, &mut others] {
            list.sort_by_key(|taker| std::cmp::Reverse(taker.bytes));
        }
        Some(Consumers { account, kernel, others })
    }

    /// Whether the kernel has unusually much, without looking closer: cheap.
    pub fn suspicious(t: &Target) -> bool {
        let Ok(account) = meminfo::account(t) else { return false };
        account.share(Use::SlabUnreclaimable) > 2.0 * UNUSUAL
            || account.share(Use::Vmalloc) > 2.0 * UNUSUAL
            || account.share(Use::Unaccounted) > 2.0 * UNUSUAL
    }
}

/// Caches that have unusually much.
fn caches(t: &Target, account: &Account) -> Vec<Taker> {
    let slabs = account.share(Use::SlabUnreclaimable) + account.share(Use::SlabReclaimable);
    if slabs < UNUSUAL {
        return Vec::new();
    }
    let all = match slab::caches(t) {
        Ok(walk) => walk.or_note(t, "slab caches"),
        Err(e) => {
            t.note(format!("slab caches: {e}"));
            return Vec::new();
        }
    };
    let mut sized: Vec<(u64, Cache)> =
        all.into_iter().filter_map(|c| Some((slab::bytes(t, &c)?, c))).collect();
    sized.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let unusual = |(bytes, _): &(u64, Cache)| *bytes as f64 > UNUSUAL * account.total as f64;
    let taker = |(bytes, cache): (u64, Cache)| {
        let sites = calls::functions(t, &calls::allocations(t, cache.at));
        let objects = slab::count(t, &cache).ok().and_then(|count| count.in_use());
        Taker { who: Who::Cache { cache: Box::new(cache), objects, sites }, bytes }
    };
    sized.into_iter().take(CACHES).filter(unusual).map(taker).collect()
}

/// Places in the code that were given unusually much by vmalloc().
fn areas(t: &Target, account: &Account) -> Vec<Taker> {
    if account.share(Use::Vmalloc) < UNUSUAL {
        return Vec::new();
    }
    let Ok(areas) = vmalloc::areas(t) else { return Vec::new() };
    let areas = areas.or_note(t, "vmalloc areas");
    let page = t.page_size();
    let taker = |by: vmalloc::ByCaller| {
        let example = areas.iter().filter(|a| a.caller == by.caller).find_map(|a| a.vm)?;
        let bytes = by.pages.saturating_mul(page);
        let who = Who::Vmalloc { caller: by.caller, areas: by.areas, example };
        (bytes as f64 > UNUSUAL * account.total as f64).then_some(Taker { who, bytes })
    };
    vmalloc::by_caller(&areas).into_iter().filter_map(taker).collect()
}

/// Pages that nobody counts, and which module knows them.
fn unaccounted(t: &Target, account: &Account) -> Option<Taker> {
    if account.share(Use::Unaccounted) < UNUSUAL_UNACCOUNTED {
        return None;
    }
    let lost = lost_pages(t);
    let holder = holder(t, &lost);
    let module = holder.as_ref().and_then(|(name, ..)| t.modules().named(name));
    let code = module.map_or_else(|| calls::modules(t), |m| m.text.clone());
    let calls = calls::calls_of(t, &code, &calls::addresses(t, allocators::GIVE_PAGES));
    let sites = calls::functions(t, &calls);
    let who = Who::Pages { found: lost.len() as u64, holder, sites };
    Some(Taker { who, bytes: account.of(Use::Unaccounted) })
}

/// Pages that are in use, but are none of anything that the kernel keeps statistics of.
fn lost_pages(t: &Target) -> HashSet<u64> {
    let plain = |p: &pages::Page<'_>| {
        p.references().is_some_and(|n| n > 0)
            && !p.is_tail()
            && !p.is_slab()
            && p.mapping() == 0
            && p.raw_type() == Some(u32::MAX)
            && !["lru", "reserved", "swapbacked", "hwpoison"].iter().any(|f| p.has(f))
    };
    let mut lost: HashSet<u64> = pages::select(t, plain).unwrap_or_default().into_iter().collect();
    let map = Memmap::of(t);
    let areas = vmalloc::areas(t).map(|w| w.items).unwrap_or_default();
    for area in areas.iter().filter(|a| a.pages > 0 && a.pages < 1 << 24) {
        let end = area.page_array.offset(area.pages * u64::from(t.abi().word)).0;
        holders::scan(t, &(area.page_array.0..end), &mut |_, page| {
            if let Some(frame) = map.as_ref().and_then(|m| m.frame(VirtAddr(page))) {
                lost.remove(&frame);
            }
        });
    }
    lost
}

/// The module whose data has most pointers to these pages: to their `struct page`, or to their memory.
fn holder(t: &Target, lost: &HashSet<u64>) -> Option<(String, usize, VirtAddr)> {
    let map = Memmap::of(t)?;
    let direct = t.kernel().and_then(|k| k.direct_map());
    let is_one = |value: u64| {
        let at = VirtAddr(value);
        let described = map.frame(at).filter(|frame| map.page(*frame) == at);
        let in_direct =
            || direct.as_ref().filter(|d| d.contains(&value)).map(|d| (value - d.start) / map.page_size);
        described.filter(|f| lost.contains(f)).or_else(in_direct).is_some_and(|frame| lost.contains(&frame))
    };
    let found = holders::in_modules(t, is_one);
    let count = |module: &str| found.iter().filter(|h| h.module == module).count();
    let best = found.iter().max_by_key(|h| count(&h.module))?;
    let first = found.iter().find(|h| h.module == best.module)?;
    let n = count(&best.module);
    (n >= ENOUGH_POINTERS).then(|| (best.module.clone(), n, first.at))
}

/// The process with most memory of its own, files aside; where those of one name have more together, they. What they share, as after a
/// fork(), each of them counts: together they cannot have more than there is.
fn processes(case: &Case, account: &Account) -> Option<Taker> {
    let (t, tasks) = (&case.target, case.tasks()?);
    let mut seen = HashSet::new();
    let leaders = tasks.all.iter().filter(|task| !task.mm.is_null() && seen.insert(task.mm));
    let mut named: HashMap<&[u8], (u64, u64, usize, &Task)> = HashMap::new();
    let own = |task: &Task| Some(mm::resident(t, task).ok()?.anonymous.saturating_mul(t.page_size()));
    for (bytes, task) in leaders.filter_map(|task| Some((own(task)?, task))) {
        let group = named.entry(&task.comm.0).or_insert((0, 0, 0, task));
        group.0 = group.0.saturating_add(bytes);
        group.2 += 1;
        if bytes > group.1 {
            (group.1, group.3) = (bytes, task);
        }
    }
    let (bytes, _, count, task) = named.into_values().max_by_key(|group| group.0)?;
    let bytes = bytes.min(account.of(Use::Anonymous));
    Some(Taker { who: Who::Process { task: present::task_info(task, None), count }, bytes })
}

/// The file system in memory that has most.
fn files(t: &Target) -> Option<Taker> {
    let most = meminfo::shared_files(t).into_iter().next()?;
    let bytes = most.pages.saturating_mul(t.page_size());
    let largest = most.largest.into_iter().next();
    Some(Taker { who: Who::Files { at: most.at, kind: most.kind, largest, count: most.files }, bytes })
}

//! No memory left: who has it.

use necropsy_kernel::meminfo::{self, Account, Cgroup, Use};
use necropsy_report::{Place, Related};
use necropsy_target::Target;

use crate::consumers::{Consumers, Taker, Who, size};
use crate::crash::base_name;
use crate::findings::place;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame};

pub const OUT_OF_MEMORY: Detective = Detective {
    id: "out-of-memory",
    title: "no memory left, and who has it",
    doc: "The out-of-memory handler called the panic. All memory is added up from the kernel's own counters. If one slab cache, one caller \
          of vmalloc() or pages that are in no statistics have an unusual share, it is a leak: the calls that allocate there are found by \
          decoding the code, and a function is blamed only if it is the only one. If processes or files in memory have it, nobody in the \
          kernel is to blame.",
    examine,
};

/// Who calls the panic (mm/oom_kill.c).
const SITES: &[&str] = &["out_of_memory", "check_panic_on_oom", "pagefault_out_of_memory"];

/// The handler is reached from page faults that are no errors.
const DECIDES: &[(Class, f64)] =
    &[(Class::OutOfMemory, 4.0), (Class::WildPointerDereference, -4.0), (Class::UserAccessViolation, -4.0)];

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let (t, frames) = (&case.target, &crash.stack.frames);
    let Some(index) = crash.panic_caller(t, SITES) else { return };
    if crash.frame(&["mem_cgroup_out_of_memory"]).is_some() {
        return group(case, index, found);
    }
    let Some(consumers) = Consumers::find(case) else { return bare(case, index, found) };
    let site = base_name(&frames[index]).unwrap_or("the kernel").to_owned();
    let who = necropsy_report::bytes_text(&crash.task.comm.0);
    let mut h = explain(t, &consumers, Class::OutOfMemory);
    h.statement = format!(
        "The kernel ran out of memory in task {who} ({}), and had nothing to kill, or was told to panic. {}",
        crash.task.pid, h.statement
    );
    // Who asked for the memory is a witness at most.
    h.victim = blame::culprit(t, frames, index + 1).map(|(i, sure)| place_in(t, frames, i, sure * 0.5));
    found.hypotheses.push(h);
    let claim = format!("{site} called the panic; it does so for this reason only");
    found.add_to_all(DECIDES, "stack", "bt".to_owned(), claim);
    facts(t, &consumers, Class::OutOfMemory, found);
}

/// A memory control group reached its limit: there is memory, but not for it.
fn group(case: &Case, index: usize, found: &mut Findings) {
    let (Some(crash), t) = (case.crash(), &case.target) else { return };
    let full = |g: &Cgroup| g.limit.is_some_and(|limit| g.pages.saturating_add(limit / 50) >= limit);
    let groups = meminfo::cgroups(t).unwrap_or_default();
    // The innermost: groups above it may be full of what it has.
    let full = groups.iter().filter(|g| full(g)).max_by_key(|g| g.path.matches('/').count());
    let who = necropsy_report::bytes_text(&crash.task.comm.0);
    let page = t.page_size();
    let of = full.map(|g| {
        let limit = size(g.limit.unwrap_or(0).saturating_mul(page));
        format!(" {} ({} of {limit})", g.path, size(g.pages.saturating_mul(page)))
    });
    let named = of.clone().unwrap_or_else(|| ", which cannot be told from this dump".into());
    let mut h = Hypothesis::new(
        Class::OutOfMemory,
        format!("a memory cgroup is out of memory:{named}"),
        format!(
            "The memory cgroup{named} reached its limit when task {who} ({}) asked for more, and the kernel was told to panic then. Nobody in \
             the kernel is to blame for that.",
            crash.task.pid
        ),
    );
    h.advice = vec![
        "raise the group's memory.max, or do not set vm.panic_on_oom=2: then only the group's processes die"
            .into(),
    ];
    found.hypotheses.push(h);
    let name = base_name(&crash.stack.frames[index]).unwrap_or("a function");
    let claim =
        format!("{name} called the panic, for a memory cgroup: mem_cgroup_out_of_memory is on the stack");
    found.add_to_all(DECIDES, "stack", "bt".to_owned(), claim);
    if let Some(g) = full {
        let claim = format!("the memory cgroup{} is full", of.unwrap_or_default());
        let reproduce = format!("struct mem_cgroup.memory {:x}", g.at.0);
        found.add(
            Class::OutOfMemory,
            1.5,
            format!("memory:*(struct mem_cgroup *){:#x}", g.at.0),
            reproduce,
            claim,
        );
    }
}

/// Nothing could be added up.
fn bare(case: &Case, index: usize, found: &mut Findings) {
    let (Some(crash), t) = (case.crash(), &case.target) else { return };
    let who = necropsy_report::bytes_text(&crash.task.comm.0);
    let what = "The kernel ran out of memory and had nothing to kill, or was told to panic";
    let mut h = Hypothesis::new(
        Class::OutOfMemory,
        format!("out of memory ({who}, {})", crash.task.pid),
        format!(
            "{what}, in task {who} ({}). What has the memory cannot be told from this dump.",
            crash.task.pid
        ),
    );
    h.victim = blame::culprit(t, &crash.stack.frames, index + 1)
        .map(|(i, sure)| place_in(t, &crash.stack.frames, i, sure * 0.5));
    h.advice = vec!["see what uses the memory: ps -G, log".into()];
    found.hypotheses.push(h);
    let name = base_name(&crash.stack.frames[index]).unwrap_or("a function");
    let claim = format!("{name} called the panic; it does so for this reason only");
    found.add_to_all(DECIDES, "stack", "bt".to_owned(), claim);
}

/// Who has the memory, as a hypothesis.
pub(super) fn explain(t: &Target, consumers: &Consumers, class: Class) -> Hypothesis {
    let account = &consumers.account;
    let first = consumers.kernel.first();
    let most = first.or(consumers.others.first().filter(|other| share(other, account) > 0.1));
    let Some(most) = most else {
        let said = format!("No one taker has most of it: {}.", sums(account));
        return Hypothesis::new(class, "out of memory", said);
    };
    let what = most.text(t);
    let percent = 100.0 * share(most, account);
    let of = format!("{} of {} ({percent:.0} %)", size(most.bytes), size(account.total));
    let begin = if class == Class::OutOfMemory { "out of memory" } else { "memory leak" };
    let blamed = blamed(t, most);
    let by = blamed.as_ref().map(|p| format!("; {} allocates there", named(p))).unwrap_or_default();
    let title = format!("{begin}: {what}: {of}{by}");
    let huge = set_aside(t, account).filter(|huge| huge.bytes > most.bytes);
    let begin = huge
        .as_ref()
        .map_or_else(|| "The most".to_owned(), |huge| format!("{} Of the rest the most", huge.told));
    let mut statement = format!("{begin}, {of}, is {what}. In all: {}.", sums(account));
    statement += &why(t, most, blamed.as_ref());
    let mut h = Hypothesis::new(class, title, statement);
    if let Who::Process { task, .. } = &most.who
        && class == Class::OutOfMemory
    {
        h.related.push(Related { role: "owner", function: None, module: None, task: Some(task.clone()) });
    }
    h.culprit = blamed;
    if h.culprit.is_none() {
        let site = |at| {
            let p = place(t, at, None);
            Related { role: "allocator", function: p.function, module: p.module, task: None }
        };
        h.related.extend(most.sites().into_iter().map(site));
    }
    h.advice = advice(most);
    if huge.is_some() {
        h.advice
            .insert(0, "set aside fewer huge pages: vm.nr_hugepages, hugepages= on the command line".into());
    }
    h.separate = Some("how the shares grew over time: earlier reports in the log, monitoring".into());
    h
}

/// Memory that was set aside as huge pages.
struct SetAside {
    bytes: u64,
    told: String,
}

fn set_aside(t: &Target, account: &Account) -> Option<SetAside> {
    let bytes = account.of(Use::Huge);
    let unused =
        meminfo::huge_pages(t).iter().fold(0u64, |sum, h| sum.saturating_add(h.free.saturating_mul(h.size)));
    let percent = 100.0 * account.share(Use::Huge);
    let told = format!(
        "{} ({percent:.0} %) was set aside as huge pages, {} of it unused: nobody who does not ask for those gets any.",
        size(bytes),
        size(unused)
    );
    (bytes > 0).then_some(SetAside { bytes, told })
}

fn share(taker: &Taker, account: &Account) -> f64 {
    taker.bytes as f64 / account.total.max(1) as f64
}

/// The uses of memory that matter, the largest first.
fn sums(account: &Account) -> String {
    let mut uses: Vec<&(Use, u64)> = account.uses.iter().filter(|(_, n)| *n > account.total / 100).collect();
    uses.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let part = |(what, bytes): &(Use, u64)| format!("{} {}", what.text(), size(*bytes));
    uses.into_iter().map(part).collect::<Vec<_>>().join(", ")
}

/// The function to blame: the only one that allocates there, if it is a module's. Functions of the kernel itself allocate for
/// others, and caches that can be emptied are meant to grow.
fn blamed(t: &Target, taker: &Taker) -> Option<Place> {
    let [site] = taker.sites()[..] else { return None };
    let sure = match &taker.who {
        Who::Pages { holder, .. } => {
            if holder.is_some() {
                0.75
            } else {
                0.5
            }
        }
        Who::Cache { cache, .. } if cache.flags().reclaimable => return None,
        // All of the kernel allocates from the general caches.
        Who::Cache { cache, .. } if cache.flags().kmalloc || cache.name.starts_with("kmalloc-") => 0.5,
        // Others may allocate from it too, but those are not in modules.
        Who::Cache { cache, .. } if cache.users > 1 => 0.7,
        _ => 0.9,
    };
    t.modules().text_of(site).map(|_| place(t, site, Some(sure)))
}

fn why(t: &Target, taker: &Taker, blamed: Option<&Place>) -> String {
    let who = match (&taker.who, blamed) {
        (Who::Process { .. } | Who::Files { .. }, _) => {
            return " Nobody in the kernel is to blame for that.".into();
        }
        (Who::Vmalloc { .. }, _) => return " Who asked for each area is kept with it.".into(),
        (Who::Pages { holder: Some((module, count, _)), .. }, _) => {
            format!(" The data of module {module} has {count} pointers to such pages.")
        }
        (Who::Cache { cache, .. }, _) if cache.users > 1 => {
            format!(" {} caches of the same kind were made one: it may have another name, too.", cache.users)
        }
        (_, _) => String::new(),
    };
    let all: Vec<String> = taker.sites().iter().take(8).map(|at| t.describe(*at)).collect();
    match (blamed, all.is_empty()) {
        (Some(p), _) => format!("{who} The only function of a module that allocates there is {}.", named(p)),
        (None, false) => format!("{who} What allocates there: {}.", all.join(", ")),
        (None, true) => format!("{who} No call that allocates there by name was found."),
    }
}

fn advice(taker: &Taker) -> Vec<String> {
    match &taker.who {
        Who::Process { task, .. } => vec![
            format!("find out why {} needs so much, or limit it: ps -G {}", task.comm, task.pid),
            "give it a memory cgroup with a limit, so that only it dies".into(),
        ],
        Who::Files { .. } => vec![
            "remove the files, or mount the file system with a smaller size=".into(),
            "see who has them open: foreach files".into(),
        ],
        _ => vec![
            "find out which path forgets to free: compare the allocations with what is freed".into(),
            "kmemleak (CONFIG_DEBUG_KMEMLEAK), slub_debug=U or page_owner=on name the stacks of what is leaked".into(),
        ],
    }
}

/// The command that adds memory up and names its takers.
const SHOWN: &str = "usage";

/// The facts about who has the memory.
pub(super) fn facts(t: &Target, consumers: &Consumers, class: Class, found: &mut Findings) {
    let account = &consumers.account;
    let sum = format!("{} of memory: {}", size(account.total), sums(account));
    found.add(class, 0.5, "memory:vm_zone_stat, vm_node_stat", SHOWN.to_owned(), sum);
    for taker in consumers.kernel.iter().take(2).chain(consumers.others.iter().take(2)) {
        let claim = format!("{}: {}", size(taker.bytes), taker.text(t));
        let weight = if taker.is_kernel() { 1.0 } else { 0.5 };
        found.add(class, weight, source(taker), SHOWN.to_owned(), claim);
        for at in taker.sites().into_iter().take(4) {
            let claim = format!("{} allocates there", t.describe(at));
            let near = t.near(at);
            let reproduce = match taker.who {
                Who::Vmalloc { .. } => Some(SHOWN.to_owned()),
                _ => near.map(|n| format!("dis {}+{:#x} 1", n.name, at.0 - n.start.0)),
            };
            found.add(class, 0.5, format!("text:{}", t.describe(at)), reproduce, claim);
        }
    }
}

fn source(taker: &Taker) -> String {
    match &taker.who {
        Who::Cache { cache, .. } => {
            let node = cache.nodes.first().map_or(cache.at, |n| n.at).0;
            format!("memory:*(struct kmem_cache_node *){node:#x}")
        }
        Who::Vmalloc { example, .. } => format!("memory:*(struct vm_struct *){:#x}", example.0),
        Who::Pages { .. } => "memory:struct page".into(),
        Who::Process { .. } => "memory:task_struct.mm".into(),
        Who::Files { largest: Some(f), .. } => format!("memory:*(struct inode *){:#x}", f.inode.0),
        Who::Files { at, .. } => format!("memory:*(struct super_block *){:#x}", at.0),
    }
}

#[cfg(test)]
mod tests;

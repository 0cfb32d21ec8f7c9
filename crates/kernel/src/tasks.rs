//! Tasks: all of them, what each is doing, and their stacks.
//!
//! They are counted two ways: along `init_task.tasks` with each group's threads, and through the PID table
//! (`init_pid_ns.idr`, 4.15 and later). When the two differ, memory is damaged or somebody hides.

mod untyped;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr, Why};
use necropsy_target::unwind::{End, Stack};
use necropsy_target::{At, Bytes, Load, LoadError, Partial, Target};

use crate::containers::{list, xarray};

/// A task, as loaded.
#[derive(Clone, Debug, Load)]
#[kernel(name = "task_struct")]
pub struct Task {
    /// Address of its `task_struct`; null where the kernel has no types to find it by.
    #[kernel(this)]
    pub at: VirtAddr,
    /// Thread ID.
    pub pid: i32,
    /// Process ID: that of the thread group's leader.
    pub tgid: i32,
    /// Name; not necessarily UTF-8.
    pub comm: Bytes<16>,
    /// `TASK_*` bits. The member was renamed in 5.14.
    #[kernel(any = "__state|state")]
    pub state: u64,
    /// `EXIT_*` bits.
    pub exit_state: i32,
    /// `PF_*` bits.
    pub flags: u32,
    /// Its stack's lowest address.
    pub stack: VirtAddr,
    /// The stack pointer saved when it was switched out.
    #[kernel(any = "thread.sp|thread.cpu_context.sp")]
    pub sp: Partial<Option<VirtAddr>>,
    /// The program counter saved then, where it is kept in the task (arm64).
    #[kernel(path = "thread.cpu_context.pc")]
    pub pc: Partial<Option<VirtAddr>>,
    /// The frame pointer saved then, where it is kept in the task (arm64).
    #[kernel(path = "thread.cpu_context.fp")]
    pub fp: Partial<Option<VirtAddr>>,
    /// Its address space; NULL for kernel threads.
    pub mm: VirtAddr,
    /// The parent that is told of its end.
    pub parent: VirtAddr,
    /// The parent that made it.
    pub real_parent: VirtAddr,
    /// Its thread group's leader.
    pub group_leader: VirtAddr,
    /// The CPU it runs or last ran on.
    #[kernel(any = "thread_info.cpu|cpu")]
    pub cpu: Option<u32>,
    /// Whether it is running right now (SMP kernels).
    pub on_cpu: Option<i32>,
    /// The stack protector's secret.
    pub stack_canary: Option<u64>,
    /// The address of the last page fault that was an error (x86).
    #[kernel(path = "thread.cr2")]
    pub fault_address: Partial<Option<u64>>,
    /// The number of the last trap that was an error (x86).
    #[kernel(path = "thread.trap_nr")]
    pub trap: Partial<Option<u64>>,
    /// The error code of that trap (x86).
    #[kernel(path = "thread.error_code")]
    pub error_code: Partial<Option<u64>>,
    /// When it was made, in ns since boot.
    #[kernel(any = "start_boottime|real_start_time|start_time")]
    pub start_time: Partial<u64>,
    /// Time in user mode, ns.
    pub utime: Partial<u64>,
    /// Time in the kernel, ns.
    pub stime: Partial<u64>,
    /// When it last got a CPU, ns of that CPU's clock.
    #[kernel(path = "sched_info.last_arrival")]
    pub last_run: Option<u64>,
    /// Time on a CPU, ns.
    #[kernel(path = "se.sum_exec_runtime")]
    pub run_time: Partial<u64>,
    /// Its signals and process-wide state.
    pub signal: VirtAddr,
    /// Dynamic priority.
    pub prio: Partial<i32>,
    /// Scheduling policy.
    pub policy: Partial<u32>,
}

/// `PF_KTHREAD` (include/linux/sched.h).
const PF_KTHREAD: u32 = 0x0020_0000;

impl Task {
    /// Two letters as crash shows them.
    pub fn state_letters(&self) -> &'static str {
        const TABLE: &[(u64, &str)] = &[
            (0x1, "IN"),
            (0x4, "ST"),
            (0x8, "TR"),
            (0x40, "PA"),
            (0x80, "DE"),
            (0x200, "WA"),
            (0x800, "NE"),
        ];
        match self.exit_state as u64 {
            e if e & 0x20 != 0 => return "ZO",
            e if e & 0x10 != 0 => return "DE",
            _ => {}
        }
        match self.state {
            0 => "RU",
            s if s & 0x402 == 0x402 => "ID",
            s if s & 0x2 != 0 => "UN",
            s => TABLE.iter().find(|(bit, _)| s & bit != 0).map_or("??", |(_, name)| name),
        }
    }

    /// Whether it has no user space.
    pub fn is_kernel_thread(&self) -> bool {
        self.mm.is_null() && (self.flags & PF_KTHREAD != 0 || self.pid == 0)
    }

    /// Its kernel stack.
    pub fn stack_range(&self, t: &Target) -> Range<u64> {
        if self.stack.is_null() { 0..0 } else { self.stack.0..self.stack.0.saturating_add(t.stack_size()) }
    }

    /// The name with everything that is not printable escaped.
    pub fn comm_text(&self) -> String {
        self.comm.0.escape_ascii().to_string()
    }
}

/// All tasks and what is known about the CPUs they are on.
pub struct Tasks {
    /// Idle tasks first, then by thread ID.
    pub all: Vec<Task>,
    /// The task that each CPU was running.
    pub current: BTreeMap<usize, VirtAddr>,
    /// Those that the PID table has and the task list has not.
    pub unlisted: Vec<VirtAddr>,
    /// Those that the task list has and the PID table has not.
    pub unnumbered: Vec<VirtAddr>,
    /// Whether all of the task list and of the PID table could be walked: if not, what is missing there need not hide.
    pub whole: bool,
    /// What could not be read, or does not fit.
    pub notes: Vec<String>,
}

impl Tasks {
    /// Finds all tasks.
    pub fn read(t: &Target) -> Result<Tasks, LoadError> {
        match t.types() {
            Ok(_) => Tasks::by_types(t),
            Err(e) => untyped::tasks(t).ok_or(e),
        }
    }

    fn by_types(t: &Target) -> Result<Tasks, LoadError> {
        let mut notes = Vec::new();
        let mut found: BTreeMap<u64, Task> = BTreeMap::new();
        let by_list = by_list(t, &mut notes)?;
        let by_pid = by_pid(t, &mut notes);
        let whole = by_pid.is_ok() && notes.is_empty();
        let (unlisted, unnumbered) = match &by_pid {
            // A list or a table with holes in it says nothing about who is missing.
            Ok(by_pid) if whole => compare(&by_list, by_pid, &mut notes),
            _ => Default::default(),
        };
        let mut lost = Vec::new();
        for at in by_list.iter().chain(by_pid.iter().flatten()) {
            match load(t, *at) {
                Ok(task) => drop(found.insert(at.0, task)),
                Err(e) => lost.push(format!("task {at:#x}: {e}")),
            }
        }
        several(&mut notes, lost, "tasks could not be read");
        let mut all: Vec<Task> = found.into_values().filter(|task| task.pid != 0).collect();
        all.sort_by_key(|task| task.pid);
        let (idle, mut current) = run_queues(t, &mut notes);
        if current.is_empty() {
            current = flagged_running(&all);
        }
        let idle = idle
            .into_iter()
            .filter_map(|(cpu, at)| Some(Task { cpu: Some(cpu as u32), ..load(t, at).ok()? }));
        let all = idle.chain(all).collect();
        Ok(Tasks { all, current, unlisted, unnumbered, whole, notes })
    }

    /// The CPU that is running the task.
    pub fn running_on(&self, task: &Task) -> Option<usize> {
        self.current.iter().find(|(_, at)| **at == task.at).map(|(cpu, _)| *cpu)
    }

    /// The CPU the task is or was on.
    pub fn cpu_of(&self, task: &Task) -> usize {
        self.running_on(task).unwrap_or(task.cpu.unwrap_or(0) as usize)
    }

    /// The task at this address.
    pub fn at(&self, at: VirtAddr) -> Option<&Task> {
        self.all.iter().find(|task| task.at == at)
    }

    /// The task that was running on `cpu`.
    pub fn on_cpu(&self, cpu: usize) -> Option<&Task> {
        self.at(*self.current.get(&cpu)?)
    }

    /// The parent's thread ID.
    pub fn parent_pid(&self, task: &Task) -> i32 {
        self.at(task.parent).filter(|p| !p.at.is_null()).map_or(0, |p| p.tgid)
    }
}

/// Loads a task; what older kernels keep elsewhere is fetched from there.
pub fn load(t: &Target, at: VirtAddr) -> Result<Task, LoadError> {
    let mut task: Task = t.load(at)?;
    if task.cpu.is_none() {
        task.cpu = t.load::<ThreadInfo>(task.stack).ok().map(|info| info.cpu);
    }
    if task.start_time.get().is_none()
        && let Ok(start) = t.load::<StartTime>(at)
    {
        task.start_time =
            Partial(Ok(start.seconds.saturating_mul(1_000_000_000).saturating_add(start.nanoseconds)));
    }
    Ok(task)
}

/// At the low end of the stack up to 4.8.
#[derive(Load)]
#[kernel(name = "thread_info")]
struct ThreadInfo {
    cpu: u32,
}

/// A `struct timespec` up to 3.16.
#[derive(Load)]
#[kernel(name = "task_struct")]
struct StartTime {
    #[kernel(any = "real_start_time.tv_sec|start_time.tv_sec")]
    seconds: u64,
    #[kernel(any = "real_start_time.tv_nsec|start_time.tv_nsec")]
    nanoseconds: u64,
}

/// Loads the task that `cpu` was running, without looking for all others where the run queues can be found.
pub fn current(t: &Target, cpu: usize) -> Result<Task, LoadError> {
    match t.percpu_member("runqueues", "rq", "curr", cpu) {
        Ok(at) => load(t, t.memory().ptr(at)?),
        Err(e) => {
            let tasks = Tasks::read(t)?;
            tasks.on_cpu(cpu).cloned().ok_or(e)
        }
    }
}

/// The first task. Where data has no names, it is found by its own: `swapper` at the right place of a `task_struct` that is
/// its own parent.
pub fn init_task(t: &Target) -> Result<VirtAddr, LoadError> {
    if let Some(at) = t.symbol("init_task") {
        return Ok(at);
    }
    let comm = t.offset_of("task_struct", "comm")?;
    let is_it = |at: VirtAddr| {
        let at = at.moved(-(comm as i64));
        let task = t.load::<Task>(at).ok().filter(|_| at.0.is_multiple_of(8))?;
        (task.pid == 0 && task.tgid == 0 && task.parent == at && task.group_leader == at).then_some(at)
    };
    t.find_in_data(b"swapper", is_it).ok_or_else(|| LoadError::NoSymbol("init_task".into()))
}

/// The kernel stack of a task; `cpu` when it was running there.
pub fn stack(t: &Target, task: &Task, cpu: Option<usize>) -> Stack {
    let bounds = task.stack_range(t);
    if let Some(cpu) = cpu {
        return match t.cpu_regs(cpu) {
            Some(regs) => t.running_stack(regs, bounds),
            None => t.searched_stack(bounds),
        };
    }
    if let (Some(pc), Some(fp), Some(sp)) = (task.pc.value(), task.fp.value(), task.sp.value())
        && !bounds.is_empty()
    {
        return t.saved_stack(pc, sp, fp, bounds);
    }
    let lost = |end: End| Stack { frames: Vec::new(), end, breaks: Vec::new() };
    match (&task.sp.0, task.sp.value()) {
        (_, Some(sp)) if task.exit_state == 0 || !task.stack.is_null() => t.sleeping_stack(sp, bounds),
        (Err(e), _) => lost(End::Lost(e.to_string())),
        _ => lost(End::NoStack),
    }
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Links {
    tasks: At,
    signal: VirtAddr,
}

/// Along `init_task.tasks`, and from each leader through its threads (`signal->thread_head`, 3.14 and later; before,
/// `thread_group`, a list without a head).
fn by_list(t: &Target, notes: &mut Vec<String>) -> Result<Vec<VirtAddr>, LoadError> {
    let init: Links = t.load(init_task(t)?)?;
    let offset = t.offset_of("task_struct", "tasks")?;
    let leaders = list(t, init.tasks.0, offset);
    notes.extend(leaders.problem.map(|p| format!("task list: {p}")));
    let threads = t
        .offset_of("signal_struct", "thread_head")
        .and_then(|head| Ok((head, t.offset_of("task_struct", "thread_node")?)));
    let (mut found, mut lost, mut filtered) = (Vec::new(), Vec::new(), false);
    for leader in leaders.items {
        let links = t.load::<Links>(leader);
        let group = match (&threads, &links) {
            (Err(_), _) => match t.offset_of("task_struct", "thread_group") {
                Ok(offset) => list(t, leader.offset(offset), offset),
                Err(_) => Default::default(),
            },
            (Ok((head, node)), Ok(links)) => {
                let head = links.signal.offset(*head);
                filtered |= t.memory().ptr(head).is_err_and(|e| matches!(e.why, Why::Filtered(_)));
                list(t, head, *node)
            }
            _ => Default::default(),
        };
        lost.extend(group.problem.map(|p| format!("threads of task {leader:#x}: {p}")));
        if !group.items.contains(&leader) {
            found.push(leader);
        }
        found.extend(group.items);
    }
    several(notes, lost, "thread groups could not be read");
    if filtered {
        notes.push(WRONGLY_FILTERED.into());
    }
    Ok(found)
}

/// makedumpfile up to 1.7.9 does so with kernels since 7.0.
const WRONGLY_FILTERED: &str = "pages that the kernel was using were left out of this dump: the makedumpfile that wrote it does \
    not know this kernel (use a newer one, or dump level 1)";

/// Through the PID table: each `struct pid` leads to the task of that thread ID.
fn by_pid(t: &Target, notes: &mut Vec<String>) -> Result<Vec<VirtAddr>, LoadError> {
    let table = t.need_symbol("init_pid_ns")?;
    let root = table.offset(t.offset_of("pid_namespace", "idr.idr_rt.xa_head|idr.idr_rt.rnode")?);
    let first = t.offset_of("pid", "tasks[0].first|tasks[0]")?;
    let node = t.offset_of("task_struct", "pid_links[0]|pids[0].node")?;
    let walk = xarray(t, t.memory().word(root)?)?;
    notes.extend(walk.problem.map(|p| format!("PID table: {p}")));
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    for (number, pid) in walk.items {
        match t.memory().ptr(pid.offset(first)) {
            Ok(link) if !link.is_null() => found.push(link.moved(-(node as i64))),
            Ok(_) => {} // a process group or session whose leader is gone
            Err(e) => lost.push(format!("PID {number}: {e}")),
        }
    }
    several(notes, lost, "PIDs could not be read");
    Ok(found)
}

/// Those that only the table has, and those that only the list has.
fn compare(
    by_list: &[VirtAddr],
    by_pid: &[VirtAddr],
    notes: &mut Vec<String>,
) -> (Vec<VirtAddr>, Vec<VirtAddr>) {
    let (list, pids): (HashSet<_>, HashSet<_>) = (by_list.iter().collect(), by_pid.iter().collect());
    let told = |at: &VirtAddr, what: &str| format!("task {at:#x} is in the {what}");
    let unlisted: Vec<VirtAddr> = pids.difference(&list).map(|at| **at).collect();
    let hidden = unlisted.iter().map(|at| told(at, "PID table but not in the task list")).collect();
    several(notes, hidden, "tasks are not in the task list");
    let unnumbered: Vec<VirtAddr> = list.difference(&pids).map(|at| **at).collect();
    let told = unnumbered.iter().map(|at| told(at, "task list but not in the PID table")).collect();
    several(notes, told, "tasks are not in the PID table");
    (unlisted, unnumbered)
}

/// Adds the first few of many similar notes, and how many more there are.
fn several(notes: &mut Vec<String>, mut new: Vec<String>, what: &str) {
    const SHOWN: usize = 4;
    let more = new.len().saturating_sub(SHOWN);
    new.truncate(SHOWN);
    notes.extend(new);
    if more > 0 {
        notes.push(format!("{more} more {what}"));
    }
}

type OnCpus = Vec<(usize, VirtAddr)>;

/// The tasks that say themselves that they are running.
fn flagged_running(all: &[Task]) -> BTreeMap<usize, VirtAddr> {
    let running = all.iter().filter(|task| task.on_cpu.unwrap_or(0) != 0);
    running.filter_map(|task| Some((task.cpu? as usize, task.at))).collect()
}

/// Each CPU's idle task and current task, from its run queue.
fn run_queues(t: &Target, notes: &mut Vec<String>) -> (OnCpus, BTreeMap<usize, VirtAddr>) {
    if t.symbol("runqueues").is_none() {
        notes.push("the run queues cannot be found: idle tasks are missing".into());
        return Default::default();
    }
    let mut read = |cpu: usize, member: &str| {
        let at = t.percpu_member("runqueues", "rq", member, cpu).and_then(|at| Ok(t.memory().ptr(at)?));
        at.map_err(|e| notes.push(format!("run queue of CPU {cpu}: {e}"))).ok().map(|at| (cpu, at))
    };
    let present = crate::cpus::present(t);
    let idle = present.iter().filter_map(|cpu| read(*cpu, "idle")).collect();
    let current = present.iter().filter_map(|cpu| read(*cpu, "curr")).collect();
    (idle, current)
}

//! What commands work on: the kernel, its tasks, and what the user has selected.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use necropsy_base::VirtAddr;
use necropsy_kernel::tasks::{Task, Tasks};
use necropsy_kernel::{cpus, system};
use necropsy_target::Target;

use crate::{CommandError, Sources, aliases, expr, number};
use necropsy_kernel::patched::Patches;

/// A session on one dump.
pub struct Context {
    /// The kernel.
    pub target: Arc<Target>,
    /// Path of the dump, for `sys`.
    pub path: String,
    tasks: OnceLock<Result<Tasks, String>>,
    selected: Mutex<Option<VirtAddr>>,
    frame: AtomicUsize,
    panicked: OnceLock<Option<Task>>,
    radix: AtomicU32,
    shown: AtomicU32,
    unpaged: AtomicBool,
    aliases: Mutex<Vec<(String, String)>>,
    /// Where source text is.
    pub sources: Sources,
    pub(crate) patches: OnceLock<Patches>,
    nodes: OnceLock<Vec<(i64, Range<u64>)>>,
    opening: Mutex<Vec<String>>,
    static_percpu: OnceLock<HashSet<String>>,
}

impl Context {
    /// A session.
    pub fn new(target: Arc<Target>, path: String) -> Context {
        Context {
            target,
            path,
            tasks: OnceLock::new(),
            selected: Mutex::new(None),
            frame: AtomicUsize::new(0),
            panicked: OnceLock::new(),
            radix: AtomicU32::new(10),
            shown: AtomicU32::new(0),
            unpaged: AtomicBool::new(false),
            aliases: Mutex::default(),
            sources: Sources::default(),
            patches: OnceLock::new(),
            nodes: OnceLock::new(),
            opening: Mutex::default(),
            static_percpu: OnceLock::new(),
        }
    }

    /// Whether a per-CPU variable is local to its file. Only the kernel's file knows: kallsyms has all of them as absolute.
    pub fn is_static_percpu(&self, name: &str) -> bool {
        let Some(debug) = self.target.kernel_debug_at_hand() else { return false };
        let names = self.static_percpu.get_or_init(|| {
            let local = debug.file.symbols().into_iter().filter(|s| s.kind == b'd' && s.value < 1 << 30);
            local.map(|s| s.name).collect()
        });
        names.contains(name)
    }

    /// The same, with what the opening of the dump noted and nobody has told yet: the first answer in JSON does.
    pub fn with_notes(self, notes: Vec<String>) -> Context {
        Context { opening: Mutex::new(notes), ..self }
    }

    /// What the opening noted, once.
    pub(crate) fn take_opening(&self) -> Vec<String> {
        std::mem::take(&mut *self.opening.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, knowing where source text is.
    pub fn with_sources(self, sources: Sources) -> Context {
        Context { sources, ..self }
    }

    /// All tasks; found when first asked for.
    pub fn tasks(&self) -> Result<&Tasks, CommandError> {
        let found = self.keep(&self.tasks, || Tasks::read(&self.target).map_err(|e| e.to_string()));
        found.as_ref().map_err(|e| CommandError::Failed(format!("no tasks: {e}")))
    }

    /// All short names of commands.
    pub fn aliases(&self) -> Vec<aliases::Alias> {
        aliases::all(&self.aliases.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What one of the user's short names stands for.
    pub fn alias(&self, name: &str) -> Option<String> {
        let own = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        own.iter().find(|(alias, _)| alias == name).map(|(_, command)| command.clone())
    }

    /// Makes a short name, or with an empty command forgets it.
    pub fn set_alias(&self, name: &str, command: &str) {
        let mut own = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|(alias, _)| alias != name);
        if !command.is_empty() {
            own.push((name.to_owned(), command.to_owned()));
        }
    }

    /// The CPU that panicked; the first one when none did.
    pub fn panic_cpu(&self) -> Option<usize> {
        cpus::panicked(&self.target)
    }

    /// The task that panicked, without looking at all others.
    pub fn panic_task(&self) -> Option<&Task> {
        let find = || necropsy_kernel::tasks::current(&self.target, self.panic_cpu()?).ok();
        self.keep(&self.panicked, find).as_ref()
    }

    /// The selected task: the one that panicked, unless the user chose another.
    pub fn current(&self) -> Result<Task, CommandError> {
        let chosen = *self.selected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = chosen {
            return Ok(self.target.load(at)?);
        }
        if let Some(task) = self.panic_task() {
            return Ok(task.clone());
        }
        let first =
            necropsy_kernel::tasks::current(&self.target, self.target.cpus().first().map_or(0, |c| c.0));
        Ok(first?)
    }

    /// The CPU that runs `task`, by the run queues alone.
    pub fn running_on(&self, task: &Task) -> Option<usize> {
        if let Some(Ok(tasks)) = self.tasks.get() {
            return tasks.running_on(task);
        }
        let cpus = cpus::present(&self.target);
        cpus.into_iter().find(|cpu| {
            necropsy_kernel::tasks::current(&self.target, *cpu).is_ok_and(|running| running.at == task.at)
        })
    }

    /// Selects a task.
    pub fn select(&self, task: &Task) {
        self.select_frame(0);
        *self.selected.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.at);
    }

    /// Selects the task that panicked again.
    pub fn select_panic(&self) {
        self.select_frame(0);
        *self.selected.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The frame that `info locals` and the like are about, by its place in the stack.
    pub fn frame(&self) -> usize {
        self.frame.load(Ordering::Relaxed)
    }

    /// Selects a frame.
    pub fn select_frame(&self, number: usize) {
        self.frame.store(number, Ordering::Relaxed);
    }

    /// The tasks that `word` names: a thread ID, a task's address, or a name.
    pub fn find_tasks(&self, word: &str) -> Result<Vec<&Task>, CommandError> {
        let all = &self.tasks()?.all;
        let by_pid = |pid: u64| all.iter().filter(|t| t.pid as i64 == pid as i64).collect::<Vec<_>>();
        if let Some(found) = number::count(word).map(by_pid).filter(|f| !f.is_empty()) {
            return Ok(found);
        }
        if let Some(found) = number::address(word).and_then(|at| self.tasks().ok()?.at(VirtAddr(at))) {
            return Ok(vec![found]);
        }
        let quoted = word.trim_matches(|c| c == '\'' || c == '"' || c == '\\');
        let named: Vec<&Task> = all.iter().filter(|t| t.comm.0 == quoted.as_bytes()).collect();
        if named.is_empty() {
            return Err(CommandError::Failed(format!("invalid task or pid value: {word}")));
        }
        Ok(named)
    }

    /// An address: a number, a symbol, or an expression of them.
    pub fn address(&self, word: &str) -> Result<VirtAddr, CommandError> {
        expr::number_of(self, word, expr::Mode::Address).map(VirtAddr)
    }

    /// Whether numbers are shown in hexadecimal: `-x`, `-d`, or what `set radix` says.
    pub fn hex(&self, args: &crate::Args) -> bool {
        args.has('x') || self.radix.load(Ordering::Relaxed) == 16 && !args.has('d')
    }

    /// The number of the next value that `p` shows, as gdb counts them.
    pub fn next_value(&self) -> u32 {
        self.shown.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Changes how numbers are shown.
    pub fn set_radix(&self, radix: u32) {
        self.radix.store(radix, Ordering::Relaxed);
    }

    /// Whether long answers go into a pager, where there is one.
    pub fn scroll(&self) -> bool {
        !self.unpaged.load(Ordering::Relaxed)
    }

    /// Lets long answers go into a pager, or not.
    pub fn set_scroll(&self, on: bool) {
        self.unpaged.store(!on, Ordering::Relaxed);
    }

    /// The NUMA nodes of this machine with the page frames that each has.
    pub fn memory_nodes(&self) -> &[(i64, Range<u64>)] {
        let find = || {
            let nodes = necropsy_kernel::buddy::nodes(&self.target).into_iter();
            let span = |n: necropsy_kernel::buddy::Node| n.first..n.first.saturating_add(n.spanned);
            nodes.map(|n| (n.number, span(n))).collect::<Vec<_>>()
        };
        self.keep::<Vec<_>>(&self.nodes, find)
    }

    /// What is kept for later commands is found whole, even if the one that asked first is interrupted.
    pub(crate) fn keep<'c, T>(&self, place: &'c OnceLock<T>, find: impl FnOnce() -> T) -> &'c T {
        place.get_or_init(|| self.target.budget().whole(find))
    }

    /// Fails once somebody pressed Ctrl-C, or the time is over. For loops that otherwise would not notice.
    pub fn go_on(&self) -> Result<(), CommandError> {
        self.target.budget().step().map_err(CommandError::Interrupted)
    }

    /// Makes sure a CPU is one of this machine.
    pub fn check_cpu(&self, cpu: usize) -> Result<usize, CommandError> {
        if self.target.cpus().iter().any(|c| c.0 == cpu) {
            return Ok(cpu);
        }
        let known: Vec<String> = self.target.cpus().iter().map(|c| c.0.to_string()).collect();
        Err(CommandError::Failed(format!("no CPU {cpu}; there are {}", known.join(", "))))
    }

    /// The CPUs of a list such as `0,2-3`, or `a` for all.
    pub fn cpus(&self, list: &str) -> Result<Vec<usize>, CommandError> {
        if matches!(list, "a" | "all") {
            return Ok(cpus::present(&self.target));
        }
        let cpus = number::list(list).ok_or_else(|| CommandError::Usage(format!("bad CPU list: {list}")))?;
        cpus.into_iter().map(|cpu| self.check_cpu(cpu)).collect()
    }

    /// Address of a symbol of the kernel or of a module.
    pub fn symbol(&self, name: &str) -> Option<VirtAddr> {
        let t = &self.target;
        let in_module = || t.modules().symbol(t, name).map(|s| s.1);
        match t.symbol(name) {
            // Code that was freed after boot: a module's symbol of that name is what is meant.
            Some(at) if t.is_freed_text(at) => in_module().or(Some(at)),
            Some(at) => Some(at),
            None => in_module(),
        }
    }

    /// Seconds since 1970 when the kernel booted.
    pub fn boot_time(&self) -> Option<u64> {
        let clock = system::clock(&self.target).ok()?;
        clock.date.checked_sub(clock.uptime)
    }
}

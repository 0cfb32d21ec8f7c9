//! Tasks that sleep in locks: x86-64 functions with frame records, their stacks, waiters queued at mutexes and rw_semaphores.

use std::collections::BTreeMap;

use necropsy_base::{Abi, VirtAddr};

use crate::memory::SparseMemory;
use crate::names::{BtfBuilder, KallsymsBuilder, KallsymsImage, Order, Written};

/// Where code begins: the symbol `_stext`.
pub const TEXT: u64 = 0xffff_ffff_8100_0000;
/// `init_task`.
pub const INIT: u64 = 0xffff_ffff_8180_0000;
const TABLES: u64 = 0xffff_ffff_8200_0000;
const TASKS: u64 = 0xffff_8880_0100_0000;
const STACKS: u64 = 0xffff_c900_0000_0000;
const STACK_SIZE: u64 = 0x4000;
/// `push %rbp; mov %rsp,%rbp`.
const PROLOGUE: &[u8] = b"\x55\x48\x89\xe5";

/// Offsets in `task_struct`, by hand.
const TASK_SIZE: u64 = 256;
const LINKS: u64 = 32;
const GROUP: u64 = 48;
const VFORK: u64 = 168;
const NESTING: u64 = 176;
const THREAD_SP: u64 = 208;
const ARRIVAL: u64 = 216;

/// The kinds of locks there are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `struct mutex`: `owner` at 0, `wait_list` at 16.
    Mutex,
    /// `struct rw_semaphore`: `count` at 0, `owner` at 8, `wait_list` at 24.
    RwSemaphore,
    /// `struct completion`: `done` at 0, the list of an ordinary wait queue at 16.
    Completion,
}

impl Kind {
    fn function(self) -> &'static str {
        match self {
            Kind::Mutex => "__mutex_lock",
            Kind::RwSemaphore => "rwsem_down_write_slowpath",
            Kind::Completion => "wait_for_completion",
        }
    }
    fn list(self) -> u64 {
        match self {
            Kind::Mutex | Kind::Completion => 16,
            Kind::RwSemaphore => 24,
        }
    }
    /// Which of the calls of each function that waits leads there.
    fn call(self) -> u64 {
        match self {
            Kind::Mutex => 0,
            Kind::RwSemaphore => 1,
            Kind::Completion => 3,
        }
    }
}

/// Tasks, their stacks and the locks they wait for.
pub struct Sleepers {
    /// All that was put so far.
    pub memory: SparseMemory,
    functions: Vec<(&'static str, u64)>,
    tasks: Vec<u64>,
    queues: BTreeMap<u64, Vec<u64>>,
    run_queue: Option<u64>,
    /// Locks point at their first waiter, and the waiters alone make the circle, as since 7.2.
    pub headless: bool,
}

impl Default for Sleepers {
    fn default() -> Self {
        Sleepers::new()
    }
}

impl Sleepers {
    /// A kernel with code and no task but the first.
    pub fn new() -> Sleepers {
        let memory = SparseMemory::new(Abi::LE64);
        let (functions, tasks, queues) = (Vec::new(), vec![INIT], BTreeMap::new());
        let mut s = Sleepers { memory, functions, tasks, queues, run_queue: None, headless: false };
        let inner =
            ["__mutex_lock", "rwsem_down_write_slowpath", "msleep", "wait_for_completion", "synchronize_rcu"];
        for name in ["__switch_to_asm", "__schedule"].into_iter().chain(inner) {
            let callee = if name == "__schedule" { "__switch_to_asm" } else { "__schedule" };
            s.function(name, &[callee]);
        }
        for name in ["take_first", "take_second", "take_third"] {
            s.function(name, &inner);
        }
        s.memory.put(VirtAddr(INIT), &[0; TASK_SIZE as usize]);
        s
    }

    fn function(&mut self, name: &'static str, calls: &[&str]) {
        let at = TEXT + 64 * (self.functions.len() as u64 + 1);
        self.functions.push((name, at));
        self.memory.put(VirtAddr(at), PROLOGUE);
        let mut here = at + PROLOGUE.len() as u64;
        for callee in calls {
            let distance = self.at(callee).wrapping_sub(here + 5);
            self.memory.put(VirtAddr(here), b"\xe8").put_uint(VirtAddr(here + 1), distance, 4);
            here += 5;
        }
        self.memory.put(VirtAddr(here), b"\xc9\xc3");
    }

    fn at(&self, name: &str) -> u64 {
        self.functions.iter().find(|f| f.0 == name).map_or(TEXT + 64, |f| f.1)
    }

    /// Where the task of this thread ID is.
    pub fn address(pid: u64) -> u64 {
        TASKS + pid * 0x1000
    }

    fn new_task(&mut self, pid: u64, comm: &str, state: u64) -> u64 {
        let (at, stack) = (Self::address(pid), STACKS + pid * 2 * STACK_SIZE);
        self.memory
            .put(VirtAddr(at), &[0; TASK_SIZE as usize])
            .put(VirtAddr(stack), &[0; STACK_SIZE as usize]);
        self.memory.put_uint(VirtAddr(at), state, 8).put_uint(VirtAddr(at + 8), stack, 8);
        self.memory.put(VirtAddr(at + 64), comm.as_bytes());
        self.memory.put_uint(VirtAddr(at + 80), pid, 4).put_uint(VirtAddr(at + 84), pid, 4);
        self.memory.put_uint(VirtAddr(at + ARRIVAL), pid * 1_000_000_000, 8);
        self.tasks.push(at);
        stack + STACK_SIZE - 0x100
    }

    /// A task that `function` sent to wait for a lock: it lies uninterruptibly in the lock's slow path, queued there.
    pub fn waits(&mut self, pid: u64, comm: &str, function: &str, kind: Kind, lock: u64) -> u64 {
        let (task, waiter) = self.sleeps(pid, comm, 2, function, kind.function(), kind.call());
        self.memory.put_uint(VirtAddr(waiter + 16), task, 8);
        self.memory.put_uint(VirtAddr(waiter + 48), lock, 8); // a register that the function saved
        self.queues.entry(lock + kind.list()).or_default().push(waiter);
        waiter
    }

    /// A task that `function` sent to sleep for a time.
    pub fn naps(&mut self, pid: u64, comm: &str, state: u64, function: &str) {
        self.sleeps(pid, comm, state, function, "msleep", 2);
    }

    /// A task that `function` sent to wait for all RCU readers, itself in as many read-side critical sections.
    pub fn waits_for_readers(&mut self, pid: u64, comm: &str, function: &str, nesting: u64) {
        let (task, _) = self.sleeps(pid, comm, 2, function, "synchronize_rcu", 4);
        self.memory.put_uint(VirtAddr(task + NESTING), nesting, 4);
    }

    /// A stack `function` → `inner` → `__schedule`; where there is room in the frame of `inner`.
    fn sleeps(
        &mut self,
        pid: u64,
        comm: &str,
        state: u64,
        function: &str,
        inner: &str,
        call: u64,
    ) -> (u64, u64) {
        let mut sp = self.new_task(pid, comm, state);
        let mut fp = 0;
        let calls = [(function, call, 0x60), (inner, 0, 0x20)];
        let mut room = 0;
        for (caller, n, bytes) in calls {
            sp = self.push(sp, self.returns(caller, n));
            sp = self.push(sp, fp);
            fp = sp;
            sp -= bytes;
            room = if bytes == 0x60 { sp + 0x10 } else { room };
        }
        sp = self.push(sp, self.returns("__schedule", 0));
        sp = self.push(sp, fp);
        sp -= 5 * 8; // the other registers that a switch saves
        self.memory.put_uint(VirtAddr(Self::address(pid) + THREAD_SP), sp, 8);
        (Self::address(pid), room)
    }

    fn returns(&self, caller: &str, n: u64) -> u64 {
        self.at(caller) + PROLOGUE.len() as u64 + 5 * (n + 1)
    }

    fn push(&mut self, sp: u64, value: u64) -> u64 {
        self.memory.put_uint(VirtAddr(sp - 8), value, 8);
        sp - 8
    }

    /// A lock held by `owner`, a task's address with flags; of a completion the task whose end it is, which must be there.
    pub fn lock(&mut self, kind: Kind, at: u64, owner: u64) {
        self.memory.put(VirtAddr(at), &[0; 40]);
        match kind {
            Kind::Mutex => self.memory.put_uint(VirtAddr(at), owner, 8),
            Kind::RwSemaphore => self.memory.put_uint(VirtAddr(at), 0x100 * (owner & 1), 8).put_uint(
                VirtAddr(at + 8),
                owner,
                8,
            ),
            // Nobody holds a completion: a task's end may complete it.
            Kind::Completion => self.memory.put_uint(VirtAddr(owner + VFORK), at, 8),
        };
        self.queues.entry(at + kind.list()).or_default();
    }

    /// The run queue of the one CPU, and its clock in ns.
    pub fn clock(&mut self, at: u64, now: u64) {
        self.memory.put(VirtAddr(at), &[0; 24]).put_uint(VirtAddr(at), now, 8);
        self.run_queue = Some(at);
    }

    /// Links the tasks and the waiters: nothing can be added after.
    pub fn link(&mut self) {
        self.circle(&self.tasks.clone(), LINKS);
        for task in self.tasks.clone() {
            self.circle(&[task], GROUP);
        }
        for (head, waiters) in self.queues.clone() {
            if self.headless {
                self.circle(&waiters, 0);
                self.memory.put_uint(VirtAddr(head), waiters.first().copied().unwrap_or(0), 8);
            } else {
                self.circle(&[vec![head], waiters].concat(), 0);
            }
        }
    }

    fn circle(&mut self, nodes: &[u64], offset: u64) {
        for (i, node) in nodes.iter().enumerate() {
            let next = nodes[(i + 1) % nodes.len()];
            self.memory.put_uint(VirtAddr(node + offset), next + offset, 8);
            self.memory.put_uint(VirtAddr(next + offset + 8), node + offset, 8);
        }
    }

    /// The names of the functions, and of `variables`; they are put into memory too.
    pub fn names(&mut self, variables: &[(u64, &str)]) -> KallsymsImage {
        let mut table = KallsymsBuilder::new(Abi::LE64);
        (table.written, table.order) = (Written::Absolute, Order::AddressesFirst);
        table.symbols = vec![(TEXT, 'T', "_stext".into())];
        table.symbols.extend(self.functions.iter().map(|f| (f.1, 't', f.0.to_owned())));
        table.symbols.push((TEXT + 0x10_0000, 'T', "_etext".into()));
        table.symbols.extend(variables.iter().map(|(at, name)| (*at, 'd', (*name).to_owned())));
        let image = table.build(VirtAddr(TABLES));
        self.memory.put(VirtAddr(TABLES), &image.bytes);
        image
    }

    /// What VMCOREINFO tells.
    pub fn vmcoreinfo(&self) -> String {
        let queue = self.run_queue.map(|at| format!("SYMBOL(runqueues)={at:x}\n")).unwrap_or_default();
        let end = TABLES + 0x10_0000;
        format!("SYMBOL(_stext)={TEXT:x}\nSYMBOL(init_task)={INIT:x}\nSYMBOL(_end)={end:x}\n{queue}")
    }

    /// The types, as BTF.
    pub fn types(&self) -> Vec<u8> {
        let begin = if self.headless { "first_waiter" } else { "wait_list" };
        let mut b = BtfBuilder::new(Abi::LE64);
        let int = b.int("int", 4, true);
        let uint = b.int("unsigned int", 4, false);
        let long = b.int("long", 8, true);
        let ulong = b.int("unsigned long", 8, false);
        let char = b.int("char", 1, true);
        let pointer = b.pointer(0);
        let comm = b.array(char, uint, 16);
        let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
        let atomic = b.structure(false, "atomic64_t", 8, &[("counter", long, 0, 0)]);
        let thread = b.structure(false, "thread_struct", 8, &[("sp", ulong, 0, 0)]);
        let info = b.structure(false, "sched_info", 8, &[("last_arrival", ulong, 0, 0)]);
        let entity = b.structure(false, "sched_entity", 8, &[("sum_exec_runtime", ulong, 0, 0)]);
        let bits = |offset: u64| offset as u32 * 8;
        let members = [
            ("__state", ulong, 0, 0),
            ("stack", pointer, bits(8), 0),
            ("flags", uint, bits(16), 0),
            ("exit_state", int, bits(20), 0),
            ("tasks", list, bits(LINKS), 0),
            ("thread_group", list, bits(GROUP), 0),
            ("comm", comm, bits(64), 0),
            ("pid", int, bits(80), 0),
            ("tgid", int, bits(84), 0),
            ("prio", int, bits(88), 0),
            ("policy", uint, bits(92), 0),
            ("mm", pointer, bits(96), 0),
            ("parent", pointer, bits(104), 0),
            ("real_parent", pointer, bits(112), 0),
            ("group_leader", pointer, bits(120), 0),
            ("signal", pointer, bits(128), 0),
            ("utime", ulong, bits(136), 0),
            ("stime", ulong, bits(144), 0),
            ("start_time", ulong, bits(152), 0),
            ("se", entity, bits(160), 0),
            ("vfork_done", pointer, bits(VFORK), 0),
            ("rcu_read_lock_nesting", int, bits(NESTING), 0),
            ("thread", thread, bits(THREAD_SP), 0),
            ("sched_info", info, bits(ARRIVAL), 0),
            ("cpu", uint, bits(224), 0),
        ];
        b.structure(false, "task_struct", TASK_SIZE as u32, &members);
        let queue = [("clock", ulong, 0, 0), ("curr", pointer, 64, 0), ("idle", pointer, 128, 0)];
        b.structure(false, "rq", 24, &queue);
        b.structure(false, "mutex", 32, &[("owner", atomic, 0, 0), (begin, list, 128, 0)]);
        let waiter = [("list", list, 0, 0), ("task", pointer, 128, 0)];
        b.structure(false, "mutex_waiter", 32, &waiter);
        b.structure(false, "rwsem_waiter", 32, &waiter);
        let rwsem = [("count", atomic, 0, 0), ("owner", atomic, 64, 0), (begin, list, 192, 0)];
        b.structure(false, "rw_semaphore", 40, &rwsem);
        let head = b.structure(false, "wait_queue_head", 24, &[("head", list, 64, 0)]);
        b.structure(false, "wait_queue_entry", 32, &[("entry", list, 0, 0), ("private", pointer, 128, 0)]);
        b.structure(false, "completion", 32, &[("done", uint, 0, 0), ("wait", head, 64, 0)]);
        b.build()
    }
}

//! Tasks as kernels of the 3.10 kind describe them: threads in a list without a head, times in seconds and nanoseconds, the
//! CPU at the low end of the stack.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::Target;
use necropsy_kernel::census::hidden_tasks;
use necropsy_kernel::tasks::Tasks;
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::VmcoreInfo;

const INIT: u64 = 0xffff_ffff_8180_0000;
const LEADER: u64 = 0xffff_8800_0001_0000;
const THREAD: u64 = 0xffff_8800_0002_0000;
const STACKS: u64 = 0xffff_8800_0010_0000;

/// Offsets by hand.
const STATE: u64 = 0;
const STACK: u64 = 8;
const FLAGS: u64 = 16;
const TASKS: u64 = 32;
const GROUP: u64 = 48;
const COMM: u64 = 64;
const PID: u64 = 80;
const POINTERS: u64 = 96;
const START: u64 = 160;
const THREAD_SP: u64 = 208;
const SIZE: u64 = 256;

fn types() -> Btf {
    let mut b = BtfBuilder::new(Abi::LE64);
    let int = b.int("int", 4, true);
    let uint = b.int("unsigned int", 4, false);
    let long = b.int("long", 8, true);
    let ulong = b.int("unsigned long", 8, false);
    let char = b.int("char", 1, true);
    let pointer = b.pointer(0);
    let comm = b.array(char, uint, 16);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let time = b.structure(false, "timespec", 16, &[("tv_sec", long, 0, 0), ("tv_nsec", long, 64, 0)]);
    let entity = b.structure(false, "sched_entity", 8, &[("sum_exec_runtime", ulong, 0, 0)]);
    let thread = b.structure(false, "thread_struct", 8, &[("sp", ulong, 0, 0)]);
    let bits = |offset: u64| offset as u32 * 8;
    let members = [
        ("state", long, bits(STATE), 0),
        ("stack", pointer, bits(STACK), 0),
        ("flags", uint, bits(FLAGS), 0),
        ("exit_state", int, bits(FLAGS + 4), 0),
        ("tasks", list, bits(TASKS), 0),
        ("thread_group", list, bits(GROUP), 0),
        ("comm", comm, bits(COMM), 0),
        ("pid", int, bits(PID), 0),
        ("tgid", int, bits(PID + 4), 0),
        ("prio", int, bits(PID + 8), 0),
        ("policy", uint, bits(PID + 12), 0),
        ("mm", pointer, bits(POINTERS), 0),
        ("parent", pointer, bits(POINTERS + 8), 0),
        ("real_parent", pointer, bits(POINTERS + 16), 0),
        ("group_leader", pointer, bits(POINTERS + 24), 0),
        ("signal", pointer, bits(POINTERS + 32), 0),
        ("utime", ulong, bits(POINTERS + 40), 0),
        ("stime", ulong, bits(POINTERS + 48), 0),
        ("start_time", time, bits(START), 0),
        ("real_start_time", time, bits(START + 16), 0),
        ("se", entity, bits(START + 32), 0),
        ("thread", thread, bits(THREAD_SP), 0),
    ];
    b.structure(false, "task_struct", SIZE as u32, &members);
    b.structure(false, "thread_info", 32, &[("task", pointer, 0, 0), ("cpu", uint, 192, 0)]);
    Btf::parse(b.build(), Abi::LE64, None).unwrap()
}

/// A task with its links: `tasks` to the next leader, `thread_group` to the next thread.
fn task(m: &mut SparseMemory, at: u64, pid: u64, tgid: u64, comm: &[u8], next: (u64, u64)) {
    let stack = STACKS + pid * 0x4000;
    m.put(VirtAddr(at + COMM), comm);
    m.put_uint(VirtAddr(at + STACK), stack, 8).put(VirtAddr(stack), &[0; 64]);
    m.put_uint(VirtAddr(stack + 24), pid % 4, 4); // thread_info.cpu
    m.put_uint(VirtAddr(at + PID), pid, 4).put_uint(VirtAddr(at + PID + 4), tgid, 4);
    for (member, to) in [(TASKS, next.0), (GROUP, next.1)] {
        m.put_uint(VirtAddr(at + member), to + member, 8).put_uint(VirtAddr(to + member + 8), at + member, 8);
    }
    m.put_uint(VirtAddr(at + START + 16), 12, 8).put_uint(VirtAddr(at + START + 24), 345_000_000, 8);
}

#[test]
fn all_threads_their_cpus_and_times() {
    let mut m = SparseMemory::new(Abi::LE64);
    for at in [INIT, LEADER, THREAD] {
        m.put(VirtAddr(at), &[0; SIZE as usize]);
    }
    task(&mut m, INIT, 0, 0, b"swapper/0", (LEADER, INIT));
    task(&mut m, THREAD, 42, 41, b"httpd-worker", (THREAD, LEADER));
    task(&mut m, LEADER, 41, 41, b"httpd", (INIT, THREAD));
    let info = format!("SYMBOL(init_task)={INIT:x}\n");
    let t = Target::from_parts(&X86_64, Arc::new(m), Arc::new(types()))
        .with_vmcoreinfo(VmcoreInfo::from_text(info.as_bytes()));
    let tasks = Tasks::read(&t).unwrap();
    let found: Vec<_> = tasks.all.iter().map(|t| (t.pid, t.tgid, t.comm_text(), t.cpu)).collect();
    let expected =
        [(41, 41, "httpd".to_owned(), Some(41 % 4)), (42, 41, "httpd-worker".to_owned(), Some(42 % 4))];
    assert_eq!(found, expected, "{:?}", tasks.notes);
    assert_eq!(tasks.all[0].start_time.get(), Some(&12_345_000_000));
    assert_eq!(tasks.all[0].stack.0, STACKS + 41 * 0x4000);
}

#[test]
fn behind_a_break_nobody_hides() {
    let mut m = SparseMemory::new(Abi::LE64);
    for at in [INIT, LEADER] {
        m.put(VirtAddr(at), &[0; SIZE as usize]);
    }
    task(&mut m, INIT, 0, 0, b"swapper/0", (LEADER, INIT));
    task(&mut m, LEADER, 41, 41, b"httpd", (INIT, LEADER));
    let info = format!("SYMBOL(init_task)={INIT:x}\n");
    let t = Target::from_parts(&X86_64, Arc::new(m), Arc::new(types()))
        .with_vmcoreinfo(VmcoreInfo::from_text(info.as_bytes()));
    let mut tasks = Tasks::read(&t).unwrap();
    assert!(!tasks.whole, "there is no PID table here");
    tasks.unlisted = vec![VirtAddr(LEADER)];
    assert!(hidden_tasks(&t, &tasks).is_empty());
    tasks.whole = true;
    assert_eq!(hidden_tasks(&t, &tasks).len(), 1);
}

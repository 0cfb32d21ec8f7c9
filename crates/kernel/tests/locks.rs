//! Who waits for what: tasks asleep in the slow paths of locks, in memory made for it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::{Btf, Kallsyms, Keys};
use necropsy_kernel::Target;
use necropsy_kernel::locks::{Owner, WaitKind, Waits};
use necropsy_kernel::tasks::Tasks;
use necropsy_synth::sleepers::{Kind, Sleepers, TEXT};
use necropsy_target::VmcoreInfo;

const A: u64 = 0xffff_ffff_81a0_0000;
const B: u64 = 0xffff_ffff_81a0_0100;

fn opened(mut s: Sleepers) -> Target {
    let image = s.names(&[(A, "lock_a"), (B, "lock_b"), (B + 0x100, "after")]);
    let at = |name: &str| image.labels.get(name).copied();
    let keys = Keys {
        names: at("kallsyms_names").unwrap(),
        num_syms: at("kallsyms_num_syms").unwrap(),
        token_table: at("kallsyms_token_table").unwrap(),
        token_index: at("kallsyms_token_index").unwrap(),
        addresses: at("kallsyms_addresses"),
        ..Keys::default()
    };
    let names = Kallsyms::from_keys(&s.memory, &keys, &[("_stext", TEXT)]).unwrap();
    let types = Btf::parse(s.types(), Abi::LE64, None).unwrap();
    let info = VmcoreInfo::from_text(s.vmcoreinfo().as_bytes());
    Target::from_parts(&X86_64, Arc::new(s.memory), Arc::new(types))
        .with_vmcoreinfo(info)
        .with_kallsyms(names)
}

fn read(mut s: Sleepers) -> Waits {
    s.link();
    let t = opened(s);
    Waits::read(&t, &Tasks::read(&t).unwrap())
}

/// Thread IDs of some waits.
fn pids(waits: &Waits, of: &[usize]) -> Vec<i32> {
    of.iter().map(|i| waits.waits[*i].pid).collect()
}

#[test]
fn two_that_wait_for_each_other_and_one_behind() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(11) | 1); // MUTEX_FLAG_WAITERS
    s.lock(Kind::RwSemaphore, B, Sleepers::address(10));
    let waiter = s.waits(10, "one", "take_first", Kind::Mutex, A);
    s.waits(11, "two", "take_second", Kind::RwSemaphore, B);
    s.waits(12, "three", "take_third", Kind::Mutex, A);
    let found = read(s);
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    assert_eq!(found.cycles.len(), 1);
    assert!(found.cycles[0].certain && found.roots.is_empty());
    assert_eq!(pids(&found, &found.cycles[0].waits), [10, 11]);
    assert_eq!(pids(&found, &found.cycles[0].behind), [12]);
    let one = found.of(VirtAddr(Sleepers::address(10))).unwrap();
    let lock = found.lock(one).unwrap();
    assert_eq!((one.kind, one.waiter, lock.at), (WaitKind::Mutex, Some(VirtAddr(waiter)), VirtAddr(A)));
    assert_eq!((lock.text().as_str(), &lock.waiters[..]), ("mutex lock_a", &[10, 12][..]));
    assert_eq!(one.caller().and_then(|f| f.name()), Some("take_first"));
    let two = found.of(VirtAddr(Sleepers::address(11))).unwrap();
    assert_eq!((two.kind, found.lock(two).unwrap().at), (WaitKind::Write, VirtAddr(B)));
}

#[test]
fn locks_that_point_at_their_first_waiter() {
    let mut s = Sleepers::new();
    s.headless = true;
    s.lock(Kind::Mutex, A, Sleepers::address(11));
    s.lock(Kind::RwSemaphore, B, Sleepers::address(10));
    s.waits(10, "one", "take_first", Kind::Mutex, A);
    s.waits(11, "two", "take_second", Kind::RwSemaphore, B);
    s.waits(12, "three", "take_third", Kind::RwSemaphore, B);
    let found = read(s);
    assert_eq!(found.cycles.iter().map(|c| pids(&found, &c.waits)).collect::<Vec<_>>(), [[10, 11]]);
    let locks: Vec<_> = found.locks.iter().map(|l| (l.at.0, l.waiters.clone())).collect();
    assert_eq!(locks, [(A, vec![10]), (B, vec![11, 12])]);
}

#[test]
fn who_waits_for_a_thread_to_end_waits_for_what_that_one_needs() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(10));
    s.waits(11, "thread", "take_second", Kind::Mutex, A);
    s.lock(Kind::Completion, B, Sleepers::address(11));
    s.waits(10, "stopper", "take_first", Kind::Completion, B);
    let found = read(s);
    assert_eq!(found.cycles.iter().map(|c| pids(&found, &c.waits)).collect::<Vec<_>>(), [[10, 11]]);
    let lock = found.lock(found.of(VirtAddr(Sleepers::address(10))).unwrap()).unwrap();
    assert_eq!(lock.text(), "completion of the end of thread (11)");
}

#[test]
fn a_task_that_waits_for_itself() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(10));
    s.waits(10, "one", "take_first", Kind::Mutex, A);
    let found = read(s);
    assert_eq!(found.cycles.iter().map(|c| pids(&found, &c.waits)).collect::<Vec<_>>(), [[10]]);
}

#[test]
fn holders_that_sleep_are_roots() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(20));
    s.waits(10, "one", "take_first", Kind::Mutex, A);
    s.waits(11, "two", "take_second", Kind::Mutex, A);
    s.naps(20, "holder", 1, "take_third");
    let found = read(s);
    assert!(found.cycles.is_empty());
    let [root] = &found.roots[..] else { panic!("{:?}", found.roots) };
    assert_eq!(root.holder, Some(VirtAddr(Sleepers::address(20))));
    assert_eq!(pids(&found, &root.behind), [10, 11]);
}

#[test]
fn an_owner_that_ended_and_readers() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(99));
    s.lock(Kind::RwSemaphore, B, Sleepers::address(10) | 1); // RWSEM_READER_OWNED
    s.waits(10, "one", "take_first", Kind::Mutex, A);
    s.waits(11, "two", "take_second", Kind::RwSemaphore, B);
    let found = read(s);
    let owner = |pid| found.lock(found.of(VirtAddr(Sleepers::address(pid))).unwrap()).unwrap().owner.clone();
    assert_eq!(owner(10), Owner::Gone { task: VirtAddr(Sleepers::address(99)) });
    assert_eq!(owner(11), Owner::Task { task: VirtAddr(Sleepers::address(10)), pid: 10, certain: false });
}

#[test]
fn stale_and_damaged_waiters_are_not_believed() {
    // A waiter that was taken off its list, and one whose list leads nowhere.
    for (offset, value) in [(0, 0xdead_0000_0000_0100), (0, 8), (8, 0), (0, TEXT)] {
        let mut s = Sleepers::new();
        s.lock(Kind::Mutex, A, Sleepers::address(10));
        let waiter = s.waits(10, "one", "take_first", Kind::Mutex, A);
        s.link();
        s.memory.put_uint(VirtAddr(waiter + offset), value, 8);
        let t = opened(s);
        let found = Waits::read(&t, &Tasks::read(&t).unwrap());
        assert!(found.cycles.is_empty() && found.locks.is_empty(), "{value:#x}");
        assert!(found.waits[0].unknown.is_some() && found.waits[0].kind == WaitKind::Mutex);
    }
}

#[test]
fn a_nap_is_no_lock() {
    let mut s = Sleepers::new();
    s.naps(10, "one", 2, "take_first");
    s.naps(11, "idle", 0x402, "take_second"); // TASK_IDLE is no load
    let found = read(s);
    assert_eq!(found.waits.iter().map(|w| (w.pid, w.kind)).collect::<Vec<_>>(), [(10, WaitKind::Time)]);
    assert!(found.locks.is_empty() && found.cycles.is_empty());
}

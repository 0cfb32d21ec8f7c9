//! Deadlocks and hung tasks, on kernels made of memory alone; nobody panicked in them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::Abi;
use necropsy_debuginfo::{Btf, Kallsyms, Keys};
use necropsy_diagnose::{Case, CaseOptions};
use necropsy_report::Verdict;
use necropsy_synth::sleepers::{Kind, Sleepers, TEXT};
use necropsy_target::{Target, VmcoreInfo};

const A: u64 = 0xffff_ffff_81a0_0000;
const B: u64 = 0xffff_ffff_81a0_0100;
/// The one CPU's run queue, whose clock is at 1000 s.
const RUNQUEUE: u64 = 0xffff_ffff_81a0_0800;

fn verdict(mut s: Sleepers) -> Verdict {
    s.link();
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
    let t = Target::from_parts(&X86_64, Arc::new(s.memory), Arc::new(types));
    let t = Arc::new(t.with_vmcoreinfo(info).with_kallsyms(names));
    Case::open(t, CaseOptions::default()).analyse().verdict
}

fn function(v: &Verdict) -> Option<&str> {
    v.culprit.as_ref()?.function.as_deref()
}

#[test]
fn a_circle_is_a_deadlock_and_who_came_last_is_named() {
    for (kind, class) in [(Kind::Mutex, "deadlock"), (Kind::RwSemaphore, "deadlock")] {
        let mut s = Sleepers::new();
        s.lock(kind, A, Sleepers::address(11));
        s.lock(kind, B, Sleepers::address(10));
        s.waits(10, "one", "take_first", kind, A);
        s.waits(11, "two", "take_second", kind, B);
        let v = verdict(s);
        assert_eq!((v.class, function(&v)), (class, Some("take_second")), "{}", v.title);
        assert!(v.confidence > 0.95 && v.statement.contains("lock_a"), "{}", v.statement);
        let others: Vec<_> = v.related.iter().map(|r| (r.role, r.function.as_deref())).collect();
        assert_eq!(others, [("other culprit", Some("take_first"))]);
    }
}

#[test]
fn who_waits_for_an_end_with_the_lock_held_is_to_blame_even_if_he_came_first() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(10));
    s.waits(11, "thread", "take_second", Kind::Mutex, A);
    s.lock(Kind::Completion, B, Sleepers::address(11));
    s.waits(10, "stopper", "take_first", Kind::Completion, B);
    let v = verdict(s);
    assert_eq!((v.class, function(&v)), ("deadlock", Some("take_first")), "{}", v.title);
    assert!(v.statement.contains("waits for an end that cannot come"), "{}", v.statement);
}

#[test]
fn who_waits_for_readers_and_is_one_waits_for_itself() {
    for (nesting, class) in [(1, "deadlock"), (0, "unknown")] {
        let mut s = Sleepers::new();
        s.waits_for_readers(10, "one", "take_first", nesting);
        s.clock(RUNQUEUE, 500_000_000_000);
        let v = verdict(s);
        assert_eq!(
            (v.class, function(&v)),
            (class, Some("take_first").filter(|_| nesting > 0)),
            "{}",
            v.title
        );
    }
}

#[test]
fn a_task_may_wait_for_itself() {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(10));
    s.waits(10, "one", "take_first", Kind::Mutex, A);
    let v = verdict(s);
    assert_eq!((v.class, function(&v)), ("deadlock", Some("take_first")));
    assert_eq!(v.task.unwrap().pid, 10);
}

/// Two tasks behind a lock whose holder sleeps; they last ran 10 and 11 s after boot.
fn behind_a_sleeper(now: u64) -> Sleepers {
    let mut s = Sleepers::new();
    s.lock(Kind::Mutex, A, Sleepers::address(20));
    s.waits(10, "one", "take_first", Kind::Mutex, A);
    s.waits(11, "two", "take_second", Kind::Mutex, A);
    s.naps(20, "holder", 1, "take_third");
    s.clock(RUNQUEUE, now * 1_000_000_000);
    s
}

#[test]
fn long_waits_are_hung_and_the_holder_is_asked() {
    let v = verdict(behind_a_sleeper(1000));
    assert_eq!((v.class, function(&v)), ("hung-task", Some("take_third")), "{}", v.title);
    assert!(v.culprit.unwrap().confidence.unwrap() < 0.8);
    assert_eq!(v.related[0].task.as_ref().map(|t| t.pid), Some(20));
}

#[test]
fn short_waits_and_naps_are_health() {
    let mut napping = Sleepers::new();
    napping.naps(10, "one", 2, "take_first");
    napping.clock(RUNQUEUE, 1_000_000_000_000);
    for s in [behind_a_sleeper(60), napping] {
        assert_eq!(verdict(s).class, "unknown");
    }
}

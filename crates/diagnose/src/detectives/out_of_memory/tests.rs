//! Who is blamed for having the memory, and who is not.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::{Btf, Kallsyms, Keys};
use necropsy_kernel::meminfo::{Account, Counters, Use};
use necropsy_report::TaskInfo;
use necropsy_synth::sleepers::{Sleepers, TEXT};
use necropsy_target::{Target, VmcoreInfo};

use super::explain;
use crate::Class;
use crate::consumers::{Consumers, Taker, Who};

const GIB: u64 = 1 << 30;

/// A kernel with the functions `take_first`, `take_second` and `take_third`.
fn kernel() -> Target {
    let mut s = Sleepers::new();
    s.link();
    let image = s.names(&[]);
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

fn taken(kernel: Vec<Taker>, others: Vec<Taker>) -> Consumers {
    let uses = vec![(Use::Unaccounted, GIB / 2), (Use::Anonymous, GIB / 4), (Use::Free, GIB / 4)];
    Consumers { account: Account { total: GIB, uses, counters: Counters::default() }, kernel, others }
}

fn pages(sites: Vec<VirtAddr>) -> Taker {
    Taker { who: Who::Pages { found: 1, holder: None, sites }, bytes: GIB / 2 }
}

fn process() -> Taker {
    let task = TaskInfo { pid: 7, comm: "eater".into(), cpu: None };
    Taker { who: Who::Process { task, count: 1 }, bytes: GIB / 4 }
}

fn site(t: &Target, function: &str) -> VirtAddr {
    t.symbol(function).unwrap().offset(4)
}

#[test]
fn a_function_of_the_kernel_itself_allocates_for_others() {
    let t = kernel();
    let h =
        explain(&t, &taken(vec![pages(vec![site(&t, "take_first")])], vec![process()]), Class::OutOfMemory);
    assert!(h.culprit.is_none() && h.statement.contains("take_first"), "{}", h.statement);
    assert!(h.title.contains("512 MiB of 1024 MiB (50 %)"), "{}", h.title);
}

#[test]
fn of_several_nobody_is() {
    let t = kernel();
    let sites = vec![site(&t, "take_first"), site(&t, "take_second")];
    let h = explain(&t, &taken(vec![pages(sites)], vec![process()]), Class::OutOfMemory);
    assert!(h.culprit.is_none());
    let named: Vec<_> = h.related.iter().map(|r| (r.role, r.function.as_deref())).collect();
    assert_eq!(named, [("allocator", Some("take_first")), ("allocator", Some("take_second"))]);
}

#[test]
fn a_process_that_has_it_is_no_fault_of_the_kernel() {
    let t = kernel();
    let h = explain(&t, &taken(vec![], vec![process()]), Class::OutOfMemory);
    assert!(h.culprit.is_none() && h.statement.contains("eater (7)"), "{}", h.statement);
    let h = explain(&t, &taken(vec![], vec![]), Class::OutOfMemory);
    assert!(h.culprit.is_none() && h.statement.contains("No one taker"), "{}", h.statement);
}

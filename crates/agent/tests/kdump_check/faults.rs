//! A fault, and where it is found.

use necropsy_agent::kdump::{CHECKS, Status};

use super::support::{Machine, RELEASE};
use super::{loading, look, policy, writing};

/// How a machine that is ready is broken.
pub enum What {
    /// A file that says something else; `{}` is the kernel's release.
    File(&'static str, &'static str),
    /// Several of them.
    Files(&'static [(&'static str, &'static str)]),
    /// Something that is not there.
    Gone(&'static str),
    /// Whatever else.
    Do(for<'a> fn(&'a Machine) -> &'a Machine),
}

/// What it is called, the check that finds it, how bad that is, a word of the advice, and what is done.
pub type Fault = (&'static str, &'static str, Status, &'static str, What);

/// Where Debian's capture kernel has its initramfs.
pub fn capture() -> String {
    format!("/var/lib/kdump/initrd.img-{RELEASE}")
}

fn all() -> impl Iterator<Item = &'static Fault> {
    [loading::FAULTS, writing::FAULTS, policy::FAULTS].into_iter().flatten()
}

fn broken(what: &What) -> Machine {
    let machine = Machine::debian();
    let of = |text: &str| text.replace("{}", RELEASE);
    match what {
        What::File(path, text) => _ = machine.put(&of(path), of(text)),
        What::Files(all) => all.iter().for_each(|(path, text)| _ = machine.put(path, of(text))),
        What::Gone(path) => _ = machine.remove(path),
        What::Do(fault) => _ = fault(&machine),
    }
    machine
}

#[test]
fn every_fault_is_found_where_it_is() {
    for (name, id, status, fix, what) in all() {
        let found = look(&broken(what));
        let text = necropsy_agent::kdump::text(&found);
        let check = found.checks.iter().find(|c| c.id == *id).unwrap();
        assert_eq!(check.status, *status, "{name}\n{text}");
        assert!(check.fix.iter().any(|f| f.contains(fix)) || fix.is_empty(), "{name}: {:?}", check.fix);
        if check.essential && *status == Status::Fail {
            assert_eq!(found.ready, Some(false), "{name}");
        }
    }
}

#[test]
fn a_fault_is_made_for_every_check() {
    for check in CHECKS {
        assert!(all().any(|(_, id, ..)| *id == check.id), "no fault is made for {}", check.id);
    }
}

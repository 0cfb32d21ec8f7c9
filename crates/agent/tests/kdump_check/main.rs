//! Every fault that is made is found, and none on a machine that is ready.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod distributions;
mod faults;
mod hostile;
mod loading;
mod policy;
mod size;
#[path = "../support/mod.rs"]
mod support;
mod trees;
mod writing;

use necropsy_agent::Root;
use necropsy_agent::kdump::{CHECKS, Checked, Readiness, Status, check};
use support::Machine;

fn look(machine: &Machine) -> Readiness {
    check(&Root::new(machine.dir.path()))
}

fn complaints(found: &Readiness) -> Vec<(&str, Status)> {
    let bad = found.checks.iter().filter(|c| c.status != Status::Pass);
    bad.map(|c| (c.id, c.status)).collect()
}

/// What one check says.
fn outcome(machine: &Machine, id: &str) -> Checked {
    look(machine).checks.into_iter().find(|c| c.id == id).unwrap()
}

#[test]
fn good_machines_have_no_faults() {
    for machine in [Machine::debian(), Machine::red_hat(), Machine::suse()] {
        let found = look(&machine);
        let text = necropsy_agent::kdump::text(&found);
        assert_eq!(complaints(&found), [], "{text}");
        assert_eq!(found.ready, Some(true));
        assert!(found.dump_expected_bytes.unwrap() < found.dump_free_bytes.unwrap());
    }
}

#[test]
fn ids_are_unique_and_documented() {
    let text = std::fs::read_to_string(support::repository("docs/kdump.md")).unwrap();
    for (i, check) in CHECKS.iter().enumerate() {
        assert!(CHECKS[..i].iter().all(|c| c.id != check.id));
        assert!(text.contains(&format!("### {}\n", check.id)), "docs/kdump.md says nothing of {}", check.id);
        assert!(check.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    }
}

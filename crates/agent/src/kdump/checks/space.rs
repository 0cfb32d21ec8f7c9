//! Whether the dump fits where it goes.

use crate::bytes;
use crate::kdump::{Check, Outcome, Status, System, Target};

pub static CHECK: Check = Check {
    id: "dump-space",
    title: "space for the dump",
    why: "a dump that is cut short is mostly worthless, and a full disk hurts what runs after the reboot",
    essential: false,
    run,
};

/// What compression makes of kernel memory at worst, in our experience: a half.
const COMPRESSED: u64 = 2;

fn run(system: &System) -> Outcome {
    let Some(expected) = system.expected_dump() else {
        return Outcome::unknown("/proc/meminfo cannot be read");
    };
    let compressed = system.config.as_ref().is_some_and(|c| c.compressed);
    let likely = if compressed { expected.bytes / COMPRESSED } else { expected.bytes };
    let size = format!("a dump of now would have at most {} ({})", bytes(expected.bytes), expected.how);
    if let Some(Target::Remote(_, address)) = system.config.as_ref().map(|c| &c.target) {
        return Outcome::unknown(format!("{size}; what is free on {address} only that machine knows"));
    }
    let Some(free) = system.free_at_target() else {
        return Outcome::unknown(format!("{size}; what is free at the target is not known"));
    };
    let outcome = Outcome::pass(format!("{} free; {size}", bytes(free)));
    let room = ["make room, or set a larger target".to_owned(), leave_out(system)];
    if free < likely {
        return outcome.problem(Status::Fail, "it would not fit").fix(room);
    }
    if free < expected.bytes {
        return outcome.problem(Status::Warn, "it fits only as long as it compresses well").fix(room);
    }
    if keeps_all(system) && free < 2 * expected.bytes {
        return outcome
            .problem(Status::Warn, "the one after it may not fit, and old dumps are never removed")
            .fix(room);
    }
    outcome
}

fn keeps_all(system: &System) -> bool {
    system.config.as_ref().is_some_and(|c| c.keep.is_none())
}

fn leave_out(system: &System) -> String {
    let level = system.config.as_ref().and_then(|c| c.level);
    match level {
        Some(31) => "remove old dumps (`necropsy collect --keep 3` does)".to_owned(),
        _ => "leave out what is not the kernel's: makedumpfile -d 31".to_owned(),
    }
}

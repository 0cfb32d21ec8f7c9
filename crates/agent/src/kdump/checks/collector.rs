//! What is left out of the dump, and whether it is compressed.

use crate::kdump::{Check, Outcome, Status, System, Target};

pub static CHECK: Check = Check {
    id: "collector",
    title: "how the dump is written",
    why: "without filtering the dump is as large as memory, and takes as long as writing all of it",
    essential: false,
    run,
};

/// makedumpfile takes no other level.
const LARGEST: u32 = 31;

fn run(system: &System) -> Outcome {
    let Some(config) = system.config.as_ref().filter(|c| c.present) else {
        return Outcome::unknown("kdump's configuration is not there");
    };
    if let Some(own) = &config.own {
        return Outcome::unknown(format!("what this writes only its author knows: {own}"));
    }
    let collector = config.collector.clone().unwrap_or_default();
    let outcome = Outcome::pass(collector.clone());
    let set = |value: &str| format!("set {value} in {}", config.file);
    let wanted = match system.family {
        crate::kdump::Family::Debian => "MAKEDUMP_ARGS=\"-c -d 31\"",
        crate::kdump::Family::Suse => "KDUMP_DUMPLEVEL=31",
        _ => "core_collector makedumpfile -l --message-level 7 -d 31",
    };
    if !config.dumps {
        return Outcome::pass("only the kernel's log is saved")
            .problem(Status::Fail, "there will be no dump")
            .fix([set("KDUMP_DUMPFORMAT=compressed")]);
    }
    let outcome = match config.level {
        None => outcome.problem(Status::Warn, "all of memory is copied as it is").fix([set(wanted)]),
        Some(level) if level > LARGEST => {
            outcome.problem(Status::Fail, format!("{level} is no dump level")).fix([set(wanted)])
        }
        Some(level) if level & 16 == 0 => {
            outcome.problem(Status::Warn, "free pages are written, too").fix([set(wanted)])
        }
        Some(_) => outcome,
    };
    if !config.compressed && !matches!(config.target, Target::Raw(_)) && config.level.is_some() {
        return outcome.problem(Status::Warn, "the dump is not compressed").fix([set(wanted)]);
    }
    outcome
}

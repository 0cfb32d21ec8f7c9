//! Is this machine ready to keep a dump of its kernel when it dies?
//!
//! Each check is one file under `checks/` and one line in [`CHECKS`]. A check says what it found, and what is wrong with it; what
//! cannot be known is [`Status::Unknown`], never a pass.

mod boot;
mod checks;
mod config;
mod crashkernel;
mod devices;
mod estimate;
mod family;
mod initramfs;
mod meminfo;
mod memory;
mod mounts;
mod pages;
mod render;
mod shell;
mod system;
pub mod test;

use serde::{Deserialize, Serialize};

use crate::Root;

pub use checks::CHECKS;
pub use config::{DumpConfig, Target};
pub use crashkernel::Crashkernel;
pub use estimate::{Estimate, Part, Source};
pub use family::Family;
pub use render::text;
pub use system::System;

/// What a check found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// It cannot be known from here.
    Unknown,
    /// A dump may be lost, or be worth less.
    Warn,
    /// There will be no dump.
    Fail,
}

impl Status {
    /// All, as metrics number them.
    pub const ALL: [Status; 4] = [Status::Pass, Status::Unknown, Status::Warn, Status::Fail];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Unknown => "unknown",
            Status::Warn => "warn",
            Status::Fail => "fail",
        }
    }
}

/// One thing to look at.
pub struct Check {
    /// Its name: a label of a metric, and the anchor in the documentation.
    pub id: &'static str,
    /// What is looked at.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Whether there is no dump without it.
    pub essential: bool,
    /// Looks.
    pub run: fn(&System) -> Outcome,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
    /// What to do about it, commands and edits in order.
    pub fix: Vec<String>,
}

impl Outcome {
    /// All is well.
    pub fn pass(found: impl Into<String>) -> Outcome {
        Outcome { status: Status::Pass, found: found.into(), problems: Vec::new(), fix: Vec::new() }
    }

    /// It cannot be known.
    pub fn unknown(why: impl Into<String>) -> Outcome {
        Outcome { status: Status::Unknown, ..Outcome::pass(why) }
    }

    /// Adds something that is wrong.
    pub fn problem(mut self, status: Status, what: impl Into<String>) -> Outcome {
        self.status = self.status.max(status);
        self.problems.push(what.into());
        self
    }

    /// Adds what to do.
    pub fn fix<S: Into<String>>(mut self, steps: impl IntoIterator<Item = S>) -> Outcome {
        for step in steps.into_iter().map(Into::into) {
            if !self.fix.contains(&step) {
                self.fix.push(step);
            }
        }
        self
    }
}

/// One check's result, to be shown.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The check's name.
    pub id: &'static str,
    /// What was looked at.
    pub title: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What is wrong.
    pub problems: Vec<String>,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: Vec<String>,
    /// Whether there is no dump without it.
    pub essential: bool,
}

/// All that was found out about a machine.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Version of this form.
    pub schema: u32,
    /// When it was looked at, RFC 3339.
    pub time: String,
    /// The distribution.
    pub distribution: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// Whether a crash would leave a dump; `null`: it cannot be known.
    pub ready: Option<bool>,
    /// Bytes that are reserved.
    pub crashkernel_bytes: Option<u64>,
    /// Bytes that a dump would take at most.
    pub dump_expected_bytes: Option<u64>,
    /// How that is made up, and what is likely.
    pub dump_estimate: Option<Estimate>,
    /// Bytes that the last dump took that is kept.
    pub dump_last_bytes: Option<u64>,
    /// Bytes that are free where it would go.
    pub dump_free_bytes: Option<u64>,
    /// Each check.
    pub checks: Vec<Checked>,
}

impl Readiness {
    /// The worst that was found.
    pub fn worst(&self) -> Status {
        self.checks.iter().map(|c| c.status).max().unwrap_or(Status::Unknown)
    }
}

/// Looks at the files of a machine.
pub fn check(root: &Root) -> Readiness {
    examine(&System::of(root.clone()))
}

/// Runs all checks.
pub fn examine(system: &System) -> Readiness {
    let checks: Vec<Checked> = CHECKS.iter().map(|check| checked(check, system)).collect();
    Readiness {
        schema: 1,
        time: system.now.to_string(),
        distribution: system.distribution.clone(),
        kernel: system.release.clone(),
        ready: ready(&checks),
        crashkernel_bytes: system.reserved(),
        dump_expected_bytes: system.expected_dump().map(|e| e.bytes),
        dump_estimate: system.expected_dump().cloned(),
        dump_last_bytes: system.last_dump().map(|(bytes, _)| bytes),
        dump_free_bytes: system.free_at_target(),
        checks,
    }
}

fn checked(check: &Check, system: &System) -> Checked {
    let outcome = (check.run)(system);
    let healthy = outcome.status == Status::Pass;
    Checked {
        id: check.id,
        title: check.title,
        status: outcome.status,
        found: outcome.found,
        problems: outcome.problems,
        why: check.why,
        fix: if healthy { Vec::new() } else { outcome.fix },
        essential: check.essential,
    }
}

/// No, if something essential is broken; yes, if all that is essential is known to be there.
fn ready(checks: &[Checked]) -> Option<bool> {
    let mut essential = checks.iter().filter(|c| c.essential).map(|c| c.status);
    if essential.clone().any(|s| s == Status::Fail) {
        return Some(false);
    }
    (!essential.any(|s| s == Status::Unknown)).then_some(true)
}

//! When it was last tried.

use jiff::Timestamp;
use serde::Deserialize;

use crate::Read;
use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "last-test",
    title: "the last crash test",
    why: "of set-ups that were never tried, many fail for a reason that no check can see",
    essential: false,
    run,
};

/// Where `necropsy kdump test` leaves its result.
pub const RESULT: &str = "/var/lib/necropsy/kdump-test.json";

/// And where `kdumpctl test` does, and did.
const KDUMPCTL: &[&str] = &["/var/lib/kdump/vmcore-creation.status", "/var/crash/vmcore-creation.status"];

#[derive(Deserialize)]
struct Result {
    time: Timestamp,
    kernel: Option<String>,
    passed: bool,
    #[serde(default)]
    why: String,
}

fn run(system: &System) -> Outcome {
    match system.root.read(RESULT) {
        Read::Text(text) => match serde_json::from_str::<Result>(&text) {
            Ok(result) => return ours(system, &result),
            Err(_) => return Outcome::unknown(format!("{RESULT} cannot be understood")),
        },
        Read::Unreadable(why) => return Outcome::unknown(format!("{RESULT}: {why}")),
        Read::Missing => {}
    }
    if let Some(status) = KDUMPCTL.iter().find_map(|path| system.root.word(path)) {
        let status: String = status.chars().take(120).collect();
        return match status.starts_with("success") {
            true => Outcome::pass(format!("kdumpctl test: {status}")),
            false => Outcome::pass(format!("kdumpctl test: {status}"))
                .problem(Status::Warn, "it did not pass")
                .fix(again()),
        };
    }
    if system.is_partial() {
        return Outcome::unknown("not among the files");
    }
    Outcome::pass("never")
        .problem(Status::Warn, "whether a dump really comes about is not known")
        .fix(again())
}

fn ours(system: &System, result: &Result) -> Outcome {
    let day = result.time.strftime("%Y-%m-%d").to_string();
    let kernel = result.kernel.clone().unwrap_or_default();
    let outcome =
        Outcome::pass(format!("{day} on {kernel}: {}", if result.passed { "passed" } else { "failed" }));
    if !result.passed {
        let why: String = result.why.chars().take(200).collect();
        return outcome.problem(Status::Fail, format!("the last test left no good dump: {why}")).fix(again());
    }
    if result.kernel.is_some() && result.kernel != system.release {
        return outcome.problem(Status::Warn, "that was another kernel").fix(again());
    }
    let config = system.config.as_ref().and_then(|c| system.root.look(c.file).ok()??.modified().ok());
    let changed = config.and_then(|t| Timestamp::try_from(t).ok()).is_some_and(|t| t > result.time);
    if changed {
        return outcome.problem(Status::Warn, "kdump's configuration was changed since").fix(again());
    }
    outcome
}

fn again() -> [&'static str; 1] {
    ["necropsy kdump test  # explains what it does; it crashes the machine only if told so"]
}

//! A crash on purpose, to see whether a dump comes of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Readiness;
use crate::collect::Crash;

/// A test that was begun and not looked at yet.
const PENDING: &str = "kdump-test-pending.json";
/// The result of the last one.
pub const RESULT: &str = "kdump-test.json";
/// A dump that came later than this after the test is not its.
const WINDOW: i64 = 4 * 3600;

/// What is noted before the crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    time: Timestamp,
    kernel: Option<String>,
    boot_id: Option<String>,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// When it was begun.
    pub time: Timestamp,
    /// The kernel that was crashed.
    pub kernel: Option<String>,
    /// Whether a dump came that opens and says what happened.
    pub passed: bool,
    /// Why not.
    #[serde(default)]
    pub why: String,
    /// The dump.
    pub dump: Option<PathBuf>,
}

/// What a test does, and what it costs.
pub const EXPLANATION: &str = "\
A crash test makes the kernel panic, right now, as a bug would: nothing is shut down, unsaved data is lost, every service on this machine \
is gone until it has rebooted. If kdump works the capture kernel then writes a dump and reboots. If it does not, the machine may hang until \
somebody resets it: have a console or a remote power switch at hand.

After the reboot `necropsy collect` (at boot, if its service is enabled; else by hand) looks whether a dump arrived, opens, and says \
that it was requested. The result is what `necropsy kdump check` shows as last-test.

To do it:  necropsy kdump test --yes-crash-this-machine
";

/// Crashes the machine. Returns only if that fails.
pub fn crash(readiness: &Readiness, force: bool, state: &Path, trigger: &Path) -> Result<()> {
    if readiness.ready == Some(false) && !force {
        let broken = readiness.checks.iter().filter(|c| c.essential && c.status == super::Status::Fail);
        let names: Vec<&str> = broken.map(|c| c.id).collect();
        bail!(
            "a crash would leave no dump ({}); see `necropsy kdump check`, or use --force",
            names.join(", ")
        );
    }
    std::fs::create_dir_all(state).with_context(|| state.display().to_string())?;
    let boot_id =
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|t| t.trim().to_owned());
    let pending = Pending { time: Timestamp::now(), kernel: readiness.kernel.clone(), boot_id };
    let path = state.join(PENDING);
    crate::write_whole(&path, serde_json::to_string(&pending)?.as_bytes())
        .with_context(|| path.display().to_string())?;
    rustix::fs::sync();
    std::fs::write(trigger, "c").with_context(|| trigger.display().to_string())?;
    bail!("the kernel did not crash: is kernel.sysrq set?")
}

/// Looks whether a test was begun before this boot, and how it ended.
pub fn verify(state: &Path, found: &[Crash], now: Timestamp) -> Result<Option<Outcome>> {
    let path = state.join(PENDING);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    let Ok(pending) = serde_json::from_str::<Pending>(&text) else {
        std::fs::remove_file(&path)?;
        return Ok(None);
    };
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|t| t.trim().to_owned());
    if boot.is_some() && boot == pending.boot_id {
        // The machine did not go down yet.
        return Ok(None);
    }
    let outcome = judged(&pending, found, now);
    crate::write_whole(&state.join(RESULT), serde_json::to_string(&outcome)?.as_bytes())?;
    std::fs::remove_file(&path)?;
    Ok(Some(outcome))
}

fn judged(pending: &Pending, found: &[Crash], now: Timestamp) -> Outcome {
    // The crashed kernel's clock and the file system's may differ by a little.
    let after = |c: &&Crash| (-120..WINDOW).contains(&(c.time.as_second() - pending.time.as_second()));
    let dump = found.iter().filter(after).find(|c| c.dump.is_some());
    let why = match dump {
        None => format!("no dump arrived (looked at {now})"),
        Some(c) if c.complete == Some(false) => "the dump is not whole, or cannot be opened".to_owned(),
        Some(c) if !c.requested && c.class != "requested-crash" => {
            format!("the dump says {}, and not that it was requested", c.class)
        }
        Some(_) => String::new(),
    };
    Outcome {
        time: pending.time,
        kernel: pending.kernel.clone(),
        passed: why.is_empty(),
        why,
        dump: dump.and_then(|c| c.dump.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(boot: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let pending =
            Pending { time: Timestamp::now(), kernel: Some("6.1".into()), boot_id: Some(boot.into()) };
        std::fs::write(dir.path().join(PENDING), serde_json::to_string(&pending).unwrap()).unwrap();
        dir
    }

    #[test]
    fn passed_failed_and_not_yet() {
        let good = Crash {
            time: Timestamp::now(),
            class: "requested-crash".to_owned(),
            requested: true,
            dump: Some("/x/vmcore".into()),
            complete: Some(true),
            ..Crash::default()
        };
        let now = Timestamp::now();
        let ask = |found: &[Crash]| verify(state("another").path(), found, now).unwrap().unwrap();
        assert!(ask(std::slice::from_ref(&good)).passed);
        assert!(!ask(&[]).passed);
        assert!(ask(&[Crash { complete: Some(false), ..good.clone() }]).why.contains("whole"));
        assert!(
            ask(&[Crash { class: "deadlock".into(), requested: false, ..good.clone() }])
                .why
                .contains("deadlock")
        );
        let own = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(verify(state(own.trim()).path(), &[good], now).unwrap(), None);
    }

    #[test]
    fn it_crashes_only_what_would_leave_a_dump() {
        let dir = tempfile::tempdir().unwrap();
        let trigger = dir.path().join("trigger");
        let mut readiness = super::super::check(&crate::Root::new(dir.path()));
        readiness.ready = Some(false);
        assert!(crash(&readiness, false, dir.path(), &trigger).is_err() && !trigger.exists());
        assert!(crash(&readiness, true, dir.path(), &trigger).is_err());
        assert_eq!(std::fs::read_to_string(&trigger).unwrap(), "c");
        assert!(dir.path().join(PENDING).exists());
    }
}

//! What killed the kernel, for the start of a session: worked out beside it, so that the first prompt does not wait.
//!
//! The dump is opened once more, without debugging information: finding and reading files could take long, and what is read
//! for the verdict does not stay in memory.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Result;
use necropsy_base::Budget;
use necropsy_diagnose::{Case, CaseOptions};
use necropsy_report::{Analysis, Place, terminal_safe};

use crate::open::open_bare;

/// How long the first prompt may wait for it.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long it may take at all.
const LIMIT: Duration = Duration::from_secs(30);

/// The verdict that a session begins with.
pub struct Verdict(Option<Receiver<String>>);

impl Verdict {
    /// There will be none.
    pub fn none() -> Verdict {
        Verdict(None)
    }

    /// Begins to work on it.
    pub fn start(files: Vec<PathBuf>, vmcoreinfo: Option<PathBuf>) -> Verdict {
        let (tell, told) = channel();
        // Nobody waits for the thread's end: a session may be over before.
        std::thread::spawn(move || {
            let lines = analyse(&files, vmcoreinfo).map_or_else(|e| failed(&e.to_string()), |a| lines(&a));
            let _ = tell.send(lines);
        });
        Verdict(Some(told))
    }

    /// Its lines for the banner. On a terminal they come before a later prompt if they take long.
    pub fn for_banner(&mut self, terminal: bool) -> String {
        let patience = if terminal { PATIENCE } else { LIMIT };
        let late = "     VERDICT: not known yet; it is shown when it is\n";
        self.wait(patience).unwrap_or_else(|| if self.0.is_some() { late.into() } else { String::new() })
    }

    /// Its lines, if they have come since.
    pub fn news(&mut self) -> Option<String> {
        self.wait(Duration::ZERO)
    }

    fn wait(&mut self, patience: Duration) -> Option<String> {
        let told = self.0.as_ref()?.recv_timeout(patience);
        if told == Err(RecvTimeoutError::Timeout) {
            return None;
        }
        self.0 = None;
        Some(told.unwrap_or_else(|_| failed("the analysis ended early")))
    }
}

fn analyse(files: &[PathBuf], vmcoreinfo: Option<PathBuf>) -> Result<Analysis> {
    let target = open_bare(files, vmcoreinfo.as_deref(), Budget::new(Some(LIMIT), u64::MAX))?;
    Ok(Case::open(target, CaseOptions { use_log: true, ..CaseOptions::default() }).analyse())
}

fn failed(why: &str) -> String {
    format!("     VERDICT: none: {}\n", terminal_safe(why))
}

/// Laid out as `sys` is.
fn lines(a: &Analysis) -> String {
    let sure = |p: f64| format!("({:.0} % sure)", p * 100.0);
    let v = &a.verdict;
    let mut out = format!(
        "     VERDICT: {} {}\n              {}\n",
        v.class,
        sure(v.confidence),
        terminal_safe(&v.title)
    );
    if let Some(culprit) = &v.culprit {
        let sure = culprit.confidence.map(sure).unwrap_or_default();
        out += &format!("     CULPRIT: {} {sure}\n", terminal_safe(&place(culprit)));
    }
    if let Some(victim) = v.victim.as_ref().filter(|victim| victim.function.is_some()) {
        out += &format!("  NOTICED IN: {}\n", terminal_safe(&place(victim)));
    }
    out + "              (\"! necropsy analyze\" and the dump's name: proofs and what to do)\n"
}

fn place(p: &Place) -> String {
    let offset = p.offset.as_ref().map(|o| format!("+{o}")).unwrap_or_default();
    let module = p.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    format!("{}{offset}{module}", p.function.as_deref().unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_verdict_or_one_line() {
        let mut none = Verdict::start(vec!["/no/such/dump".into()], None);
        let told = none.for_banner(false);
        assert!(told.starts_with("     VERDICT: none: ") && told.lines().count() == 1, "{told}");
        assert!(none.news().is_none() && Verdict::none().for_banner(true).is_empty());

        let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/6.1/stack_smash/vmcore");
        if dump.exists() {
            let told = Verdict::start(vec![dump], None).for_banner(false);
            assert!(told.contains("VERDICT: stack-buffer-overflow (9"), "{told}");
            assert!(
                told.contains("CULPRIT: copy_field") && told.contains("NOTICED IN: parse_header"),
                "{told}"
            );
        }
    }
}

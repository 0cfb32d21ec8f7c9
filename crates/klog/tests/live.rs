//! What a log says while it is written is what it says afterwards.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use necropsy_klog::{Limits, Live, Report, Role, reports};

fn titles(found: &[Report]) -> BTreeSet<&str> {
    found.iter().filter(|r| r.role != Role::Precursor).map(|r| r.title.as_str()).collect()
}

/// The log in pieces of so many lines.
fn live(log: &[u8], lines: usize) -> Vec<Report> {
    let mut live = Live::new(Limits::default());
    let mut found = Vec::new();
    let all: Vec<&[u8]> = log.split_inclusive(|b| *b == b'\n').collect();
    for piece in all.chunks(lines) {
        found.extend(live.take(&piece.concat()));
        found.extend(live.settle(Some(5.0)));
        assert!(live.first_open().is_none_or(|first| first <= live.taken()));
    }
    found.extend(live.settle(None));
    assert_eq!(live.first_open(), None);
    found
}

#[test]
fn consoles_of_real_crashes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let mut seen = 0;
    for kernel in std::fs::read_dir(corpus).unwrap().flatten().filter(|e| e.path().is_dir()) {
        for scenario in std::fs::read_dir(kernel.path()).unwrap().flatten() {
            let Ok(log) = std::fs::read(scenario.path().join("console.log")) else { continue };
            let afterwards = reports(&log);
            for lines in [1, 7, 100_000] {
                let while_written = live(&log, lines);
                let (a, b) = (titles(&afterwards), titles(&while_written));
                assert!(a.is_subset(&b), "{}: {a:?} {b:?}", scenario.path().display());
            }
            seen += titles(&afterwards).len();
        }
    }
    assert!(seen > 5, "{seen}");
}

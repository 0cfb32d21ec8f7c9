//! How well fingerprints group: over all pairs of logs, whether the same title means the same fingerprint.
//!
//! `cargo run --release --example pairs -- LOGS.jsonl`: each line has `log`, and `title` and `alt`, the names of the bug; lines
//! marked `corrupted`, `negative` or of type `SYZ_FAILURE` are left out. Two logs are of the same bug if their titles are the same.

use std::io::{BufRead, Write};

use necropsy_klog::{Report, Role, reports};
use serde_json::Value;

struct Case {
    title: String,
    report: Report,
}

fn cases(path: &str) -> std::io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(path)?).lines() {
        let Ok(row) = serde_json::from_str::<Value>(&line?) else { continue };
        let out = ["corrupted", "negative", "suppressed"].iter().any(|k| row[*k] == true)
            || row["type"] == "SYZ_FAILURE";
        let (Some(log), Some(title), false) = (row["log"].as_str(), row["title"].as_str(), out) else {
            continue;
        };
        if let Some(report) = reports(log.as_bytes()).into_iter().find(|r| r.role == Role::Cause) {
            cases.push(Case { title: title.to_owned(), report });
        }
    }
    Ok(cases)
}

fn score(cases: &[Case], key: impl Fn(&Report) -> String) -> (usize, usize, usize) {
    let keys: Vec<String> = cases.iter().map(|c| key(&c.report)).collect();
    let (mut same, mut grouped, mut right) = (0, 0, 0);
    for i in 0..cases.len() {
        for j in i + 1..cases.len() {
            let (bug, group) = (cases[i].title == cases[j].title, keys[i] == keys[j]);
            same += usize::from(bug);
            grouped += usize::from(group);
            right += usize::from(bug && group);
        }
    }
    (same, grouped, right)
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for path in std::env::args().skip(1) {
        let cases = cases(&path)?;
        writeln!(out, "{path}: {} logs", cases.len())?;
        type Key = fn(&Report) -> String;
        let keys: [(&str, Key); 2] =
            [("strict", |r| r.fingerprint.strict.clone()), ("loose", |r| r.fingerprint.loose.clone())];
        for (name, key) in keys {
            let (same, grouped, right) = score(&cases, key);
            let part = |of: usize| right as f64 / of.max(1) as f64;
            writeln!(
                out,
                "{name}: precision {:.2}, recall {:.2} ({right} right, {grouped} grouped, {same} of the same bug)",
                part(grouped),
                part(same)
            )?;
        }
    }
    Ok(())
}

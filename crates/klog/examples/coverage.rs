//! Whether a list of rules is covered: `coverage RULES.jsonl`, each line `{"id": …, "re": …}` with an expression of a kernel's
//! message. Every rule must fit an example of some pattern, which the tests hold to be recognised; a rule of a panic's reason
//! may stand behind `Kernel panic - not syncing: `. Prints the rules that fit none; exit status 1 if there are any.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use necropsy_klog::PATTERNS;
use regex::Regex;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: coverage RULES.jsonl");
        return ExitCode::from(2);
    };
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("{path} cannot be read");
        return ExitCode::from(2);
    };
    let rules: Vec<serde_json::Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let missing: Vec<&serde_json::Value> = rules.iter().filter(|r| !covered(r)).collect();
    missing.iter().for_each(|r| println!("not covered: {} {}", r["id"], r["re"]));
    println!("{} of {} rules covered", rules.len() - missing.len(), rules.len());
    ExitCode::from(u8::from(!missing.is_empty() || rules.is_empty()))
}

fn covered(rule: &serde_json::Value) -> bool {
    let Some(re) = rule["re"].as_str().and_then(|re| Regex::new(re).ok()) else { return false };
    let examples = PATTERNS.iter().flat_map(|p| p.examples);
    examples.into_iter().any(|line| {
        let reason = line.strip_prefix("Kernel panic - not syncing: ").unwrap_or(line);
        re.is_match(line) || re.is_match(reason)
    })
}

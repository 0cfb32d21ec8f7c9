//! `reports` and `analyze` on logs, as they are called.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus")
}

fn necropsy(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have refused before it read anything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn json(out: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Console logs of the corpus, with what was really done to the kernel.
fn cases() -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    let list = |dir: &Path| {
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>()
    };
    for case in list(&corpus()).iter().flat_map(|kernel| list(kernel)) {
        let (log, truth) = (case.join("console.log"), case.join("truth.json"));
        if let (true, Ok(truth)) = (log.exists(), std::fs::read(truth)) {
            found.push((log, serde_json::from_slice(&truth).unwrap()));
        }
    }
    if found.is_empty() {
        println!("skipped: logs (no corpus)");
    }
    found
}

#[test]
fn the_logs_of_the_corpus_are_understood() {
    for (log, truth) in cases() {
        let path = log.to_str().unwrap();
        let causes: Vec<Value> =
            json(&necropsy(&["reports", path], b"")).into_iter().filter(|r| r["role"] == "cause").collect();
        let out = necropsy(&["analyze", "--format", "json", path], b"");
        let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
        let verdict = &answer["verdict"];
        if truth["panic_seen"] == false {
            continue;
        }
        assert_eq!(causes.len(), 1, "{path}");
        assert_eq!(out.status.code(), Some(0), "{path}");
        let classes = truth["classes"].as_array().unwrap();
        let sure = verdict["confidence"].as_f64().unwrap();
        assert!(sure <= 0.75 && (sure < 0.7 || classes.contains(&verdict["class"])), "{path}: {verdict}");
        if truth["task_matters"] != false {
            assert_eq!(verdict["task"]["comm"], truth["first_report"]["comm"], "{path}");
        }
        assert_eq!(answer["input"]["kind"], "log");
        let proof = answer["evidence"][0]["reproduce"].as_str().unwrap();
        let shown = Command::new("sh").args(["-c", proof]).output().unwrap();
        let claim = answer["evidence"][0]["claim"].as_str().unwrap();
        let line = claim.strip_prefix("the kernel reported: ").unwrap();
        assert!(
            String::from_utf8_lossy(&shown.stdout).contains(line),
            "{path}: {proof} does not show {line}"
        );
    }
}

#[test]
fn standard_input_exit_codes_and_what_is_no_log() {
    let log = b"[    1.0] kernel BUG at fs/x.c:12!\n[    1.0] RIP: 0010:open_it+0x12/0x34\n";
    let out = necropsy(&["reports", "-"], log);
    assert_eq!(
        (out.status.code(), json(&out)[0]["title"].as_str()),
        (Some(0), Some("kernel BUG in open_it"))
    );
    let out = necropsy(&["analyze", "-", "--format", "json"], log);
    assert_eq!(out.status.code(), Some(0));
    let quiet = b"[    1.0] all is well\n";
    assert_eq!(necropsy(&["analyze", "-"], quiet).status.code(), Some(3));
    assert!(json(&necropsy(&["reports"], quiet)).is_empty());
    for text in [&b"hello\n"[..], b""] {
        let out = necropsy(&["analyze", "-"], text);
        assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    }
    assert_eq!(necropsy(&["reports", "/nonexistent"], b"").status.code(), Some(1));
}

#[test]
fn parts_of_a_pstore_in_several_files_are_one_log() {
    let dir = tempfile::tempdir().unwrap();
    let part = |n: u32, text: &str| {
        let path = dir.path().join(format!("dmesg-efi-{n}"));
        std::fs::write(&path, format!("Panic#1 Part{n}\n{text}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let newest = part(1, "<4>[    1.000001] RIP: 0010:open_it+0x12/0x34\n");
    let oldest = part(2, "<2>[    1.000000] kernel BUG at fs/x.c:12!\n");
    let found = json(&necropsy(&["reports", &newest, &oldest], b""));
    assert_eq!(found[0]["title"], "kernel BUG in open_it");
}

#[test]
fn a_log_beside_a_dump_adds_to_it() {
    let case = corpus().join("6.1/null_deref_kdump");
    if !case.exists() {
        println!("skipped: a log beside a dump (no corpus)");
        return;
    }
    let (dump, log) = (case.join("vmcore"), case.join("console.log"));
    let args = [
        "analyze",
        "--no-debuginfo",
        "--no-log",
        "--format",
        "json",
        dump.to_str().unwrap(),
        "--log",
        log.to_str().unwrap(),
    ];
    let answer: Value = serde_json::from_slice(&necropsy(&args, b"").stdout).unwrap();
    let evidence = answer["evidence"].as_array().unwrap();
    assert!(evidence.iter().any(|e| e["source"].as_str().is_some_and(|s| s.starts_with("log:"))));
    assert!(answer["timeline"].as_array().unwrap().iter().any(|e| e["role"] == "cause"));
    assert_eq!(answer["verdict"]["class"], "null-pointer-dereference");
}

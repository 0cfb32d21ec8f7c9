//! `kdump check` and `kdump test` as commands.
#![cfg(feature = "agent")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_necropsy")).arg("kdump").args(args).output().unwrap()
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn exit_codes_and_forms() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    assert_eq!(run(&["check", "--root", root]).status.code(), Some(4), "nothing is known");
    put(dir.path(), "proc/cmdline", "root=/dev/vda1 \u{1b}[2J\n");
    put(dir.path(), "etc/os-release", "ID=fedora\nPRETTY_NAME=Fedora\n");
    let text = run(&["check", "--root", root]);
    assert_eq!(text.status.code(), Some(3));
    let said = String::from_utf8(text.stdout).unwrap();
    assert!(said.contains("FAIL     crashkernel-parameter") && said.contains("grubby"), "{said}");
    assert!(!said.contains('\u{1b}'));
    let out = dir.path().join("report.json");
    let json = run(&["check", "--root", root, "--format", "json", "-o", out.to_str().unwrap()]);
    assert_eq!((json.status.code(), json.stdout.len()), (Some(3), 0));
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!((value["ready"].as_bool(), value["distribution"].as_str()), (Some(false), Some("Fedora")));
    assert_eq!(run(&["check", "--root", "/nonexistent"]).status.code(), Some(1));
    assert_eq!(run(&["check", "--rot", "/"]).status.code(), Some(2));
}

#[test]
fn a_test_is_explained_and_not_done() {
    let explained = run(&["test"]);
    assert!(explained.status.success());
    let said = String::from_utf8(explained.stdout).unwrap();
    assert!(said.contains("--yes-crash-this-machine") && said.contains("right now"));
}

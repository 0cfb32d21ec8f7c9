//! The transcript in the README is what the program says.

use std::path::Path;
use std::process::Command;

#[test]
fn the_transcript_is_real() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let block = readme.split("```console\n$ necropsy ").nth(1).unwrap().split("```").next().unwrap();
    let (line, shown) = block.split_once('\n').unwrap();
    let (command, count) = line.split_once(" | head -n ").unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_necropsy"))
        .args(command.split(' '))
        .current_dir(&root)
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    let said: Vec<&str> = said.lines().take(count.parse().unwrap()).collect();
    assert_eq!(shown.trim_end().lines().collect::<Vec<_>>(), said);
}

#[test]
fn exit_codes_are_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let code = |args: &[&str]| {
        let run =
            Command::new(env!("CARGO_BIN_EXE_necropsy")).args(args).current_dir(&root).output().unwrap();
        run.status.code().unwrap()
    };
    let dump = "corpus/6.1/stack_smash/vmcore";
    assert_eq!(code(&["analyze", dump]), 0);
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("healthy.log");
    std::fs::write(&log, "[    0.000000] Linux version 6.1.0 (a@b) #1 SMP\n[    1.000000] eth0: link up\n")
        .unwrap();
    assert_eq!(code(&["analyze", log.to_str().unwrap()]), 3, "nothing in it says what happened");
    assert_eq!(code(&["analyze", "README.md"]), 1);
    assert_eq!(code(&["analyze"]), 2);
    assert_eq!(code(&[dump, "-s", "-c", "bt"]), 0);
    assert_eq!(code(&[dump, "-s", "-c", "no-such-command"]), 1);
    assert_eq!(code(&["--help"]), 0);
}

//! Sessions of the shell: where answers go, and what one starts with.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn dump() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/6.1/stack_smash/vmcore");
    root.to_string_lossy().into_owned()
}

fn necropsy(home: &Path, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    command.arg(dump()).args(["-s", "--no-debuginfod"]).args(args).env("HOME", home);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn answers_go_into_pipes_and_files() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("tasks");
    let lines = [
        "ps | head -n 1 | tr A-Z a-z".to_owned(),
        format!("set radix 16 > {}", file.display()),
        format!("ascii 41 >> {}", file.display()),
        "! echo outside".to_owned(),
        "p init_task.mm->pgd".to_owned(),
    ];
    let args: Vec<&str> = lines.iter().flat_map(|l| ["-c", l.as_str()]).collect();
    let done = necropsy(home.path(), &args, "");
    let out = text(&done.stdout);
    assert!(out.starts_with("      pid    ppid  cpu") && out.contains("\noutside\n"), "{out}");
    assert!(!Path::new("pgd").exists(), "-> is no file to write to");
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept.starts_with("output radix: 16") && kept.lines().count() > 1, "{kept}");
}

#[test]
fn a_session_ends_with_q_and_starts_with_the_users_own_file() {
    let home = tempfile::tempdir().unwrap();
    let rc = home.path().join(".necropsyrc");
    std::fs::write(&rc, "# mine\nalias banner rd -a linux_banner\n").unwrap();
    let done = necropsy(home.path(), &[], "banner\nq\nps\n");
    let out = text(&done.stdout);
    assert!(out.contains("Linux version 6.1") && !out.contains("COMM"), "{out}");

    // Somebody else could have written that.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&rc, std::fs::Permissions::from_mode(0o666)).unwrap();
        let done = necropsy(home.path(), &[], "banner\n");
        assert!(text(&done.stderr).contains("no such command: banner"));
    }
}

#[test]
fn the_start_file_counts_for_input_files_but_not_for_single_commands() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".crashrc"), "alias banner rd -a linux_banner\n").unwrap();
    let input = home.path().join("input");
    std::fs::write(&input, "banner\n").unwrap();
    let done = necropsy(home.path(), &["-i", &input.to_string_lossy()], "");
    assert!(done.status.success() && text(&done.stdout).contains("Linux version 6.1"), "{done:?}");
    let done = necropsy(home.path(), &["-c", "banner"], "");
    assert!(!done.status.success() && text(&done.stderr).contains("no such command: banner"), "{done:?}");
    let done = necropsy(home.path(), &["-i", &input.to_string_lossy(), "--format", "json"], "");
    assert!(text(&done.stdout).lines().count() == 1, "{done:?}");
}

#[test]
fn the_banner_tells_the_verdict() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    let done = command.arg(dump()).env("HOME", home.path()).stdin(Stdio::null()).output().unwrap();
    let out = text(&done.stdout);
    assert!(out.contains("VERDICT: stack-buffer-overflow (") && out.contains("CULPRIT: copy_field"), "{out}");
    assert!(out.lines().count() < 24, "the banner does not fit a screen: {out}");
    assert!(!text(&necropsy(home.path(), &[], "q\n").stdout).contains("VERDICT"));
}

#[test]
fn what_the_opening_noted_is_in_the_first_answer_in_json() {
    let home = tempfile::tempdir().unwrap();
    let (cut, whole) = (home.path().join("vmcore"), std::fs::read(dump()).unwrap());
    std::fs::write(&cut, &whole[..whole.len() * 9 / 10]).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    command.arg(&cut).args([
        "-s",
        "--no-debuginfod",
        "--format",
        "json",
        "-c",
        "eval 0x10",
        "-c",
        "eval 0x10",
    ]);
    let done = command.env("HOME", home.path()).output().unwrap();
    let out = text(&done.stdout);
    let told: Vec<bool> = out.lines().map(|line| line.contains("is cut short")).collect();
    assert_eq!(told, [true, false], "{out}");
}

#[test]
fn a_function_of_a_module_without_types_is_known_by_its_file() {
    let home = tempfile::tempdir().unwrap();
    let done = necropsy(home.path(), &["-c", "whatis copy_field"], "");
    assert_eq!(
        text(&done.stdout),
        "void copy_field(char *, const char *, size_t);\n",
        "{}",
        text(&done.stderr)
    );
}

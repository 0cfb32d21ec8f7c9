//! What people read: redacted reports, explanations, known issues, on real dumps.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn necropsy(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    // The user's own files must not change what is tested.
    command.args(args).current_dir(root()).env("XDG_CONFIG_HOME", "/nonexistent").output().unwrap()
}

fn said(args: &[&str]) -> String {
    let run = necropsy(args);
    assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

const FORMS: [&str; 4] = ["text", "json", "markdown", "html"];

#[test]
fn a_redacted_report_tells_no_secret_in_any_form() {
    // The data of the overflow (as text, as words and as bytes), the task, the host, the canary, the file.
    let smash = [
        "EVILPKT",
        "5f544b504c495645",
        "45 56 49 4c",
        "pkt_sender",
        "lab-guest",
        "481ddd1579ea2400",
        "corpus/6.1",
    ];
    let field = ["lab-guest", "corpus/5.10", "drv_test"];
    for (dump, secrets) in
        [("corpus/6.1/stack_smash/vmcore", &smash[..]), ("corpus/5.10/null_deref/vmcore", &field[..])]
    {
        for form in FORMS {
            let open = said(&["analyze", dump, "--format", form]);
            assert!(open.contains(secrets[secrets.len() - 1]), "{form}: {dump} has no such secret");
            let text = said(&["analyze", dump, "--format", form, "--redact"]);
            for secret in secrets {
                assert!(!text.contains(secret), "{form} of {dump} tells {secret}");
            }
            assert!(text.to_lowercase().contains("redacted"), "{form}");
        }
    }
}

#[test]
fn explanations() {
    let list = said(&["explain"]);
    assert!(list.lines().count() > 50 && list.contains("stack-buffer-overflow"));
    let one = said(&["explain", "deadlock"]);
    for part in ["How it is proved", "What to do", "What would have caught it", "(deadlock)"] {
        assert!(one.contains(part), "{part}");
    }
    assert!(one.lines().all(|line| line.chars().count() <= 100), "{one}");
    let json: serde_json::Value =
        serde_json::from_str(&said(&["explain", "bit-flip", "--format", "json"])).unwrap();
    assert_eq!(json["class"], "bit-flip");
    let all: serde_json::Value = serde_json::from_str(&said(&["explain", "--format", "json"])).unwrap();
    assert!(all.as_array().unwrap().len() > 50);
    let wrong = necropsy(&["explain", "null-pointer"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("null-pointer-dereference"));
}

#[test]
fn known_issues_are_shown_and_errors_cost_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let issue = "[[issue]]\nid = 'acme'\ntitle = 'the copy of a field'\ntext = 'Known since May.'\nlinks = ['https://example.org/1']\n\
                 [issue.match]\nfunction = 'copy_*'\nrelease = '>=6.0, <6.2'\n";
    std::fs::write(dir.path().join("a.toml"), issue).unwrap();
    std::fs::write(dir.path().join("b.toml"), "[[issue]]\ntitle = ").unwrap();
    std::fs::write(dir.path().join("c.txt"), "not read").unwrap();
    let given = dir.path().to_str().unwrap();
    let args = ["analyze", "corpus/6.1/stack_smash/vmcore", "--known-issues", given, "--format"];
    let json: serde_json::Value = serde_json::from_str(&said(&[&args[..], &["json"]].concat())).unwrap();
    assert_eq!(json["known_issues"][0]["id"], "acme");
    let notes = json["notes"].to_string();
    assert!(notes.contains("b.toml") && !notes.contains("c.txt"), "{notes}");
    for form in FORMS {
        assert!(said(&[&args[..], &[form]].concat()).contains("Known since May"), "{form}");
    }
    let other = ["analyze", "corpus/6.12/freed_null/vmcore", "--known-issues", given, "--format", "text"];
    assert!(!said(&other).contains("Known since May"));
}

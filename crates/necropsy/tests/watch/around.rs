//! What it works with: a service manager, `decode`, `collect` and `kdump check`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::{Watcher, events, pipe, until};

/// A service manager hears that it is ready, that it lives, and that it ends.
#[test]
fn systemd_is_kept_informed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _log = pipe(dir);
    let socket = std::os::unix::net::UnixDatagram::bind(dir.join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    command.arg("watch").arg("--source").arg(dir.join("kmsg")).arg("--state-dir").arg(dir.join("state"));
    command.env("NOTIFY_SOCKET", dir.join("notify")).env("WATCHDOG_USEC", "200000").stderr(Stdio::null());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let watcher = Watcher { child, address: String::new() };
    let hear = || {
        let mut buffer = [0; 256];
        // A socket with a time limit can be interrupted by a machine that is frozen and goes on.
        let n = loop {
            match socket.recv(&mut buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                n => break n.unwrap(),
            }
        };
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    assert!(hear().starts_with("READY=1"));
    assert_eq!((hear(), hear(), hear()), ("WATCHDOG=1".into(), "WATCHDOG=1".into(), "WATCHDOG=1".into()));
    watcher.terminate();
    until("it says goodbye", || hear() == "STOPPING=1");
}

/// A real oops, and the module's file with debugging information: a second event has the source line.
#[test]
fn reports_are_decoded_in_a_child() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/6.1/null_deref_kdump");
    let watcher = Watcher::start(dir, None, &["--decode", "--debug-dir", corpus.to_str().unwrap()]);
    log.write_all(&fs::read(corpus.join("console.log")).unwrap()).unwrap();
    log.write_all(b"\n").unwrap();
    until("it is decoded", || events(dir).iter().any(|e| e["kind"] == "decoded"));
    let all = events(dir);
    let decoded = all.iter().find(|e| e["kind"] == "decoded").unwrap();
    assert!(decoded["log"].to_string().contains("regmon.c:"), "{decoded}");
    let first = all
        .iter()
        .find(|e| e["kind"] == "report" && format!("{}-d", e["id"].as_str().unwrap()) == decoded["id"]);
    assert_eq!(first.unwrap()["function"], "reg_store");
    assert_eq!(watcher.metric("necropsy_decodes_total{result=\"ok\"}"), 1.0);
    watcher.terminate();
}

/// What `collect` and `kdump check` left becomes metrics; whatever is in their files, labels stay what they are.
#[test]
fn crashes_and_kdump_become_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _log = pipe(dir);
    fs::create_dir(dir.join("state")).unwrap();
    fs::write(
        dir.join("state/crashes.json"),
        r#"{"crashes":[{"class":"deadlock","source":"kdump","time":"2026-01-01T00:00:00Z"},
            {"class":"deadlock","source":"kdump","time":"2026-01-02T00:00:00Z"},
            {"class":"x\"} 1\nevil","source":"y","time":"2026-01-01T00:00:00Z"}],
            "dumps_present":2,"unclean_reboots":4,"totals":{"deadlock kdump":7,"a b":1,"nonsense":9}}"#,
    )
    .unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_necropsy"))
        .args(["kdump", "check", "--format", "json", "-o"])
        .arg(dir.join("kdump.json"))
        .status();
    assert!(check.is_ok());
    fs::write(dir.join("watch.toml"), format!("kdump_report = \"{}\"\n", dir.join("kdump.json").display()))
        .unwrap();
    let watcher = Watcher::start(dir, None, &["--config", dir.join("watch.toml").to_str().unwrap()]);
    let metrics = watcher.metrics();
    let of = |name: &str| metrics.get(name).copied();
    assert_eq!(of("necropsy_crashes_total{class=\"deadlock\",source=\"kdump\"}"), Some(7.0));
    assert_eq!(
        of("necropsy_last_crash_timestamp_seconds{class=\"deadlock\",source=\"kdump\"}"),
        Some(1_767_312_000.0)
    );
    assert_eq!(of("necropsy_crashes_total{class=\"unknown\",source=\"none\"}"), Some(1.0));
    assert_eq!((of("necropsy_dumps_present"), of("necropsy_unclean_reboots_total")), (Some(2.0), Some(4.0)));
    assert!(of("necropsy_kdump_check_status{check=\"kernel-loaded\"}").is_some());
    assert!(of("necropsy_kdump_check_timestamp_seconds").unwrap() > 1.7e9);
    assert!(metrics.keys().all(|n| !n.contains("evil") && !n.contains("nonsense")));
    let series = metrics.keys().filter(|n| n.starts_with("necropsy_")).count();
    assert!(series < 200, "{series} series");
    watcher.terminate();
}

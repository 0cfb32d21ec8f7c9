//! The real Prometheus asks the real watcher, with the rules of deploy/, and an alert fires.
#![cfg(feature = "agent")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> String {
    format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port())
}

fn start(command: &mut Command) -> Process {
    Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.split_once("\r\n\r\n")?.1.to_owned())
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_oops_in_a_pipe_becomes_an_alert() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        assert!(std::env::var_os("NECROPSY_REQUIRE_TOOLS").is_none(), "prometheus is missing");
        eprintln!("skipped: prometheus is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let kmsg = dir.join("kmsg");
    assert!(Command::new("mkfifo").arg(&kmsg).status().unwrap().success());
    let mut log = fs::File::options().read(true).write(true).open(&kmsg).unwrap();
    let (watch, prometheus) = (free_address(), free_address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    command
        .arg("watch")
        .arg("--source")
        .arg(&kmsg)
        .arg("--state-dir")
        .arg(dir.join("state"))
        .args(["--listen", &watch]);
    let _watcher = start(&mut command);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/necropsy-rules.yml");
    fs::write(
        dir.join("prometheus.yml"),
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n  - job_name: necropsy\n    static_configs: [{{targets: ['{watch}']}}]\n",
            rules.canonicalize().unwrap().display()
        ),
    )
    .unwrap();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
    command.arg(format!("--web.listen-address={prometheus}"));
    let _prometheus = start(&mut command);
    let query = |expr: &str| get(&prometheus, &format!("/api/v1/query?query={expr}")).unwrap_or_default();
    // Two looks at a zero: an increase is seen from there on.
    until("it is asked", || {
        query("count_over_time(necropsy_kmsg_lost_records_total[1m])%3E2").contains("\"value\"")
    });
    let alerts = || get(&prometheus, "/api/v1/alerts").unwrap_or_default();
    assert!(!alerts().contains("KernelReportedProblem"));
    let oops = "1,1,1000000,-;BUG: kernel NULL pointer dereference, address: 0000000000000008\n\
                4,2,1000001,-;RIP: 0010:poke+0x12/0x34 [mine]\n4,9,1000002,-;---[ end trace 0000000000000000 ]---\n";
    log.write_all(oops.as_bytes()).unwrap();
    until("the alert fires", || {
        let text = alerts();
        let fires = |name: &str| {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let all = value["data"]["alerts"].as_array().cloned().unwrap_or_default();
            all.iter().any(|a| a["labels"]["alertname"] == name && a["state"] == "firing")
        };
        fires("KernelReportedProblem") && fires("KernelLogLost")
    });
    assert!(alerts().contains("null-pointer-dereference"));
}

//! The watcher as a process, and what is around it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Takes events by HTTP, and remembers them.
pub struct Receiver {
    pub url: String,
    pub got: Arc<Mutex<Vec<serde_json::Value>>>,
    /// Answers with this status.
    pub status: Arc<AtomicU16>,
    pub asked: Arc<AtomicUsize>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let (got, status, asked) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (events, code, count) = (got.clone(), status.clone(), asked.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let body = request_body(&mut stream);
                let code = code.load(Ordering::SeqCst);
                count.fetch_add(1, Ordering::SeqCst);
                if code == 200
                    && let Ok(event) = serde_json::from_slice(&body)
                {
                    events.lock().unwrap().push(event);
                }
                let _ = write!(stream, "HTTP/1.1 {code} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Receiver { url, got, status, asked }
    }

    pub fn ids(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn request_body(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let head = all.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
        let length = head.map(|h| {
            let text = String::from_utf8_lossy(&all[..h]).to_lowercase();
            text.lines()
                .find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0usize)
        });
        if let (Some(head), Some(length)) = (head, length)
            && all.len() >= head + length
        {
            return all.split_off(head);
        }
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => all.extend_from_slice(&buffer[..n]),
            _ => return Vec::new(),
        }
    }
}

pub struct Watcher {
    pub child: Child,
    pub address: String,
}

impl Watcher {
    pub fn start(dir: &Path, webhook: Option<&str>, more: &[&str]) -> Watcher {
        Watcher::start_with(dir, webhook, more, &[])
    }

    pub fn start_with(dir: &Path, webhook: Option<&str>, more: &[&str], env: &[(&str, &str)]) -> Watcher {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
        command.arg("watch").arg("--source").arg(dir.join("kmsg")).arg("--state-dir").arg(dir.join("state"));
        command.arg("--lines").arg(dir.join("events.jsonl")).args(["--listen", &address]).args(more);
        command.envs(env.iter().copied());
        if let Some(url) = webhook {
            command.args(["--webhook", url]);
        }
        let log = fs::File::options().create(true).append(true).open(dir.join("journal")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let watcher = Watcher { child, address };
        until("it listens", || TcpStream::connect(&watcher.address).is_ok());
        watcher
    }

    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return BTreeMap::new() };
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
        let samples = body.lines().filter(|l| !l.starts_with('#'));
        samples.filter_map(|l| l.rsplit_once(' ')).map(|(n, v)| (n.to_owned(), v.parse().unwrap())).collect()
    }

    pub fn metric(&self, name: &str) -> f64 {
        self.metrics().get(name).copied().unwrap_or(-1.0)
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn terminate(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A directory with a pipe in it, and its writing end.
pub fn pipe(dir: &Path) -> fs::File {
    let path = dir.join("kmsg");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    fs::File::options().read(true).write(true).open(path).unwrap()
}

/// The records of an oops in a function of its own.
pub fn oops(sequence: u64, function: &str) -> String {
    let at = sequence * 1_000_000;
    let line = |i: u64, text: &str| format!("4,{},{},-;{text}\n", sequence + i, at + i);
    [
        line(0, "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
        line(1, "#PF: supervisor read access in kernel mode"),
        line(2, "Oops: 0000 [#1] PREEMPT SMP NOPTI"),
        line(3, "CPU: 1 PID: 77 Comm: worker Tainted: G           OE      6.1.0 #1"),
        line(4, &format!("RIP: 0010:{function}+0x12/0x34 [mine]")),
        line(5, "Call Trace:"),
        line(6, " <TASK>"),
        line(7, &format!(" {function}_caller+0x1/0x40 [mine]")),
        line(8, " </TASK>"),
        line(9, "---[ end trace 0000000000000000 ]---"),
    ]
    .concat()
}

pub fn events(dir: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(dir.join("events.jsonl")).unwrap_or_default();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

pub fn spooled(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("state/outbox")).into_iter().flatten().flatten();
    files.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect()
}

pub const EVENTS: &str = "necropsy_kernel_events_total{class=\"null-pointer-dereference\",role=\"cause\"}";

/// An executable script.
pub fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// Identifiers of what was told.
pub fn ids(dir: &Path) -> Vec<String> {
    events(dir).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
}

/// All that was counted of the kind that `oops` is of.
pub fn counted(watcher: &Watcher) -> f64 {
    watcher.metrics().iter().filter(|(n, _)| n.contains("null-pointer")).map(|(_, v)| v).sum()
}

//! The watcher as a process: a pipe stands in for /dev/kmsg, and a small server for who is told.
#![cfg(feature = "agent")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

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
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<serde_json::Value>>>,
    /// Answers with this status.
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl Receiver {
    fn start() -> Receiver {
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

    fn ids(&self) -> Vec<String> {
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

struct Watcher {
    child: Child,
    address: String,
}

impl Watcher {
    fn start(dir: &Path, webhook: Option<&str>, more: &[&str]) -> Watcher {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
        command.arg("watch").arg("--source").arg(dir.join("kmsg")).arg("--state-dir").arg(dir.join("state"));
        command.arg("--lines").arg(dir.join("events.jsonl")).args(["--listen", &address]).args(more);
        if let Some(url) = webhook {
            command.args(["--webhook", url]);
        }
        let log = fs::File::options().create(true).append(true).open(dir.join("journal")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let watcher = Watcher { child, address };
        until("it listens", || TcpStream::connect(&watcher.address).is_ok());
        watcher
    }

    fn metrics(&self) -> BTreeMap<String, f64> {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return BTreeMap::new() };
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
        let samples = body.lines().filter(|l| !l.starts_with('#'));
        samples.filter_map(|l| l.rsplit_once(' ')).map(|(n, v)| (n.to_owned(), v.parse().unwrap())).collect()
    }

    fn metric(&self, name: &str) -> f64 {
        self.metrics().get(name).copied().unwrap_or(-1.0)
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(mut self) {
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

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A directory with a pipe in it, and its writing end.
fn pipe(dir: &Path) -> fs::File {
    let path = dir.join("kmsg");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    fs::File::options().read(true).write(true).open(path).unwrap()
}

/// The records of an oops in a function of its own.
fn oops(sequence: u64, function: &str) -> String {
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

fn events(dir: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(dir.join("events.jsonl")).unwrap_or_default();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn spooled(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("state/outbox")).into_iter().flatten().flatten();
    files.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect()
}

const EVENTS: &str = "necropsy_kernel_events_total{class=\"null-pointer-dereference\",role=\"cause\"}";

#[test]
fn an_oops_is_told_everywhere_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let receiver = Receiver::start();
    let hook = dir.join("hook.sh");
    fs::write(
        &hook,
        format!("#!/bin/sh\ncat >{0}/hooked.json\necho \"$NECROPSY_CLASS\" >{0}/hooked\n", dir.display()),
    )
    .unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let watcher = Watcher::start(dir, Some(&receiver.url), &["--command", hook.to_str().unwrap()]);
    log.write_all(b"6,1,1000,-;Linux says hello\n SUBSYSTEM=x\n").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    log.write_all(oops(2, "poke").as_bytes()).unwrap();
    until("all have it", || {
        watcher.metric(EVENTS) == 1.0
            && receiver.ids().len() == 1
            && events(dir).len() == 1
            && dir.join("hooked").exists()
    });
    eprintln!("told everywhere after {:?}", begun.elapsed());
    let event = &events(dir)[0];
    assert_eq!(event["title"], "BUG: unable to handle kernel NULL pointer dereference in poke");
    assert_eq!((event["module"].as_str(), event["role"].as_str()), (Some("mine"), Some("cause")));
    assert_eq!(event["log"].as_array().unwrap().len(), 10);
    assert_eq!(event["before"].as_array().unwrap().len(), 2);
    assert_eq!(receiver.got.lock().unwrap()[0]["id"], event["id"]);
    until("the outbox is empty", || spooled(dir).is_empty());
    until("the program is done", || {
        fs::read_to_string(dir.join("hooked")).unwrap() == "null-pointer-dereference\n"
    });
    let journal = fs::read_to_string(dir.join("journal")).unwrap();
    assert!(journal.contains("<4>cause null-pointer-dereference: BUG: unable to handle"), "{journal}");

    // Records are missing; the same bug again is only counted.
    log.write_all(oops(100, "poke").as_bytes()).unwrap();
    until("it is counted", || watcher.metric("necropsy_events_suppressed_total") == 1.0);
    assert_eq!(watcher.metric("necropsy_kmsg_lost_records_total"), 88.0);
    assert_eq!(events(dir).len(), 1);
    watcher.terminate();

    // It remembers: what was read is not told again, nor what was told.
    let watcher = Watcher::start(dir, Some(&receiver.url), &[]);
    log.write_all(oops(100, "poke").as_bytes()).unwrap();
    log.write_all(oops(300, "poke").as_bytes()).unwrap();
    until("it is counted", || watcher.metric("necropsy_events_suppressed_total") == 1.0);
    log.write_all(oops(400, "prod").as_bytes()).unwrap();
    until("it is told", || events(dir).len() == 2);
    let all: f64 = watcher.metrics().iter().filter(|(n, _)| n.contains("null-pointer")).map(|(_, v)| v).sum();
    assert_eq!(all, 4.0);
    watcher.terminate();
}

#[test]
fn a_webhook_that_fails_gets_all_later() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let receiver = Receiver::start();
    receiver.status.store(503, Ordering::SeqCst);
    let watcher = Watcher::start(dir, Some(&receiver.url), &[]);
    for i in 0..3 {
        log.write_all(oops(1 + 10 * i, &format!("f{}", ["a", "b", "c"][i as usize])).as_bytes()).unwrap();
    }
    until("they are kept", || {
        spooled(dir).len() == 3 && watcher.metric("necropsy_uploads_total{result=\"failed\"}") >= 1.0
    });
    assert!(watcher.metric("necropsy_upload_pending_bytes") > 1000.0);
    receiver.status.store(200, Ordering::SeqCst);
    until("they are sent", || receiver.ids().len() == 3 && spooled(dir).is_empty());
    let ids: Vec<String> = events(dir).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(receiver.ids(), ids);
    assert!(receiver.asked.load(Ordering::SeqCst) >= 4);
    watcher.terminate();
}

/// Killed at any moment, and given the log again from its beginning, as /dev/kmsg would: each event is there once.
#[test]
fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let receiver = Receiver::start();
    // Nobody takes any: all must be in the outbox at the end.
    receiver.status.store(503, Ordering::SeqCst);
    let names = |i: u64| format!("fun_{}", char::from(b'a' + i as u8));
    let all: String = (0..20).map(|i| oops(1 + 10 * i, &names(i))).collect();
    let mut random = 12345u64;
    for _ in 0..15 {
        let watcher = Watcher::start(dir, Some(&receiver.url), &[]);
        log.write_all(all.as_bytes()).unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(random >> 56));
        watcher.kill();
        drain(dir);
    }
    let watcher = Watcher::start(dir, Some(&receiver.url), &[]);
    log.write_all(all.as_bytes()).unwrap();
    until("all are counted", || {
        let counted: f64 =
            watcher.metrics().iter().filter(|(n, _)| n.contains("null-pointer")).map(|(_, v)| v).sum();
        counted >= 20.0
    });
    let counted: f64 =
        watcher.metrics().iter().filter(|(n, _)| n.contains("null-pointer")).map(|(_, v)| v).sum();
    assert_eq!(counted, 20.0);
    let unique = |ids: &[String]| ids.iter().collect::<std::collections::BTreeSet<_>>().len();
    let told: Vec<String> = events(dir).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((told.len(), unique(&told), spooled(dir).len()), (20, 20, 20));
    receiver.status.store(200, Ordering::SeqCst);
    until("all are sent", || spooled(dir).is_empty());
    let sent = receiver.ids();
    assert_eq!((sent.len(), unique(&sent)), (20, 20));
    watcher.terminate();
}

/// What a killed watcher has not read is gone from a pipe, but not from /dev/kmsg.
fn drain(dir: &Path) {
    let path = dir.join("kmsg");
    let script = format!("timeout 0.1 cat <>{} >/dev/null; true", path.display());
    Command::new("sh").args(["-c", &script]).status().unwrap();
}

#[test]
fn a_file_is_followed_through_rotation_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let path = dir.join("kmsg");
    let plain = |seconds: u32, f: &str| {
        format!("[{seconds:5}.000000] kernel BUG at fs/x.c:12!\n[{seconds:5}.000001] RIP: 0010:{f}+0x1/0x2\n")
    };
    fs::write(&path, plain(1, "one")).unwrap();
    let watcher = Watcher::start(dir, None, &[]);
    until("the first", || events(dir).len() == 1);
    fs::rename(&path, dir.join("kmsg.1")).unwrap();
    fs::write(&path, plain(500, "two")).unwrap();
    until("the second", || events(dir).len() == 2);
    watcher.terminate();
    fs::File::options().append(true).open(&path).unwrap().write_all(plain(900, "three").as_bytes()).unwrap();
    let watcher = Watcher::start(dir, None, &[]);
    until("the third", || events(dir).len() == 3);
    watcher.terminate();
    let titles: Vec<_> = events(dir).iter().map(|e| e["function"].as_str().unwrap().to_owned()).collect();
    assert_eq!(titles, ["one", "two", "three"]);
}

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
        let n = socket.recv(&mut buffer).unwrap();
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

#[test]
fn hostile_lines_and_requests_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let watcher = Watcher::start(dir, None, &[]);
    let mut junk: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    junk.extend(vec![b'x'; 200_000]);
    junk.push(b'\n');
    log.write_all(&junk).unwrap();
    log.write_all(oops(1, "poke").as_bytes()).unwrap();
    for request in
        [&b"GET /metrics"[..], b"\0\0\0\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", &vec![b'a'; 100_000]]
    {
        let mut stream = TcpStream::connect(&watcher.address).unwrap();
        let _ = stream.write_all(request);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    until("it still sees", || watcher.metrics().iter().any(|(n, v)| n.contains("null-pointer") && *v == 1.0));
    assert!(watcher.metric("necropsy_lines_cut_total") >= 1.0);
    watcher.terminate();
}

/// A hundred thousand lines a second for three seconds, some of them of oopses and of failing disks: what is not counted as read is
/// counted as lost, and memory stays small.
#[test]
fn a_flood_is_counted_whole_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let watcher = Watcher::start(dir, None, &[]);
    const RATE: u64 = 100_000;
    const SECONDS: u64 = 3;
    let (mut sequence, mut written, mut oopses) = (1u64, 0u64, 0u64);
    let begun = Instant::now();
    while written < RATE * SECONDS {
        let mut batch = String::new();
        let end = written + RATE / 100;
        while written < end {
            match sequence % 10_007 {
                // Records that were overwritten.
                0 => {
                    sequence += 5;
                    continue;
                }
                1..=900 if sequence % 100 == 1 => {
                    batch.push_str(&oops(sequence, &format!("f{}", ["a", "b"][(sequence / 100 % 2) as usize])));
                    (sequence, written, oopses) = (sequence + 10, written + 10, oopses + 1);
                    continue;
                }
                n if n % 50 == 0 => batch.push_str(&format!(
                    "3,{sequence},{sequence},-;Buffer I/O error on dev sda1, logical block {n}, async page read\n"
                )),
                _ => batch.push_str(&format!(
                    "6,{sequence},{sequence},-;usb 1-1: new high-speed USB device number 2 using xhci_hcd\n"
                )),
            }
            (sequence, written) = (sequence + 1, written + 1);
        }
        log.write_all(batch.as_bytes()).unwrap();
        let due = Duration::from_millis(written * 1000 / RATE);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    let took = begun.elapsed();
    until("all is read", || watcher.metric("necropsy_kmsg_records_total") >= written as f64);
    until("all is told", || watcher.metric("necropsy_events_suppressed_total") > 100.0);
    std::thread::sleep(Duration::from_millis(500));
    let metrics = watcher.metrics();
    let of = |name: &str| metrics.iter().filter(|(n, _)| n.contains(name)).map(|(_, v)| v).sum::<f64>();
    assert_eq!(of("necropsy_kmsg_records_total"), written as f64);
    assert_eq!(of("necropsy_kmsg_records_total") + of("lost_records"), (sequence - 1) as f64);
    assert!(
        of("null-pointer-dereference") >= oopses as f64 * 0.9,
        "{} of {oopses}",
        of("null-pointer-dereference")
    );
    assert!(of("process_resident_memory_bytes") < 30e6, "{}", of("process_resident_memory_bytes"));
    eprintln!(
        "{written} lines in {took:?}, then {:?} more; {oopses} oopses, {} seen; {} I/O errors seen; {} MB, {} s of CPU",
        begun.elapsed() - took,
        of("null-pointer-dereference"),
        of("io-error"),
        of("process_resident_memory_bytes") / 1e6,
        of("process_cpu_seconds_total"),
    );
    watcher.terminate();
}

//! What is read: files, junk, floods.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::support::{Watcher, events, oops, pipe, until};

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

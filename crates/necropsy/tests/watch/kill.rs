//! Killed at any moment.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::support::{Receiver, Watcher, counted, ids, oops, pipe, spooled, until};

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
    until("all are counted", || counted(&watcher) >= 20.0);
    assert_eq!(counted(&watcher), 20.0);
    let unique = |ids: &[String]| ids.iter().collect::<std::collections::BTreeSet<_>>().len();
    let told = ids(dir);
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

//! Tests: a reader that is too slow for /dev/kmsg, and what it does then.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::Config;
use super::follow::Follower;
use super::shared::Shared;
use super::source::{Got, Kind, Log, got};

const EPIPE: i32 = 32;
const EIO: i32 = 5;

/// Answers reads as the device does: a record, or an error.
struct Device(VecDeque<io::Result<String>>);

impl Log for Device {
    fn kind(&self) -> Kind {
        Kind::Device
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        let Some(next) = self.0.pop_front() else { return got(Kind::Device, Ok(0)) };
        let result = next.map(|text| {
            buffer[..text.len()].copy_from_slice(text.as_bytes());
            text.len()
        });
        got(Kind::Device, result)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn inode(&self) -> Option<u64> {
        None
    }

    fn seek(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

fn record(number: u64, text: &str) -> io::Result<String> {
    Ok(format!("1,{number},{},-;{text}\n", 1_000_000 + number))
}

fn fails(errno: i32) -> io::Result<String> {
    Err(io::Error::from_raw_os_error(errno))
}

/// What counts say, and what was told, after these reads.
fn follow(reads: Vec<io::Result<String>>) -> (anyhow::Result<()>, [u64; 3], Vec<super::Event>) {
    let dir = tempfile::tempdir().unwrap();
    let lines = dir.path().join("events.jsonl");
    let config = Config { state_dir: dir.path().to_owned(), lines: Some(lines.clone()), ..Config::default() };
    let shared = Arc::new(Shared::open(config, Box::new(io::sink())).unwrap());
    let (stop, _writer) = UnixStream::pair().unwrap();
    let result = Follower::new(Device(reads.into()), shared.clone()).run(&stop);
    let names = ["records_total", "lost_records_total", "read_errors_total"];
    let counts = names.map(|n| count(&shared, n));
    let text = std::fs::read_to_string(lines).unwrap();
    (result, counts, text.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

fn count(shared: &Shared, name: &str) -> u64 {
    let samples = shared.lock().values.samples();
    let found = samples.iter().find(|s| s.name == format!("necropsy_kmsg_{name}"));
    found.map_or(0, |s| s.value as u64)
}

#[test]
fn what_was_overwritten_is_counted_and_reading_goes_on() {
    let (result, [records, lost, errors], told) = follow(vec![
        record(10, "before"),
        record(11, "before"),
        fails(EPIPE),
        record(500, "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
        record(501, "RIP: 0010:poke+0x12/0x34 [mine]"),
        fails(EPIPE),
        fails(EPIPE),
        record(1000, "after"),
    ]);
    assert!(result.is_ok());
    assert_eq!((records, lost, errors), (5, 488 + 498, 3));
    assert_eq!((told.len(), told[0].class.as_str()), (1, "null-pointer-dereference"));
}

#[test]
fn lines_from_before_and_after_a_gap_are_of_different_reports() {
    let (_, [_, lost, _], told) = follow(vec![
        record(1, "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
        fails(EPIPE),
        record(100, "RIP: 0010:innocent+0x12/0x34 [other]"),
        record(101, "Call Trace:"),
        record(102, " more+0x1/0x2 [other]"),
    ]);
    assert_eq!((lost, told.len()), (98, 1));
    assert_eq!(told[0].function, None, "{}", told[0].title);
}

#[test]
fn other_errors_end_it() {
    let (result, [records, _, errors], _) = follow(vec![record(1, "x"), fails(EIO), record(2, "y")]);
    assert!(result.is_err());
    assert_eq!((records, errors), (1, 1));
}

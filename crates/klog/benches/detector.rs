//! How fast logs are read, in process: a clean log, and one that is full of reports.
//!
//! `cargo bench -p necropsy-klog`

use std::io::{Read, Write};
use std::time::Instant;

use necropsy_klog::read_reports;

/// What a sound machine says.
const CLEAN: &[&str] = &[
    "e1000e 0000:00:1f.6 eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx",
    "usb 1-1: new high-speed USB device number 12 using xhci_hcd",
    "audit: type=1400 audit(1750305980.320:67): avc:  granted  { mount } for  pid=297 comm=\"mount\" name=\"/\" dev=\"tmpfs\"",
    "EXT4-fs (nvme0n1p2): mounted filesystem with ordered data mode. Quota mode: none.",
    "IPv6: ADDRCONF(NETDEV_CHANGE): wlan0: link becomes ready",
    "systemd[1]: Started Journal Service.",
    "docker0: port 1(veth12ab34) entered forwarding state",
    "nf_conntrack: default automatic helper assignment has been turned off for security reasons",
];

/// A report.
const REPORT: &str = "\
[  100.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008
[  100.000001] #PF: supervisor write access in kernel mode
[  100.000002] Oops: 0002 [#1] PREEMPT SMP NOPTI
[  100.000003] CPU: 1 PID: 42 Comm: cat Tainted: G           OE      6.1.0-18-amd64 #1
[  100.000004] RIP: 0010:poke+0x12/0x34 [mine]
[  100.000005] Code: cc cc 55 48 89 e5 <c7> 04 25 00 00 00 00 2a 00 00 00 5d c3
[  100.000006] RSP: 0018:ffffc9000124dab0 EFLAGS: 00010246
[  100.000007] Call Trace:
[  100.000008]  mine_write+0x12/0x34 [mine]
[  100.000009]  vfs_write+0x12/0x34
[  100.000010] ---[ end trace 0000000000000000 ]---
";

fn clean(bytes: usize) -> Vec<u8> {
    let mut log = Vec::with_capacity(bytes + 256);
    for i in 0.. {
        let _ = writeln!(log, "[{:5}.{:06}] {}", i / 1000, i % 1_000_000, CLEAN[i % CLEAN.len()]);
        if log.len() >= bytes {
            break;
        }
    }
    log
}

/// The same text over and over: gigabytes that take no memory.
struct Repeated<'a> {
    text: &'a [u8],
    at: usize,
    left: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = buf.len().min(self.text.len() - self.at).min(self.left);
        buf[..n].copy_from_slice(&self.text[self.at..self.at + n]);
        self.at = (self.at + n) % self.text.len();
        self.left -= n;
        Ok(n)
    }
}

/// The most memory that this process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn measure(out: &mut impl Write, name: &str, text: &[u8], bytes: usize) -> std::io::Result<()> {
    let before = peak();
    let began = Instant::now();
    let mut found = 0;
    let read = read_reports(Repeated { text, at: 0, left: bytes }, |_| found += 1)?;
    let seconds = began.elapsed().as_secs_f64();
    let speed = bytes as f64 / seconds / 1e6;
    let grew = peak().saturating_sub(before);
    writeln!(out, "{name}: {speed:.0} MB/s, {} lines, {found} reports, {grew} kB more memory", read.lines)
}

fn main() -> std::io::Result<()> {
    // `cargo test` runs this too, with other arguments: then a little is enough.
    let whole = std::env::args().any(|a| a == "--bench");
    let size = if whole { 1 << 30 } else { 1 << 20 };
    let mut out = std::io::stdout().lock();
    let log = clean(4 << 20);
    measure(&mut out, "clean", &log, size)?;
    let mut mixed = clean(64 << 10);
    mixed.extend_from_slice(REPORT.as_bytes());
    measure(&mut out, "a report every 64 KiB", &mixed, size / 8)?;
    measure(&mut out, "nothing but reports", REPORT.as_bytes(), size / 64)
}

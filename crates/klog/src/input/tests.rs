//! Logs in all their forms say the same.

use std::io::Write;

use super::*;

/// What a kernel prints when a pointer is NULL.
const LINES: &[&str] = &[
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "#PF: supervisor write access in kernel mode",
    "Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "CPU: 1 PID: 42 Comm: cat Tainted: G           OE      6.1.0-18-amd64 #1",
    "RIP: 0010:poke+0x12/0x34 [mine]",
    "RSP: 0018:ffffc9000124dab0 EFLAGS: 00010246",
    "Call Trace:",
    " mine_write+0x12/0x34 [mine]",
    " vfs_write+0x12/0x34",
    "---[ end trace 0000000000000000 ]---",
];
const TITLE: &str = "BUG: unable to handle kernel NULL pointer dereference in poke";

fn lines(form: impl Fn(usize, &str) -> String) -> Vec<u8> {
    LINES.iter().enumerate().flat_map(|(i, l)| form(i, l).into_bytes()).collect()
}

fn one(log: &[u8]) -> Report {
    let found = reports(log);
    assert_eq!(
        found.len(),
        1,
        "{:?} in {}",
        found.iter().map(|r| &r.title).collect::<Vec<_>>(),
        String::from_utf8_lossy(log)
    );
    found.into_iter().next().unwrap()
}

fn check(name: &str, log: &[u8]) {
    let r = one(log);
    assert_eq!(r.title, TITLE, "{name}");
    assert_eq!(
        (r.role, r.class, r.module.as_deref()),
        (crate::Role::Cause, "null-pointer-dereference", Some("mine")),
        "{name}"
    );
    assert_eq!((r.pid, r.comm.as_deref(), r.frames.len()), (Some(42), Some("cat"), 3), "{name}");
}

#[test]
fn text_in_all_its_forms() {
    type Form = fn(usize, &str) -> String;
    let forms: &[(&str, Form)] = &[
        ("bare", |_, l| format!("{l}\n")),
        ("dmesg", |i, l| format!("[   12.3456{i:02}] {l}\n")),
        ("caller", |i, l| format!("[   12.3456{i:02}][  T42] {l}\n")),
        ("dmesg -T", |_, l| format!("[Fri Nov 20 20:58:06 2026] {l}\n")),
        ("dmesg -x", |i, l| format!("kern  :alert : [   12.3456{i:02}] {l}\n")),
        ("raw", |i, l| format!("<1>[   12.3456{i:02}] {l}\n")),
        ("kmsg", |i, l| format!("1,{},{},-;{l}\n SUBSYSTEM=cpu\n", 100 + i, 12_345_600 + i)),
        ("kmsg caller", |i, l| format!("1,{},{},-,caller=T42;{l}\n", 100 + i, 12_345_600 + i)),
        ("netconsole in pieces", |i, l| {
            let (a, b) = l.split_at(l.len() / 2);
            let head = format!("1,{},{},-", 100 + i, 12_345_600 + i);
            format!("{head},ncfrag=0/{1};{a}\n{head},ncfrag={0}/{1};{b}\n", a.len(), l.len())
        }),
        ("netconsole in pieces, one behind the other", |i, l| {
            let (a, b) = l.split_at(l.len() / 2);
            let head = format!("6.1.0-18,1,{},{},-", 100 + i, 12_345_600 + i);
            format!("{head},ncfrag=0/{1};{a}{head},ncfrag={0}/{1};{b}\n", a.len(), l.len())
        }),
        ("netconsole", |i, l| format!("6.1.0-18,1,{},{},-;{l}\n", 100 + i, 12_345_600 + i)),
        ("syslog", |i, l| format!("Nov 20 20:58:06 box kernel: [   12.3456{i:02}] {l}\n")),
        ("iso", |_, l| format!("2026-11-20T20:58:06.123456+00:00 box kernel: {l}\n")),
        ("journal short-monotonic", |i, l| format!("[   12.3456{i:02}] box kernel: {l}\n")),
        ("colours", |i, l| format!("\x1b[32m[   12.3456{i:02}] \x1b[0m\x1b[1m{l}\x1b[0m\n")),
        ("carriage returns", |i, l| format!("[   12.3456{i:02}] {l}\r\r\n")),
    ];
    for (name, form) in forms {
        check(name, &lines(form));
    }
}

#[test]
fn journals_and_json() {
    let quoted = |l: &str| serde_json::to_string(l).unwrap();
    check(
        "journal",
        &lines(|i, l| {
            format!(
                "{{\"_TRANSPORT\":\"kernel\",\"PRIORITY\":\"1\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"{}\",\"MESSAGE\":{}}}\n",
                12_345_600 + i,
                quoted(l)
            )
        }),
    );
    let bytes = |l: &str| l.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(",");
    check(
        "journal bytes",
        &lines(|i, l| {
            format!("{{\"__CURSOR\":\"{i}\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":[{}]}}\n", bytes(l))
        }),
    );
    let objects: Vec<String> = LINES.iter().enumerate().map(|(i, l)| {
        format!("{{\n         \"pri\": 1,\n         \"time\":    12.3456{i:02},\n         \"msg\": {}\n      }}", quoted(l))
    }).collect();
    check("dmesg --json", format!("{{\n   \"dmesg\": [\n      {}\n   ]\n}}\n", objects.join(",")).as_bytes());
    check("export", &lines(|i, l| format!("__CURSOR=s={i}\n_TRANSPORT=kernel\nMESSAGE={l}\n\n")));
    let binary: Vec<u8> = LINES
        .iter()
        .flat_map(|l| {
            [
                &b"__REALTIME_TIMESTAMP=1\n_TRANSPORT=kernel\nMESSAGE\n"[..],
                &(l.len() as u64).to_le_bytes(),
                l.as_bytes(),
                b"\n\n",
            ]
            .concat()
        })
        .collect();
    check("export, binary", &binary);
}

#[test]
fn compressed() {
    let plain = lines(|i, l| format!("[   12.3456{i:02}] {l}\n"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&plain).unwrap();
    check("gz", &gz.finish().unwrap());
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&plain).unwrap();
    check("zlib", &zlib.finish().unwrap());
    check("zst", &zstd::encode_all(&plain[..], 1).unwrap());
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(&plain).unwrap();
    check("xz", &xz.finish().unwrap());
}

#[test]
fn parts_of_a_pstore_are_put_in_order() {
    let line = |i: usize| format!("<1>[   12.3456{i:02}] {}\n", LINES[i]);
    let part = |n: u32, range: std::ops::Range<usize>| {
        format!("Oops#1 Part{n}\n{}", range.map(line).collect::<String>())
    };
    check("pstore", (part(1, 7..10) + &part(2, 3..7) + &part(3, 0..3)).as_bytes());
}

#[test]
fn cpus_that_print_at_once_are_told_apart() {
    let other = |l: &str| {
        l.replace("poke", "other")
            .replace("Comm: cat", "Comm: dog")
            .replace("PID: 42", "PID: 43")
            .replace("[#1]", "[#2]")
    };
    let log =
        lines(|i, l| format!("[   12.3456{i:02}][  T42] {l}\n[   12.3456{i:02}][  T43] {}\n", other(l)));
    let found = reports(&log);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].title.as_str(), found[0].pid), (TITLE, Some(42)));
    assert_eq!(
        (found[1].function.as_deref(), found[1].pid, found[1].role),
        (Some("other"), Some(43), crate::Role::Consequence)
    );
}

#[test]
fn wrapped_and_glued_lines() {
    let long = format!("[   12.345600] {}{}", LINES[0], " ".repeat(80 - 15 - LINES[0].len()));
    assert_eq!(long.len(), 80);
    let mut log = format!("{long}\nmore\n").into_bytes();
    log.extend(lines(|i, l| if i == 0 { String::new() } else { format!("[   12.3456{i:02}] {l}\n") }));
    assert!(one(&log).message.ends_with("more"));
    let log = lines(|i, l| {
        if i == 0 {
            format!("[   12.345600] some driver says[   12.345601] {l}\n")
        } else {
            format!("[   12.3456{i:02}] {l}\n")
        }
    });
    check("two records in a line", &log);
    let log = lines(|i, l| {
        if i == 0 {
            format!("[   12.345600] some driver says{l}\n")
        } else {
            format!("[   12.3456{i:02}] {l}\n")
        }
    });
    check("glued", &log);
}

#[test]
fn boots_are_told_apart() {
    let boot = |s: u32| format!("[    0.000000] Linux version 6.{s}.0 (gcc) #1\n").into_bytes();
    let crash = lines(|i, l| format!("[   12.3456{i:02}] {l}\n"));
    let found = reports(&[boot(1), crash.clone(), boot(2), crash].concat());
    assert_eq!(found.iter().map(|r| r.role).collect::<Vec<_>>(), [crate::Role::Cause, crate::Role::Cause]);
}

#[test]
fn names_with_newlines_and_noise() {
    let log = "[  143.000000] INFO: task syz\n[  143.000000] evil:1530 blocked for more than 143 seconds.\n\
               [  143.000001] Call Trace:\n[  143.000002]  schedule+0x1/0x2\n[  143.000003]  my_wait_for+0x1/0x2\n\
               [  143.000003]  my_read+0x1/0x2\n";
    assert_eq!(one(log.as_bytes()).title, "INFO: task hung in my_read");
    let mut noisy = vec![0xff, 0xfe, 0, 7, b'\n'];
    noisy.extend(lines(|i, l| format!("\0[   12.3456{i:02}] {l}\n")));
    check("noise", &noisy);
    assert_eq!(text_of(b"a\xffb"), "a\\xffb");
}

#[test]
fn signs_of_trouble_are_counted_and_come_before_the_cause() {
    let mut log =
        b"[   10.000000] blk_update_request: I/O error, dev sda, sector 12 op 0x0:(READ)\n".repeat(5);
    log.extend(lines(|i, l| format!("[   12.3456{i:02}] {l}\n")));
    let found = reports(&log);
    assert_eq!((found[0].role, found[0].count, found[0].class), (crate::Role::Precursor, 5, "io-error"));
    assert_eq!((found[1].role, found[1].title.as_str()), (crate::Role::Cause, TITLE));
}

#[test]
fn records_have_what_the_log_gives() {
    let mut all = Vec::new();
    read_records(&b"<4>[   12.5][  T7] one\nNov 20 20:58:06 box sshd[1]: two\n"[..], |r| all.push(r))
        .unwrap();
    assert_eq!((all[0].text.as_str(), all[0].seconds, all[0].level), ("one", Some(12.5), Some(4)));
    assert_eq!(all[0].caller, Some(crate::Caller::Task(7)));
    assert!(all[1].foreign && all[1].line == 2);
}

#[test]
fn not_of_a_kernel() {
    let mut found = 0;
    let read =
        read_reports(&b"hello\nBUGS: none\n2026-11-20T20:58:06Z started\n"[..], |_| found += 1).unwrap();
    assert_eq!((read.kernel, found), (false, 0));
    assert_eq!(read_reports(&b""[..], |_| {}).unwrap(), Summary::default());
}

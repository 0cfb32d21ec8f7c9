//! After a crash: trees with what it left, and real dumps.
#![cfg(feature = "agent")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// A machine's files, and where its crashes are kept.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new(boot: &str) -> Machine {
        let machine = Machine { dir: tempfile::tempdir().unwrap() };
        machine.put("etc/os-release", "ID=debian\n");
        machine.put("etc/default/kdump-tools", "USE_KDUMP=1\n");
        machine.put("proc/mounts", "/dev/vda1 / ext4 rw 0 0\n");
        machine.boot(boot);
        machine
    }

    fn boot(&self, id: &str) {
        self.put("proc/sys/kernel/random/boot_id", format!("{id}\n"));
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn put(&self, path: &str, data: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), data).unwrap();
    }

    fn run(&self, more: &[&str]) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
        command.args(["collect", "--format", "json", "--root"]).arg(self.dir.path());
        if !more.contains(&"--keep-free-mib") {
            command.args(["--keep-free-mib", "1"]);
        }
        command.arg("--state-dir").arg(self.path("state")).args(more);
        let done = command.output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let code = done.status.code().unwrap();
        assert!(code == 0 || code == 3, "{}", String::from_utf8_lossy(&done.stderr));
        (code, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    fn list(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("state/crashes.json")).unwrap()).unwrap()
    }
}

fn dump(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus").join(name)
}

const PSTORE: &str = "Panic#2 Part1\n<4>[  100.000001] RIP: 0010:poke+0x12/0x34 [mine]\n<0>[  100.000002] Kernel panic - not syncing: Fatal exception\n";
const OOPS: &str =
    "Panic#2 Part2\n<1>[  100.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n";

#[test]
fn a_dump_is_opened_judged_and_remembered() {
    let m = Machine::new("aaaa");
    assert_eq!(m.run(&[]).0, 0);
    let real = fs::read(dump("6.1-arm64/sysrq_c/vmcore")).unwrap();
    m.put("var/crash/202611201200/dump.202611201200", &real);
    m.put("var/crash/202611201200/dmesg.202611201200", "x");
    m.put("var/crash/202611211200/dump.202611211200", &real[..real.len() / 3]);
    m.put("var/crash/202611221200/dump.202611221200", "this is no dump");
    m.boot("bbbb");
    let (code, found) = m.run(&[]);
    assert_eq!(code, 3);
    let new = found["new"].as_array().unwrap();
    let of = |name: &str| new.iter().find(|c| c["dump"].as_str().unwrap().ends_with(name)).unwrap();
    let whole = of("dump.202611201200");
    assert_eq!(
        (whole["class"].as_str(), whole["requested"].as_bool()),
        (Some("requested-crash"), Some(true))
    );
    assert_ne!(whole["complete"], false);
    let report = fs::read_to_string(m.path("var/crash/202611201200/necropsy.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["verdict"]["class"], "requested-crash");
    assert!(m.path("var/crash/202611201200/necropsy.md").exists());
    assert_eq!(of("dump.202611221200")["complete"], false);
    assert_eq!(of("dump.202611211200")["complete"], false, "{}", of("dump.202611211200"));
    assert_eq!(found["orderly"], false);
    // Known now.
    assert_eq!(m.run(&[]).0, 0);
    let list = m.list();
    assert_eq!((list["dumps_present"].as_u64(), list["unclean_reboots"].as_u64()), (Some(3), Some(1)));
    // The only one of a class stays.
    let (_, found) = m.run(&["--keep", "1"]);
    let removed = found["removed"].as_array().unwrap();
    assert!(removed.len() == 1 && m.path("var/crash/202611201200/dump.202611201200").exists(), "{removed:?}");
}

#[test]
fn a_full_disk_is_not_made_fuller() {
    let m = Machine::new("aaaa");
    m.put("var/crash/1/vmcore", fs::read(dump("6.1-arm64/sysrq_c/vmcore")).unwrap());
    m.put("var/lib/systemd/pstore/1/dmesg-erst-7", [OOPS, PSTORE].concat());
    let (code, found) = m.run(&["--keep-free-mib", "1000000000"]);
    assert_eq!((code, found["new"].as_array().unwrap().len()), (3, 2));
    let notes = found["notes"].to_string();
    assert_eq!(notes.matches("nearly full").count(), 3, "{notes}");
    assert!(!m.path("var/crash/1/necropsy.json").exists());
}

#[test]
fn pstore_records_are_joined_kept_and_cleared() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    m.put("sys/fs/pstore/dmesg-efi_pstore-170000000001001", PSTORE);
    m.put("sys/fs/pstore/dmesg-efi_pstore-170000000002001", OOPS);
    m.put("sys/fs/pstore/dmesg-efi_pstore-170000000003001.enc.z", "\0\0");
    m.boot("bbbb");
    let (code, found) = m.run(&["--clear-pstore"]);
    let new = found["new"].as_array().unwrap();
    assert_eq!((code, new.len()), (3, 1), "{found}");
    assert_eq!(new[0]["class"], "null-pointer-dereference");
    assert_eq!(new[0]["source"], "pstore");
    let kept = new[0]["reports"][0].as_str().unwrap();
    assert!(fs::read_to_string(kept).unwrap().contains("Part2"));
    // Nothing is removed before it is remembered.
    assert!(m.path("sys/fs/pstore/dmesg-efi_pstore-170000000001001").exists());
    assert_eq!(m.run(&["--clear-pstore"]).0, 0);
    assert!(!m.path("sys/fs/pstore/dmesg-efi_pstore-170000000001001").exists());
    assert!(m.path("sys/fs/pstore/dmesg-efi_pstore-170000000003001.enc.z").exists());
}

#[test]
fn orderly_silent_and_journalled_ends() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    m.run(&["--orderly-shutdown"]);
    m.boot("bbbb");
    let (code, found) = m.run(&[]);
    assert_eq!((code, found["orderly"].as_bool()), (0, Some(true)));
    // It just goes away.
    m.boot("cccc");
    let (code, found) = m.run(&[]);
    let crash = &found["new"][0];
    assert_eq!((code, crash["source"].as_str(), crash["class"].as_str()), (3, Some("none"), Some("unknown")));
    // It goes away, and the journal has its last words.
    let entry = |us: u64, text: &str| {
        format!(
            "{{\"__REALTIME_TIMESTAMP\":\"{}\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"{us}\",\"_TRANSPORT\":\"kernel\",\"SYSLOG_IDENTIFIER\":\"kernel\",\"PRIORITY\":\"1\",\"MESSAGE\":\"{text}\"}}\n",
            4_000_000_000_000_000u64 + us
        )
    };
    let log = [
        entry(100_000_000, "BUG: kernel NULL pointer dereference, address: 0000000000000008"),
        entry(100_000_010, "RIP: 0010:poke+0x12/0x34 [mine]"),
        entry(100_000_020, "Call Trace:"),
        entry(100_000_030, " prod+0x1/0x2 [mine]"),
    ];
    m.put("var/log/necropsy/last-boot.json", log.concat());
    m.boot("dddd");
    let (_, found) = m.run(&[]);
    assert_eq!(found["new"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        (found["new"][0]["source"].as_str(), found["new"][0]["class"].as_str()),
        (Some("journal"), Some("null-pointer-dereference"))
    );
    assert_eq!(m.list()["unclean_reboots"], 2);
}

const BERT: &str =
    "[    0.004000] ACPI: BERT 0x00000000ABCD0000 000030 (v01 INTEL  EDK2     00000001 INTL 00000001)
[    1.500000] BERT: Error records from previous boot:
[    1.500001] [Hardware Error]: event severity: fatal
[    1.500002] [Hardware Error]:  Error 0, type: fatal
[    1.500003] [Hardware Error]:   section_type: PCIe error
[    1.500004] [Hardware Error]:   port_type: 4, root port
[    1.500005] [Hardware Error]:   device_id: 0000:00:1c.0
[    1.500006] [Hardware Error]:   vendor_id: 0x8086, device_id: 0x9d10
[    1.500007] BERT: Total records found: 1
";

#[test]
fn firmware_explains_a_silent_end() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    m.put("var/log/dmesg", BERT);
    m.boot("bbbb");
    let (code, found) = m.run(&[]);
    let new = found["new"].as_array().unwrap();
    assert_eq!((code, new.len()), (3, 1), "{found}");
    assert_eq!((&new[0]["class"], &new[0]["sources"]), (&"hardware-error".into(), &json!(["bert", "none"])));
    let title = "firmware recorded: fatal PCIe error, PCIe device 0000:00:1c.0 [8086:9d10]";
    assert_eq!(new[0]["title"], title);
    assert_eq!(m.run(&[]).0, 0);
    // What was only corrected explains nothing, and what is not printed cannot be judged.
    let skipped = "[ 1.5] BERT: [Hardware Error]: Skipped 2 error records\n".to_owned();
    for (boot, log) in [("cccc", BERT.replace("fatal", "corrected")), ("dddd", skipped)] {
        m.put("var/log/dmesg", log);
        m.boot(boot);
        let (_, found) = m.run(&[]);
        let new = found["new"].as_array().unwrap();
        assert_eq!((new.len(), &new[0]["class"], &new[0]["source"]), (1, &"unknown".into(), &"bert".into()));
    }
    assert_eq!(m.list()["totals"], json!({"hardware-error bert": 1, "unknown bert": 2}));
}

#[test]
fn firmware_adds_to_the_last_of_several_crashes() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    m.put("var/log/dmesg", BERT);
    let dumps = ["1", "2"].map(|n| m.path(&format!("var/crash/{n}/vmcore")));
    for (hours, path) in [(2, &dumps[0]), (1, &dumps[1])] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(path).unwrap();
        file.set_modified(
            std::time::SystemTime::now() + std::time::Duration::from_secs(36_000 - hours * 3600),
        )
        .unwrap();
    }
    m.boot("bbbb");
    let (_, found) = m.run(&["--no-analysis"]);
    let sources: Vec<_> = found["new"].as_array().unwrap().iter().map(|c| c["sources"].clone()).collect();
    assert_eq!(sources, [json!(["kdump"]), json!(["kdump", "bert"])]);
}

#[test]
fn firmware_s_words_after_an_orderly_end_are_no_crash() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    m.run(&["--orderly-shutdown"]);
    m.put("var/log/dmesg", BERT);
    m.boot("bbbb");
    let (code, found) = m.run(&[]);
    assert_eq!((code, found["orderly"].as_bool()), (0, Some(true)));
    assert!(found["notes"].to_string().contains("fatal PCIe error"), "{found}");
}

#[test]
fn the_watcher_knows_longer_that_the_machine_lived() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    let ran = |seconds_ago: i64| jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
    // The marker is of two hours ago, the watcher's last word of one.
    m.put("state/boot.json", json!({"boot_id": "aaaa", "time": ran(7200), "orderly": false}).to_string());
    let (long, one) = (ran(7200), ran(3600));
    let said = |id: &str, time: jiff::Timestamp| json!({"boot_id": id, "time": time});
    let state = json!({"boot_id": "bbbb", "alive": said("bbbb", ran(10)), "alive_before": said("aaaa", one)});
    m.put("var/lib/necropsy-watch/watch.json", state.to_string());
    m.boot("bbbb");
    let (_, found) = m.run(&[]);
    assert_eq!(found["last_alive"], json!({"time": one, "witness": "watch"}));
    assert_eq!(found["new"][0]["time"], json!(one));
    // An oops in its log that it lived on with for so long is not why it ended.
    let entry = |us: i64, text: &str| {
        let at = (long.as_microsecond() + us).to_string();
        json!({"__REALTIME_TIMESTAMP": at, "_SOURCE_MONOTONIC_TIMESTAMP": us.to_string(), "_TRANSPORT": "kernel",
            "SYSLOG_IDENTIFIER": "kernel", "PRIORITY": "1", "MESSAGE": text})
        .to_string()
            + "\n"
    };
    let log = entry(1_000_000, "BUG: kernel NULL pointer dereference, address: 0000000000000008")
        + &entry(1_000_010, "RIP: 0010:poke+0x12/0x34 [mine]");
    m.put("var/log/necropsy/last-boot.json", log);
    for (boot, alive, source) in [("cccc", Some(one), "none"), ("dddd", None, "journal")] {
        let last = fs::read_to_string(m.path("proc/sys/kernel/random/boot_id")).unwrap();
        m.put("state/boot.json", json!({"boot_id": last.trim(), "time": long, "orderly": false}).to_string());
        let state = json!({"alive": alive.map(|t| said(last.trim(), t))});
        m.put("var/lib/necropsy-watch/watch.json", state.to_string());
        m.boot(boot);
        let (_, found) = m.run(&[]);
        assert_eq!((found["new"].as_array().unwrap().len(), &found["new"][0]["source"]), (1, &source.into()));
        assert_eq!(found["last_alive"]["witness"], if alive.is_some() { "watch" } else { "collect" });
    }
}

#[test]
fn an_end_is_dealt_with_once_even_if_that_was_interrupted() {
    let m = Machine::new("aaaa");
    m.run(&[]);
    let mark = fs::read(m.path("state/boot.json")).unwrap();
    m.boot("bbbb");
    assert_eq!(m.run(&[]).0, 3);
    // Killed before it was noted that this boot runs.
    m.put("state/boot.json", mark);
    assert_eq!(m.run(&[]).0, 0);
    assert_eq!(
        (m.list()["unclean_reboots"].as_u64(), m.list()["crashes"].as_array().unwrap().len()),
        (Some(1), 1)
    );
}

#[test]
fn hostile_leftovers_do_no_harm() {
    let m = Machine::new("aaaa");
    m.put("state/crashes.json", "{\"crashes\": 7}");
    m.put("state/boot.json", "\0");
    m.put("sys/fs/pstore/dmesg-erst-1", [0xff; 5000]);
    m.put("var/crash/x/vmcore", "");
    let (_, found) = m.run(&[]);
    assert!(
        found["notes"].as_array().unwrap().iter().any(|n| n.as_str().unwrap().contains("crashes.broken"))
    );
    assert!(m.path("state/crashes.broken").exists());
}

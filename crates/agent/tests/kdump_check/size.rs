//! How large a dump would be, and whether it fits.

use necropsy_agent::kdump::Source;
use necropsy_agent::kdump::Status::{Fail, Pass, Unknown, Warn};

use super::support::Machine;
use super::{look, outcome};

const LRU: u64 = 1 << 5;
const BUDDY: u64 = 1 << 10;
const ANON: u64 = 1 << 12;
const PRIVATE: u64 = 1 << 35;

/// 1 GiB of memory with a reservation in it that has no page of the kernel's: 100 MiB of the kernel's own, 200 of caches, half of
/// them with buffers, 300 of processes, the rest free.
fn with_pages(m: &Machine) {
    m.put(
        "/proc/meminfo",
        "MemTotal: 917504 kB\nMemFree: 303104 kB\nCached: 204800 kB\nAnonPages: 307200 kB\n",
    );
    m.put("/proc/iomem", "00000000-3fffffff : System RAM\n  30000000-37ffffff : Crash kernel\n");
    let mib = |n: usize, flags: u64| std::iter::repeat_n(flags, n * 256);
    let flags = mib(100, 0)
        .chain(mib(100, LRU))
        .chain(mib(100, LRU | PRIVATE))
        .chain(mib(300, LRU | ANON))
        .chain(mib(168, BUDDY))
        .chain(mib(128, 0))
        .chain(mib(128, BUDDY));
    m.put("/proc/kpageflags", flags.flat_map(u64::to_ne_bytes).collect::<Vec<u8>>());
}

fn expected(m: &Machine) -> (u64, Source) {
    let found = look(m).dump_estimate.unwrap();
    (found.bytes >> 20, found.source)
}

#[test]
fn page_types_by_the_configured_level() {
    let m = Machine::debian();
    with_pages(&m);
    for (level, mib) in [(31, 100), (1, 896), (17, 600), (16, 600), (8, 596), (2, 796), (4, 696)] {
        let text = format!("USE_KDUMP=1\nKDUMP_NUM_DUMPS=3\nMAKEDUMP_ARGS=\"-c -d {level}\"\n");
        m.put("/etc/default/kdump-tools", text);
        assert_eq!(expected(&m), (mib, Source::PageTypes), "level {level}");
    }
    let space = outcome(&m, "dump-space").found;
    assert!(space.contains("by page types") && space.contains("696 MiB"), "{space}");
}

#[test]
fn without_page_types_the_counters_count() {
    let m = Machine::debian();
    with_pages(&m);
    let pages = std::fs::read(m.path("/proc/kpageflags")).unwrap();
    for broken in [&pages[..pages.len() / 2], b""] {
        m.put("/proc/kpageflags", broken);
        assert_eq!(expected(&m).1, Source::Meminfo);
    }
    // Without ranges nobody knows which pages there are.
    m.put("/proc/kpageflags", pages).remove("/proc/iomem");
    assert_eq!(expected(&m).1, Source::Meminfo);
    assert!(outcome(&m, "dump-space").found.contains("by /proc/meminfo"));
}

fn free(m: &Machine, kib: u64) {
    m.put("/df", format!("Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/vda1 99 9 {kib} 9% /\n"));
}

#[test]
fn fits_well_hardly_or_not() {
    let m = Machine::debian();
    with_pages(&m);
    for (mib, status) in [(30, Fail), (50, Warn), (101, Pass)] {
        free(&m, mib << 10);
        assert_eq!(outcome(&m, "dump-space").status, status, "{mib} MiB");
    }
    m.put("/etc/default/kdump-tools", "USE_KDUMP=1\n");
    assert!(outcome(&m, "dump-space").problems[0].contains("never removed"));
}

/// A dump that came is no guess.
#[test]
fn the_last_dump_is_evidence() {
    let m = Machine::debian();
    with_pages(&m);
    m.dir("/var/crash/202601011200", 0o700)
        .put("/var/crash/202601011200/dump.202601011200", vec![1; 9 << 20]);
    m.dir("/var/crash/202602011200", 0o700).put("/var/crash/202602011200/vmcore-incomplete", "x");
    let found = look(&m);
    assert_eq!(found.dump_last_bytes, Some(9 << 20));
    assert!(outcome(&m, "dump-space").found.contains("the last one had 9 MiB"));
    m.put("/var/crash/202601011200/dump.202601011200", vec![1; 200 << 20]);
    free(&m, 150 << 10);
    let space = outcome(&m, "dump-space");
    assert!(space.status == Warn && space.problems[0].contains("as large as the last"), "{space:?}");
}

#[test]
fn other_machines_are_asked_as_far_as_they_can_be() {
    let m = Machine::debian();
    m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nNFS=\"store:/export/dumps\"\nKDUMP_NUM_DUMPS=3\n");
    let space = outcome(&m, "dump-space");
    assert!(space.status == Unknown && space.found.contains("not mounted"), "{space:?}");
    m.put("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\nstore:/export /mnt/store nfs4 rw 0 0\n");
    m.put("/df", "x 1 1 1 1% /\nstore:/export 99999999 9 99999999 9% /mnt/store\n");
    assert_eq!((outcome(&m, "dump-space").status, look(&m).dump_free_bytes), (Pass, Some(99_999_999 << 10)));

    let ssh = "USE_KDUMP=1\nSSH=\"kdump@store\"\nSSH_KEY=/root/.ssh/key\nKDUMP_COREDIR=/dumps\n";
    m.put("/etc/default/kdump-tools", ssh).put("/root/.ssh/key", "");
    let space = outcome(&m, "dump-space");
    assert_eq!(
        (space.status, space.fix),
        (Unknown, vec!["ssh -i /root/.ssh/key kdump@store df -B1 /dumps".to_owned()])
    );

    let m = Machine::suse();
    m.put("/etc/sysconfig/kdump", "KDUMP_SAVEDIR=\"sftp://u:secret@store/d/e\"\n");
    let found = look(&m);
    let text = necropsy_agent::kdump::text(&found);
    assert!(text.contains("ssh u@store df -B1 /d/e") && !text.contains("secret"), "{text}");
}

/// A partition without a file system is as large as it is.
#[test]
fn a_raw_partition_has_a_size() {
    let m = Machine::red_hat();
    m.put("/etc/kdump.conf", "raw /dev/vdb1\n")
        .put("/dev/vdb1", "")
        .put("/sys/class/block/vdb1/size", "16777216\n");
    assert_eq!((look(&m).dump_free_bytes, outcome(&m, "dump-space").status), (Some(8 << 30), Pass));
}

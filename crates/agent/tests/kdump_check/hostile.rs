//! Files made to do harm.

use super::look;
use super::support::Machine;

#[test]
fn hostile_files_do_no_harm() {
    let m = Machine::debian();
    let junk: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let all = [
        "/proc/cmdline",
        "/proc/meminfo",
        "/proc/mounts",
        "/proc/iomem",
        "/proc/kpageflags",
        "/sys/kernel/kexec_crash_size",
        "/etc/os-release",
        "/etc/default/kdump-tools",
        "/boot/grub/grub.cfg",
        "/var/lib/necropsy/kdump-test.json",
        "/usr/bin/makedumpfile",
        "/var/lib/kdump/initrd.img",
        "/df",
    ];
    m.put("/proc/iomem", "").put("/proc/kpageflags", "").put("/var/lib/kdump/initrd.img", "");
    for path in all {
        let fifo = m.remove(path).path(path);
        // Who opened it would wait for ever.
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        look(&m);
        m.remove(path).put(path, &junk);
        let found = look(&m);
        assert!(necropsy_agent::kdump::text(&found).chars().all(|c| c == '\n' || !c.is_control()), "{path}");
    }
}

/// Devices that are made of each other, and thousands of them: looked at is only what a machine can have.
#[test]
fn devices_in_circles_end() {
    let m = Machine::debian();
    m.put("/dev/vda1", "");
    for i in 0..300 {
        m.put(&format!("/sys/class/block/vda1/slaves/d{i}"), "");
        m.dir(&format!("/sys/class/block/d{i}"), 0o755)
            .link("../vda1/slaves", &format!("/sys/class/block/d{i}/slaves"));
    }
    let begun = std::time::Instant::now();
    look(&m);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

/// What turns a line of text round is not shown as it is.
#[test]
fn text_that_hides_is_shown() {
    let m = Machine::debian();
    m.put("/etc/os-release", "PRETTY_NAME=\"a\u{202e}b\u{200b}\u{1b}[2J\"\nID=debian\n");
    assert!(necropsy_agent::kdump::text(&look(&m)).starts_with("a?b??[2J"));
}

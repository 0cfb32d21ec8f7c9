//! Every fault that is made is found, and none on a machine that is ready.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use necropsy_agent::Root;
use necropsy_agent::kdump::{CHECKS, Readiness, Status, check};
use support::{Machine, RELEASE, initramfs};

fn look(machine: &Machine) -> Readiness {
    check(&Root::new(machine.dir.path()))
}

fn complaints(found: &Readiness) -> Vec<(&str, Status)> {
    let bad = found.checks.iter().filter(|c| c.status != Status::Pass);
    bad.map(|c| (c.id, c.status)).collect()
}

#[test]
fn good_machines_have_no_faults() {
    for machine in [Machine::debian(), Machine::red_hat(), Machine::suse()] {
        let found = look(&machine);
        let text = necropsy_agent::kdump::text(&found);
        assert_eq!(complaints(&found), [], "{text}");
        assert_eq!(found.ready, Some(true));
        assert!(found.dump_expected_bytes.unwrap() < found.dump_free_bytes.unwrap());
    }
}

type Break = for<'a> fn(&'a Machine) -> &'a Machine;

/// A fault, the check that finds it, how bad it is, and a word of the fix.
const FAULTS: &[(&str, Break, &str, Status, &str)] = &[
    (
        "no parameter",
        |m| {
            m.put("/proc/cmdline", "root=/dev/vda1\n")
                .put("/boot/grub/grub.cfg", format!("linux /boot/vmlinuz-{RELEASE} root=/dev/vda1\n"))
        },
        "crashkernel-parameter",
        Status::Fail,
        "update-grub",
    ),
    (
        "reboot pending",
        |m| m.put("/proc/cmdline", "root=/dev/vda1\n"),
        "crashkernel-parameter",
        Status::Fail,
        "reboot",
    ),
    (
        "gone at the next boot",
        |m| m.put("/boot/grub/grub.cfg", format!("linux /boot/vmlinuz-{RELEASE} root=/dev/vda1\n")),
        "crashkernel-parameter",
        Status::Warn,
        "update-grub",
    ),
    (
        "auto",
        |m| m.put("/proc/cmdline", "crashkernel=auto\n"),
        "crashkernel-parameter",
        Status::Fail,
        "crashkernel=",
    ),
    (
        "range of larger machines",
        |m| m.put("/proc/cmdline", "crashkernel=8G-:256M\n"),
        "crashkernel-parameter",
        Status::Fail,
        "crashkernel=",
    ),
    (
        "nothing reserved",
        |m| m.put("/sys/kernel/kexec_crash_size", "0\n"),
        "reservation",
        Status::Fail,
        "crashkernel=",
    ),
    (
        "too little reserved",
        |m| m.put("/sys/kernel/kexec_crash_size", "33554432\n"),
        "reservation",
        Status::Fail,
        "crashkernel=",
    ),
    (
        "rather little reserved",
        |m| m.put("/sys/kernel/kexec_crash_size", "100663296\n"),
        "reservation",
        Status::Warn,
        "crashkernel=",
    ),
    (
        "large initramfs",
        |m| {
            m.put(&format!("/var/lib/kdump/initrd.img-{RELEASE}"), {
                let mut i = initramfs(&["usr/lib/modules/6/ext4.ko"]);
                i.resize(200 << 20, 0);
                i
            })
        },
        "reservation",
        Status::Fail,
        "crashkernel=",
    ),
    (
        "no /proc/vmcore",
        |m| {
            m.put(
                &format!("/boot/config-{RELEASE}"),
                "CONFIG_KEXEC=y\nCONFIG_CRASH_DUMP=y\n# CONFIG_PROC_VMCORE is not set\n",
            )
        },
        "kernel-config",
        Status::Fail,
        "kernel",
    ),
    (
        "no BTF",
        |m| {
            m.put(
                &format!("/boot/config-{RELEASE}"),
                "CONFIG_KEXEC=y\nCONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\n",
            )
        },
        "kernel-config",
        Status::Warn,
        "",
    ),
    (
        "not enabled",
        |m| m.remove("/etc/systemd/system/multi-user.target.wants/kdump-tools.service"),
        "service",
        Status::Fail,
        "systemctl enable",
    ),
    (
        "masked",
        |m| m.link("/dev/null", "/etc/systemd/system/kdump-tools.service"),
        "service",
        Status::Fail,
        "systemctl enable",
    ),
    (
        "switched off",
        |m| m.put("/etc/default/kdump-tools", "USE_KDUMP=0\n"),
        "service",
        Status::Fail,
        "USE_KDUMP=1",
    ),
    (
        "not installed",
        |m| m.remove("/etc/default/kdump-tools").remove("/lib/systemd/system/kdump-tools.service"),
        "service",
        Status::Fail,
        "apt-get install",
    ),
    (
        "not loaded",
        |m| m.put("/sys/kernel/kexec_crash_loaded", "0\n"),
        "kernel-loaded",
        Status::Fail,
        "kdump-config",
    ),
    (
        "lockdown",
        |m| {
            m.put("/sys/kernel/kexec_crash_loaded", "0\n")
                .put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
        },
        "kernel-loaded",
        Status::Fail,
        "kdump-config",
    ),
    ("no initramfs", |m| m.remove("/var/lib/kdump"), "initramfs", Status::Fail, "postinst.d/kdump-tools"),
    (
        "old initramfs",
        |m| m.days_old(&format!("/var/lib/kdump/initrd.img-{RELEASE}"), 60),
        "initramfs",
        Status::Warn,
        "postinst.d/kdump-tools",
    ),
    (
        "no driver in it",
        |m| m.put(&format!("/var/lib/kdump/initrd.img-{RELEASE}"), initramfs(&["lib/modules/6/xfs.ko"])),
        "initramfs",
        Status::Fail,
        "postinst.d/kdump-tools",
    ),
    (
        "no disk driver in it",
        |m| {
            let pci = "/sys/devices/pci0000:00/0000:00:03.0";
            m.put(&format!("{pci}/virtio1/block/vda/vda1/size"), "1\n")
                .link("../../devices/pci0000:00/0000:00:03.0/virtio1/block/vda/vda1", "/sys/class/block/vda1")
                .link("../../../../bus/virtio/drivers/virtio_blk", &format!("{pci}/virtio1/driver"))
                .put("/sys/module/virtio_blk/refcnt", "1\n")
                .put("/sys/bus/virtio/drivers/virtio_blk/x", "")
                .link("../../../../module/virtio_blk", "/sys/bus/virtio/drivers/virtio_blk/module")
        },
        "initramfs",
        Status::Fail,
        "postinst.d/kdump-tools",
    ),
    (
        "graphics driver in it",
        |m| m.put(&format!("/var/lib/kdump/initrd.img-{RELEASE}"), initramfs(&["a/ext4.ko", "a/nouveau.ko"])),
        "initramfs",
        Status::Warn,
        "modprobe.blacklist=nouveau",
    ),
    (
        "initramfs is garbage",
        |m| m.put(&format!("/var/lib/kdump/initrd.img-{RELEASE}"), "garbage that is no archive"),
        "initramfs",
        Status::Unknown,
        "",
    ),
    (
        "target on tmpfs",
        |m| m.put("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\ntmpfs /var/crash tmpfs rw 0 0\n"),
        "dump-target",
        Status::Fail,
        "kdump-tools",
    ),
    ("root not in fstab", |m| m.put("/etc/fstab", "# nothing\n"), "dump-target", Status::Fail, "fstab"),
    (
        "target not in fstab",
        |m| m.put("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /var ext4 rw 0 0\n"),
        "dump-target",
        Status::Fail,
        "/dev/vdb /var ext4",
    ),
    (
        "target read-only",
        |m| m.put("/proc/mounts", "/dev/vda1 / ext4 ro 0 0\n"),
        "dump-target",
        Status::Fail,
        "kdump-tools",
    ),
    ("target is not there", |m| m.remove("/var/crash"), "dump-target", Status::Warn, "mkdir"),
    (
        "encrypted target",
        |m| m.put("/dev/vda1", "").put("/sys/class/block/vda1/dm/uuid", "CRYPT-LUKS2-x\n"),
        "dump-target",
        Status::Warn,
        "not encrypted",
    ),
    (
        "ssh without key",
        |m| m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nSSH=\"a@b\"\nSSH_KEY=/root/.ssh/none\n"),
        "dump-target",
        Status::Fail,
        "propagate",
    ),
    ("no space", |m| m.put("/df", "x 1 1 1 1% /\n"), "dump-space", Status::Fail, "room"),
    ("open directory", |m| m.dir("/var/crash", 0o755), "dump-permissions", Status::Warn, "chmod"),
    (
        "open dump",
        |m| m.dir("/var/crash", 0o1777).dir("/var/crash/1", 0o755).put("/var/crash/1/dump.1", "x"),
        "dump-permissions",
        Status::Warn,
        "chmod",
    ),
    (
        "all of memory",
        |m| m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_NUM_DUMPS=1\nMAKEDUMP_ARGS=\"-c -d 1\"\n"),
        "collector",
        Status::Warn,
        "-d 31",
    ),
    (
        "not compressed",
        |m| m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_NUM_DUMPS=1\nMAKEDUMP_ARGS=\"-d 31\"\n"),
        "collector",
        Status::Warn,
        "-c",
    ),
    ("no makedumpfile", |m| m.remove("/usr/bin/makedumpfile"), "makedumpfile", Status::Fail, "install"),
    (
        "old makedumpfile",
        |m| m.put("/usr/bin/makedumpfile", "\0makedumpfile: version 1.6.7 (released on 16 Jan 2020)\n"),
        "makedumpfile",
        Status::Warn,
        "newer",
    ),
    (
        "oops goes on",
        |m| m.put("/proc/sys/kernel/panic_on_oops", "0\n"),
        "panic-policy",
        Status::Fail,
        "panic_on_oops = 1",
    ),
    (
        "stays down",
        |m| m.put("/proc/sys/kernel/panic", "0\n"),
        "panic-policy",
        Status::Warn,
        "kernel.panic = 10",
    ),
    (
        "no NMI button",
        |m| m.put("/proc/sys/kernel/unknown_nmi_panic", "0\n"),
        "panic-policy",
        Status::Warn,
        "unknown_nmi_panic = 1",
    ),
    (
        "lockups go on",
        |m| m.put("/proc/sys/kernel/softlockup_panic", "0\n"),
        "panic-policy",
        Status::Warn,
        "softlockup_panic = 1",
    ),
    (
        "panics on a warning",
        |m| m.put("/proc/sys/kernel/panic_on_warn", "1\n"),
        "panic-on-warn",
        Status::Warn,
        "panic_on_warn=0",
    ),
    (
        "short watchdog",
        |m| {
            m.put("/sys/class/watchdog/watchdog0/state", "active\n")
                .put("/sys/class/watchdog/watchdog0/timeout", "15\n")
                .put("/sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n")
        },
        "watchdog",
        Status::Warn,
        "RuntimeWatchdogSec",
    ),
    (
        "memory hot-plug",
        |m| {
            m.put("/sys/class/dmi/id/sys_vendor", "QEMU\n")
                .put("/sys/devices/system/memory/auto_online_blocks", "online\n")
                .put("/sys/devices/system/memory/memory0/online", "1\n")
        },
        "virtual-machine",
        Status::Warn,
        "udev",
    ),
    (
        "no pstore",
        |m| m.put("/sys/module/pstore/parameters/backend", "(null)\n"),
        "pstore",
        Status::Warn,
        "efi_pstore",
    ),
    ("no debug file", |m| m.remove("/usr/lib/debug"), "debuginfo", Status::Warn, "-dbg"),
    (
        "never tested",
        |m| m.remove("/var/lib/necropsy/kdump-test.json"),
        "last-test",
        Status::Warn,
        "kdump test",
    ),
    (
        "test failed",
        |m| {
            m.put(
                "/var/lib/necropsy/kdump-test.json",
                "{\"time\":\"2026-01-01T00:00:00Z\",\"passed\":false,\"why\":\"no dump\"}",
            )
        },
        "last-test",
        Status::Fail,
        "kdump test",
    ),
    (
        "other kernel tested",
        |m| {
            m.put(
                "/var/lib/necropsy/kdump-test.json",
                "{\"time\":\"2099-01-01T00:00:00Z\",\"passed\":true,\"kernel\":\"5\"}",
            )
        },
        "last-test",
        Status::Warn,
        "kdump test",
    ),
];

#[test]
fn every_fault_is_found_where_it_is() {
    for (name, fault, id, status, fix) in FAULTS {
        let machine = Machine::debian();
        fault(&machine);
        let found = look(&machine);
        let text = necropsy_agent::kdump::text(&found);
        let check = found.checks.iter().find(|c| c.id == *id).unwrap();
        assert_eq!(check.status, *status, "{name}\n{text}");
        assert!(check.fix.iter().any(|f| f.contains(fix)) || fix.is_empty(), "{name}: {:?}", check.fix);
        if check.essential && *status == Status::Fail {
            assert_eq!(found.ready, Some(false), "{name}");
        }
    }
    for check in CHECKS {
        assert!(FAULTS.iter().any(|(_, _, id, ..)| id == &check.id), "no fault is made for {}", check.id);
    }
}

#[test]
fn faults_of_the_other_distributions() {
    let m = Machine::red_hat();
    m.put("/etc/kdump.conf", "path /var/crash\ncore_colector makedumpfile\nraw /dev/vda1\n")
        .dir("/dev/disk", 0o755)
        .put("/dev/vda1", "");
    let found = look(&m);
    let target = found.checks.iter().find(|c| c.id == "dump-target").unwrap();
    assert_eq!(target.status, Status::Fail);
    assert!(
        target.problems.iter().any(|p| p.contains("core_colector"))
            && target.problems.iter().any(|p| p.contains("mounted"))
    );
    assert!(target.fix.iter().any(|f| f == "kdumpctl restart"));

    let m = Machine::red_hat();
    m.put("/etc/kdump.conf", "ssh a@b\ncore_collector makedumpfile -l -d 31\n");
    let found = look(&m);
    assert!(found.checks.iter().any(|c| c.id == "dump-target" && c.fix[0].contains("-F")));

    let m = Machine::suse();
    m.put("/var/lib/kdump/initrd", initramfs(&["x/ext4.ko"]))
        .put("/etc/sysconfig/kdump", "KDUMP_DUMPLEVEL=0\nKDUMP_DUMPFORMAT=ELF\n");
    let found = look(&m);
    assert!(complaints(&found).contains(&("initramfs", Status::Fail)));
    assert!(found.checks.iter().any(|c| c.id == "collector" && c.fix[0].contains("KDUMP_DUMPLEVEL")));
}

/// A sosreport has few of a machine's files: what is not there says nothing.
#[test]
fn a_sosreport_is_told_only_what_it_shows() {
    let m = Machine::red_hat();
    for path in ["/usr", "/lib", "/boot", "/var", "/etc/systemd", "/sys/class", "/sys/devices", "/sys/module"]
    {
        m.remove(path);
    }
    let units = "UNIT FILE STATE PRESET\nkdump.service enabled enabled\n";
    m.put("/sos_commands/systemd/systemctl_list-unit-files", units);
    m.put("/sos_commands/kernel/uname_-a", format!("Linux h {RELEASE} #1 SMP x86_64 GNU/Linux\n"));
    let found = look(&m);
    let text = necropsy_agent::kdump::text(&found);
    assert!(complaints(&found).iter().all(|(_, s)| *s == Status::Unknown), "{text}");
    assert_eq!(found.ready, None);
    m.put("/sos_commands/systemd/systemctl_list-unit-files", units.replace("enabled e", "disabled e"));
    m.put("/sys/kernel/kexec_crash_loaded", "0\n");
    let found = look(&m);
    assert!(complaints(&found).contains(&("service", Status::Fail)) && found.ready == Some(false));
}

/// An image that does not run has no /proc: what its files will set is what counts.
#[test]
fn an_image_is_judged_by_what_it_will_set() {
    let m = Machine::debian();
    m.remove("/proc/sys").remove("/sys");
    m.put("/usr/lib/sysctl.d/10-x.conf", "# kernel.panic = 0\nkernel.panic = 10\nkernel.panic_on_oops=0\n");
    m.put("/etc/sysctl.d/90-y.conf", "-kernel/panic_on_oops = 1\nkernel.panic_on_warn = 1\n");
    let found = look(&m);
    let of = |id: &str| found.checks.iter().find(|c| c.id == id).unwrap();
    assert_eq!(of("panic-policy").status, Status::Pass, "{:?}", of("panic-policy"));
    assert!(of("panic-policy").found.contains("panic_on_oops=1"));
    assert_eq!(of("panic-on-warn").status, Status::Warn);
    assert_eq!((of("kernel-loaded").status, found.ready), (Status::Unknown, None));
}

#[test]
fn an_empty_tree_is_unknown_and_not_ready() {
    let found = look(&Machine::empty());
    assert_eq!(found.ready, None);
    assert!(found.checks.iter().all(|c| !(c.essential && c.status == Status::Pass)));
}

#[test]
fn ids_are_unique_and_documented() {
    let text = std::fs::read_to_string(support::repository("docs/kdump.md")).unwrap();
    for (i, check) in CHECKS.iter().enumerate() {
        assert!(CHECKS[..i].iter().all(|c| c.id != check.id));
        assert!(text.contains(&format!("### {}\n", check.id)), "docs/kdump.md says nothing of {}", check.id);
        assert!(check.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    }
}

#[test]
fn hostile_files_do_no_harm() {
    let m = Machine::debian();
    let junk: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let all = [
        "/proc/cmdline",
        "/proc/meminfo",
        "/proc/mounts",
        "/proc/iomem",
        "/sys/kernel/kexec_crash_size",
        "/etc/os-release",
        "/etc/default/kdump-tools",
        "/boot/grub/grub.cfg",
        "/var/lib/necropsy/kdump-test.json",
        "/usr/bin/makedumpfile",
        "/var/lib/kdump/initrd.img",
        "/df",
    ];
    m.put("/proc/iomem", "").put("/var/lib/kdump/initrd.img", "");
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

//! Fedora, RHEL and SUSE: what is told of their own settings, and what of theirs is no fault.

use necropsy_agent::kdump::Status::{Fail, Pass, Unknown, Warn};

use super::support::{Machine, RELEASE, initramfs};
use super::{complaints, look, outcome};

fn kdump_conf(text: &str) -> Machine {
    let m = Machine::red_hat();
    m.put("/etc/kdump.conf", text).days_old("/etc/kdump.conf", 30).dir("/dev/disk", 0o755);
    m
}

fn sysconfig(text: &str) -> Machine {
    let m = Machine::suse();
    m.put("/etc/sysconfig/kdump", text).days_old("/etc/sysconfig/kdump", 30);
    m
}

#[test]
fn kdump_conf_with_faults() {
    let m = kdump_conf("path /var/crash\ncore_colector makedumpfile\nraw /dev/vda1\n");
    m.put("/dev/vda1", "");
    let target = outcome(&m, "dump-target");
    assert_eq!(target.status, Fail);
    assert!(target.problems.iter().any(|p| p.contains("core_colector")));
    assert!(target.problems.iter().any(|p| p.contains("mounted")));
    assert!(target.fix.iter().any(|f| f == "kdumpctl restart"));

    let target = outcome(&kdump_conf("ssh a@b\ncore_collector makedumpfile -l -d 31\n"), "dump-target");
    assert!(target.status == Fail && target.fix[0].contains("-F"));
    let target = outcome(&kdump_conf("path /a\npath /var/crash\n"), "dump-target");
    assert!(target.status == Warn && target.problems[0].contains("path more than once"), "{target:?}");
    assert_eq!(outcome(&kdump_conf("nfs h:/x\nssh a@b\n"), "dump-target").status, Fail);
}

#[test]
fn suse_with_faults() {
    let m = sysconfig("KDUMP_DUMPLEVEL=0\nKDUMP_DUMPFORMAT=ELF\n");
    m.put("/var/lib/kdump/initrd", initramfs(&["x/ext4.ko"]));
    assert!(complaints(&look(&m)).contains(&("initramfs", Fail)));
    assert!(outcome(&m, "collector").fix[0].contains("KDUMP_DUMPLEVEL"));
    let none = outcome(&sysconfig("KDUMP_DUMPFORMAT=none\n"), "collector");
    assert!(none.status == Fail && none.problems[0].contains("no dump"), "{none:?}");
    let own = outcome(&sysconfig("KDUMP_TRANSFER=\"scp /proc/vmcore h:\"\n"), "collector");
    assert_eq!(own.status, Unknown);
    assert_eq!(outcome(&sysconfig("KDUMP_SAVEDIR=\"gopher://h/x\"\n"), "dump-target").status, Fail);
}

/// SUSE's kdump removes a dump again that leaves too little room.
#[test]
fn room_that_must_stay_free() {
    let m = sysconfig("KDUMP_FREE_DISK_SIZE=100000\nKDUMP_KEEP_OLD_DUMPS=3\n");
    let space = outcome(&m, "dump-space");
    assert!(space.status == Fail && space.problems[0].contains("97.6 GiB stay free"), "{space:?}");
}

/// Through ssh the default writes the flattened form by itself.
#[test]
fn no_collector_named_is_no_fault() {
    for target in ["ssh a@b\n", "nfs b:/x\n"] {
        assert_eq!(outcome(&kdump_conf(target), "dump-target").status, Pass, "{target}");
    }
}

#[test]
fn a_key_that_is_not_there() {
    let m = kdump_conf("ssh a@b\nsshkey /root/.ssh/other\n");
    assert_eq!(outcome(&m, "dump-target").status, Fail);
    // kdumpctl takes its usual one then.
    m.put("/root/.ssh/kdump_id_rsa", "");
    assert_eq!(outcome(&m, "dump-target").status, Warn);
}

#[test]
fn targets_that_no_device_stands_for() {
    assert_eq!(outcome(&kdump_conf("virtiofs tag\n"), "dump-target").status, Pass);
    let m = kdump_conf("ext4 LABEL=/boot\n");
    assert_eq!(outcome(&m, "dump-target").status, Fail);
    m.put("/dev/disk/by-label/\\x2fboot", "");
    assert_eq!(outcome(&m, "dump-target").status, Pass);
    // Whether it holds a dump that everybody can read, nobody sees.
    assert_eq!(outcome(&m, "dump-permissions").status, Unknown);
}

/// A link of udev's to a partition that is mounted.
#[test]
fn a_raw_partition_by_another_name() {
    let m = kdump_conf("raw /dev/disk/by-id/x\n");
    m.put("/dev/vda1", "").link("../../vda1", "/dev/disk/by-id/x");
    let target = outcome(&m, "dump-target");
    assert!(target.problems.iter().any(|p| p.contains("mounted")), "{target:?}");
}

/// POWER's firmware keeps the memory: nothing is in kexec_crash_size, and crashkernel= need not be there.
#[test]
fn fadump_is_no_fault() {
    let m = Machine::red_hat();
    let entry =
        format!("title R\nversion {RELEASE}\nlinux /vmlinuz-{RELEASE}\noptions root=/dev/vda1 fadump=on\n");
    m.put("/proc/cmdline", "root=/dev/vda1 fadump=on\n").put("/boot/loader/entries/a.conf", entry);
    m.put("/sys/kernel/kexec_crash_size", "0\n").put("/sys/kernel/kexec_crash_loaded", "0\n");
    m.put("/sys/kernel/fadump/enabled", "1\n").put("/sys/kernel/fadump/registered", "1\n");
    m.put("/sys/kernel/fadump/mem_reserved", "805306368\n");
    let files = ["usr/lib/modules/6/ext4.ko.xz", "usr/bin/makedumpfile"];
    m.remove(&format!("/boot/initramfs-{RELEASE}kdump.img"));
    m.put(&format!("/boot/initramfs-{RELEASE}.img"), initramfs(&files));
    let found = look(&m);
    assert_eq!(complaints(&found), [], "{}", necropsy_agent::kdump::text(&found));
    assert_eq!(found.crashkernel_bytes, Some(805_306_368));
}

/// Firmware keeps some of 2 GiB, and the kernel takes that into account.
#[test]
fn ranges_begin_at_round_numbers() {
    let m = Machine::red_hat();
    let cmdline = "root=/dev/vda1 crashkernel=2G-64G:256M,64G-:512M\n";
    let entry = format!("version {RELEASE}\nlinux /vmlinuz-{RELEASE}\noptions {cmdline}");
    m.put("/proc/cmdline", cmdline).put("/boot/loader/entries/a.conf", entry);
    m.put("/proc/iomem", "00001000-0009fbff : System RAM\n00100000-7ffdbfff : System RAM\n");
    let parameter = outcome(&m, "crashkernel-parameter");
    assert!(parameter.status == Pass && parameter.found.ends_with("256 MiB"), "{parameter:?}");
}

/// SUSE's kdump has its rule for added memory where it has been put when the capture kernel was loaded.
#[test]
fn suses_rule_for_added_memory() {
    let m = Machine::suse();
    m.put("/sys/class/dmi/id/sys_vendor", "QEMU\n").put("/sys/devices/system/memory/memory0/online", "1\n");
    m.put("/sys/devices/system/memory/auto_online_blocks", "online\n");
    assert_eq!(outcome(&m, "virtual-machine").status, Warn);
    m.put("/run/udev/rules.d/70-kdump.rules", "");
    assert_eq!(outcome(&m, "virtual-machine").status, Pass);
}

/// What `kdumpctl test` found out counts where ours was never run.
#[test]
fn kdumpctls_own_test() {
    let m = Machine::red_hat();
    m.remove("/var/lib/necropsy");
    assert_eq!(outcome(&m, "last-test").status, Warn);
    m.put("/var/lib/kdump/vmcore-creation.status", "success 1760000000\n");
    assert_eq!(outcome(&m, "last-test").status, Pass);
    m.put("/var/lib/kdump/vmcore-creation.status", "fail: 1760000000\n");
    assert_eq!(outcome(&m, "last-test").status, Warn);
}

/// A debug kernel is captured by the one beside it.
#[test]
fn debug_kernels_have_the_plain_ones_initramfs() {
    let m = Machine::red_hat();
    m.put("/proc/sys/kernel/osrelease", format!("{RELEASE}+debug\n"));
    assert!(outcome(&m, "initramfs").found.contains(&format!("/boot/initramfs-{RELEASE}kdump.img")));
}

#[test]
fn makedumpfile_has_no_level_above_31() {
    let m = Machine::debian();
    m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_NUM_DUMPS=1\nMAKEDUMP_ARGS=\"-c -d 32\"\n");
    assert_eq!(outcome(&m, "collector").status, Fail);
}

/// The dump is on LVM, and that on a disk with a passphrase; swap has a key of chance.
#[test]
fn encryption_below_other_layers() {
    let m = Machine::debian();
    m.put("/dev/vda1", "").put("/sys/class/block/vda1/dm/uuid", "LVM-x\n");
    m.put("/sys/class/block/vda1/slaves/dm-1", "").put("/sys/class/block/dm-1/dm/uuid", "CRYPT-LUKS2-x\n");
    m.put("/sys/class/block/dm-1/dm/name", "disk\n");
    m.put(
        "/etc/crypttab",
        "swap /dev/vda3 /dev/urandom swap\nother /dev/vda4 /root/key luks\ndisk /dev/vda2 none luks\n",
    );
    let target = outcome(&m, "dump-target");
    assert!(target.status == Warn && target.problems[0].contains("encrypted"), "{target:?}");
    m.put("/etc/crypttab", "disk /dev/vda2 /root/key luks\n");
    assert_eq!(outcome(&m, "dump-target").status, Pass);
}

/// fstab(5) has blanks and slashes at the end in its own way, and so has systemd.
#[test]
fn mount_points_by_any_name() {
    let m = Machine::debian();
    m.put("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /var/my-crash ext4 rw 0 0\n")
        .dir("/var/my-crash", 0o700);
    m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_COREDIR=/var/my-crash\nKDUMP_NUM_DUMPS=3\n");
    assert_eq!(outcome(&m, "dump-target").status, Fail);
    m.put("/etc/systemd/system/var-my\\x2dcrash.mount", "");
    assert_eq!(outcome(&m, "dump-target").status, Pass);
    m.remove("/etc/systemd/system/var-my\\x2dcrash.mount");
    m.put("/etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/dev/vdb /var/my-crash/ ext4 defaults 0 2\n");
    assert_eq!(outcome(&m, "dump-target").status, Pass);
}

//! What keeps a dump from being written.

use necropsy_agent::kdump::Status::{Fail, Unknown, Warn};

use super::faults::What::{Do, File, Files, Gone};
use super::faults::{Fault, capture};
use super::support::{Machine, initramfs};

#[rustfmt::skip] // A table.
pub const FAULTS: &[Fault] = &[
    ("no initramfs", "initramfs", Fail, "postinst.d/kdump-tools",
        Gone("/var/lib/kdump")),
    ("old initramfs", "initramfs", Warn, "postinst.d/kdump-tools",
        Do(|m| m.days_old(&capture(), 60))),
    ("no driver in it", "initramfs", Fail, "postinst.d/kdump-tools",
        Do(|m| m.put(&capture(), initramfs(&["lib/modules/6/xfs.ko"])))),
    ("no disk driver in it", "initramfs", Fail, "postinst.d/kdump-tools",
        Do(no_disk_driver)),
    ("graphics driver in it", "initramfs", Warn, "modprobe.blacklist=nouveau",
        Do(|m| m.put(&capture(), initramfs(&["a/ext4.ko", "a/nouveau.ko"])))),
    ("initramfs is garbage", "initramfs", Unknown, "",
        File("/var/lib/kdump/initrd.img-{}", "garbage that is no archive")),
    ("target on tmpfs", "dump-target", Fail, "kdump-tools",
        File("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\ntmpfs /var/crash tmpfs rw 0 0\n")),
    ("root not in fstab", "dump-target", Fail, "fstab",
        File("/etc/fstab", "# nothing\n")),
    ("target not in fstab", "dump-target", Fail, "/dev/vdb /var ext4",
        File("/proc/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /var ext4 rw 0 0\n")),
    ("target read-only", "dump-target", Fail, "kdump-tools",
        File("/proc/mounts", "/dev/vda1 / ext4 ro 0 0\n")),
    ("target is not there", "dump-target", Warn, "mkdir",
        Gone("/var/crash")),
    ("encrypted target", "dump-target", Warn, "not encrypted",
        Files(&[("/dev/vda1", ""), ("/sys/class/block/vda1/dm/uuid", "CRYPT-LUKS2-x\n")])),
    ("ssh without key", "dump-target", Fail, "propagate",
        File("/etc/default/kdump-tools", "USE_KDUMP=1\nSSH=\"a@b\"\nSSH_KEY=/root/.ssh/none\n")),
    ("no space", "dump-space", Fail, "room",
        File("/df", "x 1 1 1 1% /\n")),
    ("open directory", "dump-permissions", Warn, "chmod",
        Do(|m| m.dir("/var/crash", 0o755))),
    ("open dump", "dump-permissions", Warn, "chmod",
        Do(|m| m.dir("/var/crash", 0o1777).dir("/var/crash/1", 0o755).put("/var/crash/1/dump.1", "x"))),
    ("all of memory", "collector", Warn, "-d 31",
        File("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_NUM_DUMPS=1\nMAKEDUMP_ARGS=\"-c -d 1\"\n")),
    ("not compressed", "collector", Warn, "-c",
        File("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_NUM_DUMPS=1\nMAKEDUMP_ARGS=\"-d 31\"\n")),
    ("no makedumpfile", "makedumpfile", Fail, "install",
        Gone("/usr/bin/makedumpfile")),
    ("old makedumpfile", "makedumpfile", Warn, "newer",
        File("/usr/bin/makedumpfile", "\0makedumpfile: version 1.6.7 (released on 16 Jan 2020)\n")),
];

/// sysfs says that a virtio disk needs a module, and the initramfs has it not.
fn no_disk_driver(m: &Machine) -> &Machine {
    let pci = "/sys/devices/pci0000:00/0000:00:03.0";
    m.put(&format!("{pci}/virtio1/block/vda/vda1/size"), "1\n")
        .link("../../devices/pci0000:00/0000:00:03.0/virtio1/block/vda/vda1", "/sys/class/block/vda1")
        .link("../../../../bus/virtio/drivers/virtio_blk", &format!("{pci}/virtio1/driver"))
        .put("/sys/module/virtio_blk/refcnt", "1\n")
        .put("/sys/bus/virtio/drivers/virtio_blk/x", "")
        .link("../../../../module/virtio_blk", "/sys/bus/virtio/drivers/virtio_blk/module")
}

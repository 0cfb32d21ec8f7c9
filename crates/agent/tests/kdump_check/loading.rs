//! What keeps a capture kernel from being loaded.

use necropsy_agent::kdump::Status::{Fail, Warn};

use super::faults::What::{Do, File, Files, Gone};
use super::faults::{Fault, capture};
use super::support::initramfs;

#[rustfmt::skip] // A table.
pub const FAULTS: &[Fault] = &[
    ("no parameter", "crashkernel-parameter", Fail, "update-grub",
        Files(&[("/proc/cmdline", "root=/dev/vda1\n"), ("/boot/grub/grub.cfg", "linux /boot/vmlinuz-{} root=/dev/vda1\n")])),
    ("reboot pending", "crashkernel-parameter", Fail, "reboot",
        File("/proc/cmdline", "root=/dev/vda1\n")),
    ("gone at the next boot", "crashkernel-parameter", Warn, "update-grub",
        File("/boot/grub/grub.cfg", "linux /boot/vmlinuz-{} root=/dev/vda1\n")),
    ("auto", "crashkernel-parameter", Fail, "crashkernel=",
        File("/proc/cmdline", "crashkernel=auto\n")),
    ("range of larger machines", "crashkernel-parameter", Fail, "crashkernel=",
        File("/proc/cmdline", "crashkernel=8G-:256M\n")),
    ("nothing reserved", "reservation", Fail, "crashkernel=",
        File("/sys/kernel/kexec_crash_size", "0\n")),
    ("too little reserved", "reservation", Fail, "crashkernel=",
        File("/sys/kernel/kexec_crash_size", "33554432\n")),
    ("rather little reserved", "reservation", Warn, "crashkernel=",
        File("/sys/kernel/kexec_crash_size", "100663296\n")),
    ("large initramfs", "reservation", Fail, "crashkernel=",
        Do(|m| m.put(&capture(), [initramfs(&["a/ext4.ko"]), vec![0; 200 << 20]].concat()))),
    ("no /proc/vmcore", "kernel-config", Fail, "kernel",
        File("/boot/config-{}", "CONFIG_KEXEC=y\nCONFIG_CRASH_DUMP=y\n# CONFIG_PROC_VMCORE is not set\n")),
    ("no BTF", "kernel-config", Warn, "",
        File("/boot/config-{}", "CONFIG_KEXEC=y\nCONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\n")),
    ("not enabled", "service", Fail, "systemctl enable",
        Gone("/etc/systemd/system/multi-user.target.wants/kdump-tools.service")),
    ("masked", "service", Fail, "systemctl enable",
        Do(|m| m.link("/dev/null", "/etc/systemd/system/kdump-tools.service"))),
    ("switched off", "service", Fail, "USE_KDUMP=1",
        File("/etc/default/kdump-tools", "USE_KDUMP=0\n")),
    ("not installed", "service", Fail, "apt-get install",
        Do(|m| m.remove("/etc/default/kdump-tools").remove("/lib/systemd/system/kdump-tools.service"))),
    ("not loaded", "kernel-loaded", Fail, "kdump-config",
        File("/sys/kernel/kexec_crash_loaded", "0\n")),
    ("lockdown", "kernel-loaded", Fail, "kdump-config",
        Files(&[("/sys/kernel/kexec_crash_loaded", "0\n"), ("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")])),
];

//! Writes the files of a machine: shares nothing with what reads them.
#![allow(dead_code)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A machine's files.
pub struct Machine {
    pub dir: TempDir,
}

pub const RELEASE: &str = "6.1.0-56-amd64";

impl Machine {
    pub fn empty() -> Machine {
        Machine { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    pub fn put(&self, path: &str, data: impl AsRef<[u8]>) -> &Machine {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
        self
    }

    pub fn dir(&self, path: &str, mode: u32) -> &Machine {
        fs::create_dir_all(self.path(path)).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub fn link(&self, to: &str, path: &str) -> &Machine {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        symlink(to, self.path(path)).unwrap();
        self
    }

    pub fn remove(&self, path: &str) -> &Machine {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        self
    }

    /// Sets when a file was last changed: so many days ago.
    pub fn days_old(&self, path: &str, days: u64) -> &Machine {
        let when = std::time::SystemTime::now() - std::time::Duration::from_secs(days * 86_400);
        fs::File::options().write(true).open(self.path(path)).unwrap().set_modified(when).unwrap();
        self
    }

    /// What all distributions have in common, all as it should be.
    fn common(&self, memory_mib: u64, reserved_mib: u64) {
        self.put(
            "/proc/cmdline",
            format!(
                "BOOT_IMAGE=/boot/vmlinuz-{RELEASE} root=/dev/vda1 ro crashkernel={reserved_mib}M quiet\n"
            ),
        );
        self.put("/proc/sys/kernel/osrelease", format!("{RELEASE}\n"));
        let kib = (memory_mib - reserved_mib) * 1024;
        self.put(
            "/proc/meminfo",
            format!(
                "MemTotal: {kib} kB\nMemFree: {} kB\nBuffers: 1000 kB\nCached: {} kB\nAnonPages: {} kB\nSlab: 90000 kB\n",
                kib / 2, kib / 8, kib / 4
            ),
        );
        self.put("/proc/mounts", "/dev/vda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n");
        self.put(
            "/df",
            format!("Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/vda1 99 9 {} 9% /\n", kib),
        );
        self.put("/sys/kernel/kexec_crash_size", format!("{}\n", reserved_mib << 20));
        self.put("/sys/kernel/kexec_crash_loaded", "1\n");
        self.put("/sys/devices/system/cpu/online", "0-1\n").dir("/sys/class", 0o755);
        self.put("/sys/module/pstore/parameters/backend", "efi_pstore\n");
        let sysctls = [
            ("panic", 10),
            ("panic_on_oops", 1),
            ("unknown_nmi_panic", 1),
            ("panic_on_unrecovered_nmi", 1),
            ("hardlockup_panic", 1),
            ("softlockup_panic", 1),
            ("nmi_watchdog", 1),
            ("panic_on_warn", 0),
        ];
        for (n, v) in sysctls {
            self.put(&format!("/proc/sys/kernel/{n}"), format!("{v}\n"));
        }
        self.put(
            &format!("/boot/config-{RELEASE}"),
            "CONFIG_X86_64=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_RELOCATABLE=y\nCONFIG_DEBUG_INFO_BTF=y\n",
        );
        self.put(&format!("/boot/vmlinuz-{RELEASE}"), "x").days_old(&format!("/boot/vmlinuz-{RELEASE}"), 30);
        self.put(&format!("/lib/modules/{RELEASE}/modules.builtin"), "kernel/fs/exportfs/exportfs.ko\n");
        self.put("/etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n").days_old("/etc/fstab", 30);
        self.put("/usr/lib64/x", "").link("usr/lib64", "lib64").put("/usr/lib64/ld-linux-x86-64.so.2", "");
        self.put(
            "/usr/bin/makedumpfile",
            b"\x7fELF..\0makedumpfile: version 1.7.6 (released on 7 Oct 2024)\n\0",
        );
        self.put(&format!("/usr/lib/debug/boot/vmlinux-{RELEASE}"), "x");
        self.dir("/var/crash", 0o700);
        self.put(
            "/var/lib/necropsy/kdump-test.json",
            format!("{{\"time\":\"2099-01-01T00:00:00Z\",\"kernel\":\"{RELEASE}\",\"passed\":true}}"),
        );
    }

    /// A Debian machine that is ready.
    pub fn debian() -> Machine {
        let m = Machine::empty();
        m.common(4096, 192);
        m.put("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n");
        m.put("/etc/default/kdump-tools", "USE_KDUMP=1\nKDUMP_COREDIR=\"/var/crash\"\nKDUMP_NUM_DUMPS=3\nKDUMP_INITRD=/var/lib/kdump/initrd.img\n");
        m.put("/lib/systemd/system/kdump-tools.service", "[Unit]\n");
        m.link(
            "/lib/systemd/system/kdump-tools.service",
            "/etc/systemd/system/multi-user.target.wants/kdump-tools.service",
        );
        m.put(
            "/boot/grub/grub.cfg",
            format!("linux\t/boot/vmlinuz-{RELEASE} root=/dev/vda1 ro crashkernel=192M quiet\n"),
        );
        m.put(&format!("/var/lib/kdump/initrd.img-{RELEASE}"), initramfs(&["usr/lib/modules/6/ext4.ko"]));
        m
    }

    /// A RHEL machine that is ready.
    pub fn red_hat() -> Machine {
        let m = Machine::empty();
        m.common(4096, 256);
        m.put(
            "/etc/os-release",
            "PRETTY_NAME=\"Red Hat Enterprise Linux 9.4\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n",
        );
        // What kdump-utils installs, but for the comments.
        let conf = "auto_reset_crashkernel yes\npath /var/crash\ncore_collector makedumpfile -l --message-level 7 -d 31\n";
        m.put("/etc/kdump.conf", conf);
        m.put(
            "/etc/sysconfig/kdump",
            "KDUMP_KERNELVER=\"\"\nKDUMP_COMMANDLINE=\"\"\nKDUMP_COMMANDLINE_REMOVE=\"hugepages quiet\"\n\
             KDUMP_COMMANDLINE_APPEND=\"irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off\"\n\
             KEXEC_ARGS=\"-s\"\nKDUMP_IMG=\"vmlinuz\"\nKDUMP_IMG_EXT=\"\"\nVMCORE_CREATION_NOTIFICATION=\"yes\"\n",
        );
        m.days_old("/etc/kdump.conf", 30);
        m.put("/usr/lib/systemd/system/kdump.service", "[Unit]\n");
        m.link(
            "/usr/lib/systemd/system/kdump.service",
            "/etc/systemd/system/multi-user.target.wants/kdump.service",
        );
        let entry = format!(
            "title R\nversion {RELEASE}\nlinux /vmlinuz-{RELEASE}\noptions root=/dev/vda1 crashkernel=256M\n"
        );
        m.put("/boot/loader/entries/a.conf", entry);
        let files = ["usr/lib/modules/6/ext4.ko.xz", "usr/bin/makedumpfile"];
        m.put(&format!("/boot/initramfs-{RELEASE}kdump.img"), initramfs(&files));
        m.put("/df", "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/vda1 99 9 99999999 9% /\n");
        m
    }

    /// A SLES machine that is ready.
    pub fn suse() -> Machine {
        let m = Machine::empty();
        m.common(4096, 256);
        m.put(
            "/etc/os-release",
            "PRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP6\"\nID=\"sles\"\nID_LIKE=\"suse\"\n",
        );
        m.put(
            "/etc/sysconfig/kdump",
            // What kdump 2 installs, but for the comments, and one that keeps all dumps for ever.
            "KDUMP_KERNELVER=\"\"\nKDUMP_CPUS=1\nKDUMP_COMMANDLINE=\"\"\nKDUMP_COMMANDLINE_APPEND=\"\"\n\
             KDUMP_AUTO_RESIZE=\"false\"\nKEXEC_OPTIONS=\"\"\nKDUMP_IMMEDIATE_REBOOT=\"true\"\nKDUMP_TRANSFER=\"\"\n\
             KDUMP_SAVEDIR=\"/var/crash\"\nKDUMP_KEEP_OLD_DUMPS=5\nKDUMP_FREE_DISK_SIZE=64\nKDUMP_VERBOSE=0\n\
             KDUMP_DUMPLEVEL=31\nKDUMP_DUMPFORMAT=\"compressed\"\nKDUMP_CONTINUE_ON_ERROR=\"true\"\nKDUMP_NETCONFIG=\"auto\"\n",
        );
        m.days_old("/etc/sysconfig/kdump", 30);
        m.put("/usr/lib/systemd/system/kdump.service", "[Unit]\n");
        m.link(
            "/usr/lib/systemd/system/kdump.service",
            "/etc/systemd/system/multi-user.target.wants/kdump.service",
        );
        m.put(
            "/var/lib/kdump/initrd",
            initramfs(&["usr/lib/modules/6/ext4.ko.zst", "usr/sbin/makedumpfile"]),
        );
        m
    }
}

/// A cpio archive of files with nothing in them.
pub fn initramfs(names: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names.iter().chain(&["TRAILER!!!"]) {
        out.extend(b"070701");
        for i in 0..13 {
            let value = if i == 11 { name.len() + 1 } else { 0 };
            out.extend(format!("{value:08x}").bytes());
        }
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// A path of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

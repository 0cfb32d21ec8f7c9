//! Functions that call panic for one reason (3.10 to 7.x; the files are named at each group).

use crate::Class;

/// A function that calls panic for one reason.
pub struct Site {
    /// Its name.
    pub function: &'static str,
    /// The reason.
    pub class: Class,
    /// What it means, with nobody's name in it.
    pub what: &'static str,
    /// What to do next.
    pub advice: &'static str,
    /// Whether only the first process's death is meant.
    pub first_process: bool,
    /// Whether a person or a tool asked for it.
    pub requested: bool,
}

const fn site(class: Class, function: &'static str, what: &'static str, advice: &'static str) -> Site {
    Site { function, class, what, advice, first_process: false, requested: false }
}

const MEMORY: &str = "see what uses the memory: ps -G, kmem -i, log";
const ROOT: &str = "check root= on the command line, the driver of its disk and the initramfs: log";
const MACHINE: &str =
    "decode the machine check: log, rasdaemon, the firmware's log; replace the part that it names";
const FIRMWARE_LOG: &str =
    "look into the firmware's event log (ipmitool sel list), and replace what it names";
const CHECK_FS: &str = "check the file system offline (fsck), and the disk below it: log, smartctl";
const FED: &str = "find out why nobody fed the watchdog: bt -a, ps -m, the load before the end";

const OUT_OF_MEMORY: &str = "The kernel ran out of memory and had nothing to kill, or panic_on_oom is set";
const NO_ROOT: &str = "The root file system could not be mounted";
const UNCORRECTED: &str = "The hardware reported an error that it could not correct";
const BAD_FS: &str = "A file system found itself damaged, and is mounted so that it panics then";
const NOT_FED: &str = "A watchdog was not fed in time";

/// All of them.
pub const SITES: &[Site] = &[
    // mm/oom_kill.c
    site(Class::OutOfMemory, "out_of_memory", OUT_OF_MEMORY, MEMORY),
    site(
        Class::OutOfMemory,
        "check_panic_on_oom",
        "The kernel ran out of memory, and panic_on_oom is set",
        MEMORY,
    ),
    site(
        Class::OutOfMemory,
        "pagefault_out_of_memory",
        "The kernel ran out of memory while it handled a page fault",
        MEMORY,
    ),
    // init/do_mounts.c
    site(Class::NoRootFilesystem, "mount_block_root", NO_ROOT, ROOT),
    site(Class::NoRootFilesystem, "mount_root_generic", NO_ROOT, ROOT),
    site(Class::NoRootFilesystem, "mount_root", NO_ROOT, ROOT),
    site(Class::NoRootFilesystem, "prepare_namespace", NO_ROOT, ROOT),
    // init/main.c
    site(
        Class::NoInit,
        "kernel_init",
        "No first process could be started",
        "check init= and rdinit= on the command line, and what is on the root file system: log",
    ),
    // kernel/exit.c
    Site {
        first_process: true,
        ..site(
            Class::InitKilled,
            "do_exit",
            "The first process ended, which the kernel does not survive",
            "find out why it ended: its exit code, the log before",
        )
    },
    // arch/x86/kernel/cpu/mce/core.c
    site(Class::MachineCheck, "mce_panic", UNCORRECTED, MACHINE),
    site(Class::MachineCheck, "do_machine_check", UNCORRECTED, MACHINE),
    site(
        Class::MachineCheck,
        "mce_timed_out",
        "A CPU reported a machine check, and others did not answer in time",
        MACHINE,
    ),
    // drivers/acpi/apei/ghes.c, drivers/edac, arch/arm64/kernel/traps.c
    site(
        Class::HardwareError,
        "__ghes_panic",
        "The firmware reported a fatal error of the hardware",
        FIRMWARE_LOG,
    ),
    site(
        Class::HardwareError,
        "ghes_panic",
        "The firmware reported a fatal error of the hardware",
        FIRMWARE_LOG,
    ),
    site(
        Class::HardwareError,
        "edac_ue_error",
        "The memory controller found an error that it could not correct",
        FIRMWARE_LOG,
    ),
    site(
        Class::HardwareError,
        "edac_mc_handle_ue",
        "The memory controller found an error that it could not correct",
        FIRMWARE_LOG,
    ),
    site(
        Class::HardwareError,
        "edac_device_handle_ue_count",
        "A device found an error that it could not correct",
        FIRMWARE_LOG,
    ),
    site(
        Class::HardwareError,
        "edac_pci_do_parity_check",
        "The PCI bus reported a parity error",
        FIRMWARE_LOG,
    ),
    site(
        Class::HardwareError,
        "arm64_serror_panic",
        "The CPU reported an asynchronous error (SError)",
        FIRMWARE_LOG,
    ),
    // arch/x86/kernel/nmi.c
    site(Class::Nmi, "mem_parity_error", "The hardware reported a memory or bus error by NMI", FIRMWARE_LOG),
    site(Class::Nmi, "pci_serr_error", "The hardware reported a bus error by NMI", FIRMWARE_LOG),
    site(Class::Nmi, "io_check_error", "The hardware reported an I/O error by NMI", FIRMWARE_LOG),
    Site {
        requested: true,
        ..site(
            Class::Nmi,
            "unknown_nmi_error",
            "An NMI came that no part of the kernel had asked for, and the kernel was told to die of such (unknown_nmi_panic)",
            "find out who sent it: an NMI button, a management controller, a hypervisor's command; the firmware's event log",
        )
    },
    // drivers/watchdog, drivers/char/ipmi
    site(Class::WatchdogReset, "pretimeout_panic", NOT_FED, FED),
    site(Class::WatchdogReset, "softdog_fire", NOT_FED, FED),
    site(Class::WatchdogReset, "hpwdt_pretimeout", NOT_FED, FED),
    site(Class::WatchdogReset, "ipmi_wdog_pretimeout_handler", NOT_FED, FED),
    site(Class::WatchdogReset, "ipmi_nmi", NOT_FED, FED),
    // fs/*/super.c and the like
    site(Class::FilesystemError, "ext4_handle_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__ext4_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__ext4_error_inode", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__ext4_abort", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__ext4_std_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "ext2_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "f2fs_handle_critical_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__btrfs_panic", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__fat_fs_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "jfs_handle_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "__reiserfs_panic", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "ocfs2_handle_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "gfs2_withdraw", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "gfs2_lm_withdraw", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "nilfs_handle_error", BAD_FS, CHECK_FS),
    site(Class::FilesystemError, "ufs_panic", BAD_FS, CHECK_FS),
    // drivers/md
    site(
        Class::IoError,
        "verity_handle_err",
        "A verified disk gave data that its checksums do not fit",
        "replace the disk or its image: the data are damaged, or were changed",
    ),
    site(
        Class::IoError,
        "bch_cache_set_error",
        "A caching disk failed, and is set up to panic then",
        CHECK_FS,
    ),
    // fs/ocfs2/cluster/quorum.c
    Site {
        requested: true,
        ..site(
            Class::Fencing,
            "o2quo_fence_self",
            "The machine lost its cluster and shut itself out",
            "look at the cluster's network and its heartbeat disk: who else was alive, and what was slow",
        )
    },
];

//! Hardware, storage, boot, and those who asked for it.

use super::{Explanation, text};

const EDAC: &str = "edac drivers and rasdaemon: corrected errors are counted, per memory module";
const PSTORE: &str = "pstore (ramoops, efi): the last log survives a reset";

pub const TEXTS: &[Explanation] = &[
    text(
        "bit-flip",
        "One bit of memory is not as it was written: bad memory, the way to it, a CPU that miscalculates, or a stray bit operation.",
        "With exactly one bit flipped back the value fits: the neighbour in the list points back, the object is of the right kind, the code fits \
         its unwind table and jumps, or the kernel's file has it.",
        &[
            "test the memory (memtest86+)",
            "look at corrected errors before, and at other crashes of the same machine",
            "the same place on other machines means a stray set_bit()",
        ],
        &[EDAC, "CONFIG_KASAN, if a stray bit operation is suspected"],
    ),
    text(
        "machine-check",
        "The CPU reported an error of the hardware that it could not correct: in a cache, the memory, a bus, or itself.",
        "The kernel's own handler called the panic; what each CPU recorded (bank, status, address) is read from memory and decoded.",
        &[
            "decode the record for your CPU: rasdaemon, mcelog, the maker's tool",
            "look into the firmware's event log, and replace the part",
        ],
        &[EDAC, "BIOS: firmware-first error handling writes to its own log"],
    ),
    text(
        "hardware-error",
        "The firmware, a memory controller, a bus or the CPU reported a fatal error by other ways than a machine check.",
        "The function that is called for such reports only called the panic; the log's records before it are quoted.",
        &[
            "look into the firmware's event log (ipmitool sel list)",
            "replace the part that it names; update firmware",
        ],
        &[EDAC],
    ),
    text(
        "nmi",
        "An interrupt that cannot be masked came, and nothing in the kernel had asked for it: a button, a management controller, a hypervisor's \
         command, a watchdog, or an error of memory or bus.",
        "The handler of unknown or bad NMIs called the panic. With unknown_nmi_panic set, the dump counts as asked for.",
        &[
            "find out who sent it: the firmware's event log, the hypervisor's log",
            "if somebody wanted a dump of a hang: look at bt -a and ps -m",
        ],
        &["unknown_nmi_panic=1 is what made the dump"],
    ),
    text(
        "io-error",
        "A disk, its connection or its driver failed, and the kernel could not go on without.",
        "The function that gives up called the panic; errors in the log before are quoted.",
        &["look at the disk (smartctl), cables, paths and the server's log"],
        &["multipath, RAID", PSTORE],
    ),
    text(
        "filesystem-error",
        "A file system found its own data damaged. It is mounted so that the kernel panics then (errors=panic), or cannot do otherwise.",
        "The file system's error handler called the panic; its complaint, and errors of the disk before it, are quoted from the log.",
        &[
            "check the file system offline (fsck)",
            "look at the disk below: errors before mean that the disk is to blame",
        ],
        &[
            "errors=remount-ro instead of errors=panic goes on without writing",
            "dm-integrity, btrfs or ZFS checksums tell who damaged it",
        ],
    ),
    text(
        "device-failure",
        "A device stopped answering, left the bus or overheated, and its driver gave up.",
        "A device that is gone answers all ones: the address, length or comparison that the kernel died of follows exactly from such an answer of a \
         register, whose address leads to the device. A disk that was removed or is off line is marked so below the file system that panicked. What \
         PCI's error recovery left of a device, and the driver's last words in the log, add to it.",
        &["look at the device, its power, its firmware and its slot"],
        &["pcie_aspm=off, nvme_core.default_ps_max_latency_us=0, if it fails when it saves power"],
    ),
    text(
        "firmware-error",
        "The machine's firmware failed while the kernel used it, or gave it wrong tables.",
        "The exception was in memory that UEFI's table gives to its runtime services; or the interpreter of ACPI's methods made the access, for a \
         method that is named.",
        &["update the firmware"],
        &["efi=noruntime, if a call of UEFI's runtime services fails"],
    ),
    text(
        "watchdog-reset",
        "A watchdog was not fed in time, and its driver could still panic before the machine was reset.",
        "The watchdog's handler called the panic. Why nobody fed it is a second question: what the CPUs and the feeding process did is shown.",
        &[
            "look at the process that feeds it (systemd, watchdogd, sbd): bt PID",
            "look for what made the machine slow: ps -m, bt -a",
        ],
        &["a pretimeout governor of panic, so that there is a dump", PSTORE],
    ),
    text(
        "init-killed",
        "The first process of user space ended. Nothing can take its place, so the kernel ends too.",
        "The panic comes from the end of task 1; its exit code (status or signal) is read from memory, from its registers, or from the log.",
        &[
            "a signal: look at the program's own log, its libraries, and the memory and disk they came from",
            "a status: somebody's script or update made init exit",
        ],
        &["CONFIG_IKCONFIG and a console on a serial line, to see what init says last"],
    ),
    text(
        "no-root-filesystem",
        "The kernel could not mount the root file system: wrong root=, no driver for its disk, no initramfs, or a damaged file system.",
        "The functions that mount root called the panic; the command line and the disks that the kernel knows are in the log.",
        &[
            "check root= on the command line and whether an initramfs was loaded",
            "boot the previous kernel and make the initramfs anew",
        ],
        &["rootdelay=, rootwait, if the disk comes late"],
    ),
    text(
        "no-init",
        "There was a root file system, but no program on it could be started as the first process.",
        "The function that starts it called the panic; what it tried and why that failed is in the log.",
        &[
            "check init= and rdinit= on the command line",
            "check that the program, its interpreter and its libraries are there and for this CPU",
        ],
        &["init=/bin/sh, to look around"],
    ),
    text(
        "requested-crash",
        "Nobody died: a person or a tool asked for the dump (SysRq c, a test). Why they did is not in the panic.",
        "The stack of the task that panicked goes through the handler of that request. Hangs, memory and integrity are looked at all the same.",
        &["ask who did it, and what they saw: a hang? then look at ps -m and bt -a"],
        &["kernel.sysrq restricts who may"],
    ),
    text(
        "fencing",
        "The machine was shut out of its cluster, or shut itself out, because it had lost the others or was too slow to answer.",
        "The cluster's own function or program asked for the panic.",
        &[
            "look at the logs of the other machines, the cluster's network and heartbeat disk",
            "look for what made the machine slow",
        ],
        &["a dump before fencing (crashkernel=, fence_kdump)"],
    ),
];

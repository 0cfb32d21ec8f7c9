//! Disks and filesystems: what often comes before.

use super::Kind::Precursor;
use super::{Pattern, plain};

const IO: &str = "io-error";
const FS: &str = "filesystem-error";

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("nvme.timeout", IO, Precursor),
        "nvme ",
        r"^nvme (?P<dev>\S+): I/O (?:tag )?\d+ .*QID \d+ timeout",
        &[plain("nvme: I/O timeout on {dev}")],
        &[
            "nvme nvme0: I/O 12 QID 3 timeout, aborting",
            "nvme nvme0: I/O tag 12 (100c) opcode 0x2 (I/O Cmd) QID 3 timeout, reset controller",
        ],
    ),
    Pattern::new(
        ("nvme.down", "device-failure", Precursor),
        "nvme ",
        r"^nvme (?P<dev>\S+): (?:controller is down; will reset: CSTS=(?P<csts>0x[0-9a-f]+)|Disabling device after reset failure|Removing after probe failure|Device not ready; aborting)",
        &[plain("nvme: controller {dev} failed")],
        &[
            "nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10",
            "nvme nvme0: Removing after probe failure status: -19",
        ],
    ),
    Pattern::new(
        ("ext4", FS, Precursor),
        "-fs error (device",
        r"^EXT[234]-fs error \(device (?P<dev>[^)]+)\)(?::| in) ?(?P<what>.*)",
        &[plain("ext4 error on {dev}")],
        &["EXT4-fs error (device sda1): ext4_lookup:1612: inode #2: comm ls: deleted inode referenced: 12"],
    ),
    Pattern::new(
        ("ext4.panic", FS, Precursor),
        "-fs (device",
        r"^EXT[234]-fs \(device (?P<dev>[^)]+)\)(?::| in) ?(?P<what>.*)",
        &[plain("ext4 error on {dev}")],
        &["EXT4-fs (device sda1): panic forced after error"],
    ),
    Pattern::new(
        ("ext4.ro", FS, Precursor),
        "Remounting filesystem",
        r"^EXT[234]-fs \((?P<dev>[^)]+)\): Remounting filesystem read-only",
        &[plain("ext4 on {dev} remounted read-only")],
        &["EXT4-fs (sda1): Remounting filesystem read-only"],
    ),
    Pattern::new(
        ("xfs.down", FS, Precursor),
        "XFS (",
        r"^XFS \((?P<dev>[^)]+)\): (?:.*[Ss]hutting down filesystem|Metadata corruption detected at|Metadata I/O error|metadata I/O error|log I/O error|Internal error |Filesystem has been shut down)",
        &[plain("xfs error on {dev}")],
        &[
            "XFS (sda1): Metadata corruption detected at xfs_agi_verify+0x1/0x2 [xfs], xfs_agi block 0x2",
            "XFS (sda1): Log I/O Error (0x2) detected at xlog_ioend_work+0x1/0x2 (fs/xfs/xfs_log.c:1378).  Shutting down filesystem.",
        ],
    ),
    Pattern::new(
        ("btrfs", FS, Precursor),
        "BTRFS",
        r"^BTRFS(?:: | )(?:error|critical|panic|Transaction aborted)[ (]",
        &[plain("btrfs error")],
        &[
            "BTRFS error (device sda1): bdev /dev/sda1 errs: wr 1, rd 0, flush 0, corrupt 0, gen 0",
            "BTRFS: error (device sda1) in btrfs_commit_transaction:2332: errno=-5 IO failure",
        ],
    ),
    Pattern::new(
        ("f2fs", FS, Precursor),
        "F2FS-fs",
        r"^F2FS-fs \((?P<dev>[^)]+)\): .*(?:corrupt|inconsistent|Stopped filesystem|I/O error)",
        &[plain("f2fs error on {dev}")],
        &["F2FS-fs (sda1): Stopped filesystem due to reason: 3"],
    ),
    Pattern::new(
        ("blk.io", IO, Precursor),
        " error, dev ",
        r"^(?:blk_update_request: |print_req_error: |block )?(?P<what>critical (?:medium|target|space allocation|nexus) error|I/O error), dev (?P<dev>[^, ]+)",
        &[plain("{what} on {dev}")],
        &[
            "blk_update_request: I/O error, dev sda, sector 12345 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0",
            "critical medium error, dev sda, sector 12345 op 0x0:(READ) flags 0x0",
        ],
    ),
    Pattern::new(
        ("buf.io", IO, Precursor),
        "Buffer I/O error on dev",
        r"^Buffer I/O error on dev(?:ice)? (?P<dev>[^, ]+)",
        &[plain("buffer I/O error on {dev}")],
        &["Buffer I/O error on dev sda1, logical block 12, async page read"],
    ),
    Pattern::new(
        ("scsi.off", "device-failure", Precursor),
        "rejecting I/O to",
        r"^(?:sd|scsi) (?P<dev>\S+): (?:\[\w+\] )?rejecting I/O to (?:offline|dead) device",
        &[plain("scsi: device {dev} is offline")],
        &["sd 0:0:0:0: rejecting I/O to offline device", "sd 0:0:0:0: [sda] rejecting I/O to dead device"],
    ),
    Pattern::new(
        ("scsi.offlined", "device-failure", Precursor),
        "fflin",
        r"^(?:sd|scsi) (?P<dev>\S+): (?:.*Device offlined|.*Medium access timeout failure)",
        &[plain("scsi: device {dev} is offline")],
        &[
            "sd 0:0:0:0: Device offlined - not ready after error recovery",
            "sd 0:0:0:0: [sda] Medium access timeout failure. Offlining disk!",
        ],
    ),
    Pattern::new(
        ("jbd2", FS, Precursor),
        "Aborting journal",
        r"^Aborting journal on device (?P<dev>\S+)",
        &[plain("journal aborted on {dev}")],
        &["Aborting journal on device sda1-8."],
    ),
    Pattern::new(
        ("jbd2.err", FS, Precursor),
        "JBD2: ",
        r"^JBD2: (?:Detected IO errors|Error)",
        &[plain("journal I/O error")],
        &["JBD2: Detected IO errors while flushing file data on sda1-8"],
    ),
    Pattern::new(
        ("nfs", IO, Precursor),
        "nfs: server",
        r"^nfs: server (?P<dev>\S+) not responding",
        &[plain("nfs: server not responding")],
        &["nfs: server 10.0.0.1 not responding, still trying"],
    ),
];

//! Memory accesses that failed.

use super::Kind::{Cause, Detail};
use super::{Pattern, plain, title};
use crate::blame::PC_TRACE;

const NULL: &str = "BUG: unable to handle kernel NULL pointer dereference in {f}";
const PAGING: &str = "BUG: unable to handle kernel paging request in {f}";

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("pf.null.x86.old", "null-pointer-dereference", Cause),
        "unable to handle kernel NULL",
        r"^BUG: unable to handle kernel NULL pointer dereference(?: at +(?P<addr>\S+))?",
        &[title(NULL, &PC_TRACE)],
        &[
            "BUG: unable to handle kernel NULL pointer dereference at 0000000000000018",
            "BUG: unable to handle kernel NULL pointer dereference at           (null)",
        ],
    ),
    Pattern::new(
        ("pf.null.x86", "null-pointer-dereference", Cause),
        "NULL pointer dereference",
        r"^BUG: kernel NULL pointer dereference, address: (?P<addr>[0-9a-f]+)",
        &[title(NULL, &PC_TRACE)],
        &["BUG: kernel NULL pointer dereference, address: 0000000000000000"],
    ),
    Pattern::new(
        ("pf.x86.old", "wild-pointer-dereference", Cause),
        "unable to handle kernel paging",
        r"^BUG: unable to handle kernel paging request(?: at (?P<addr>[0-9a-f]+))?",
        &[title(PAGING, &PC_TRACE)],
        &["BUG: unable to handle kernel paging request at ffffc90000e00000"],
    ),
    Pattern::new(
        ("pf.x86", "wild-pointer-dereference", Cause),
        "unable to handle page fault",
        r"^BUG: unable to handle page fault for address: (?P<addr>[0-9a-f]+)",
        &[title(PAGING, &PC_TRACE)],
        &["BUG: unable to handle page fault for address: ffffc90000e00000"],
    ),
    Pattern::new(
        ("pf.half", "wild-pointer-dereference", Cause),
        "nable to handle kernel",
        r"^BUG: [uU]nable to handle kernel *$",
        &[plain("BUG: unable to handle kernel").broken()],
        &["BUG: unable to handle kernel"],
    ),
    Pattern::new(
        ("pf.generic.null", "null-pointer-dereference", Cause),
        "NULL pointer dereference",
        r"^(?:CPU \d+ )?Unable to handle kernel NULL pointer dereference(?: in a handler)?(?: when \w+)?(?: at virtual address (?P<addr>[0-9a-f]+))?",
        &[title(NULL, &PC_TRACE)],
        &[
            "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
            "Unable to handle kernel NULL pointer dereference at virtual address 00000008 when read",
        ],
    ),
    Pattern::new(
        ("pf.generic.user", "user-access-violation", Cause),
        "Unable to handle kernel access",
        r"^(?:CPU \d+ )?Unable to handle kernel access to user memory(?: without uaccess routines| outside uaccess routines)?(?: at virtual address (?P<addr>[0-9a-f]+))?",
        &[title("BUG: unable to handle kernel access to user memory in {f}", &PC_TRACE)],
        &[
            "Unable to handle kernel access to user memory outside uaccess routines at virtual address 0000000020000010",
        ],
    ),
    Pattern::new(
        ("pf.generic.exec", "nx-violation", Cause),
        "Unable to handle kernel exec",
        r"^(?:CPU \d+ )?Unable to handle kernel (?P<what>execute from .*?|execution of .*?)(?: at virtual address (?P<addr>[0-9a-f]+))?$",
        &[title("BUG: unable to handle kernel {what} in {f}", &PC_TRACE)],
        &["Unable to handle kernel execute from non-executable memory at virtual address ffff000008a0b000"],
    ),
    Pattern::new(
        ("pf.generic.write", "write-to-readonly", Cause),
        "Unable to handle kernel write to read-only",
        r"^(?:CPU \d+ )?Unable to handle kernel write to read-only memory(?: at virtual address (?P<addr>[0-9a-f]+))?",
        &[title("BUG: unable to handle kernel paging request in {f}", &PC_TRACE)],
        &["Unable to handle kernel write to read-only memory at virtual address ffff80001123c000"],
    ),
    Pattern::new(
        ("pf.s390", "wild-pointer-dereference", Cause),
        "Unable to handle kernel p",
        r"^Unable to handle kernel (?P<what>pointer dereference in virtual kernel address space|paging request in virtual user address space)",
        &[title(PAGING, &PC_TRACE)],
        &["Unable to handle kernel pointer dereference in virtual kernel address space"],
    ),
    Pattern::new(
        ("pf.ppc.old", "wild-pointer-dereference", Cause),
        "Unable to handle kernel paging",
        r"^Unable to handle kernel paging request for (?P<what>data|instruction fetch|unaligned access|unknown fault)(?: at address 0x(?P<addr>[0-9a-f]+))?",
        &[title(PAGING, &PC_TRACE)],
        &["Unable to handle kernel paging request for data at address 0x00000000"],
    ),
    Pattern::new(
        ("pf.generic", "wild-pointer-dereference", Cause),
        "Unable to handle kernel",
        r"^(?:CPU \d+ )?Unable to handle kernel (?P<what>paging request|access to .*?|read from .*?|write to .*?|unaligned .*?|[a-z].*?)(?: in a handler)?(?: when \w+)?(?: at virtual address (?P<addr>[0-9a-f]+)(?:, epc == .*)?(?: when \w+)?)?$",
        &[title(PAGING, &PC_TRACE)],
        &[
            "Unable to handle kernel paging request at virtual address dfff800000000005",
            "CPU 0 Unable to handle kernel paging request at virtual address 0000000000000010, epc == ffffffff80101234",
        ],
    ),
    Pattern::new(
        ("pf.ppc.null", "null-pointer-dereference", Cause),
        "Kernel NULL pointer dereference",
        r"^BUG: Kernel NULL pointer dereference(?: on \w+)?(?: at 0x(?P<addr>[0-9a-f]+))?",
        &[title(NULL, &PC_TRACE)],
        &["BUG: Kernel NULL pointer dereference on read at 0x00000010"],
    ),
    Pattern::new(
        ("pf.ppc", "wild-pointer-dereference", Cause),
        "BUG: Unable to handle",
        r"^BUG: Unable to handle (?:kernel (?:data access|instruction fetch|unaligned access|paging request)|unknown paging fault)(?: on \w+)?(?: at 0x(?P<addr>[0-9a-f]+))?",
        &[title(PAGING, &PC_TRACE)],
        &["BUG: Unable to handle kernel data access on read at 0xc00000800000beef"],
    ),
    Pattern::new(
        ("pf.nx", "nx-violation", Cause),
        "NX-protected page",
        r"^kernel tried to execute NX-protected page - exploit attempt\?",
        &[title(PAGING, &PC_TRACE)],
        &["kernel tried to execute NX-protected page - exploit attempt? (uid: 0)"],
    ),
    Pattern::new(
        ("pf.smep", "nx-violation", Cause),
        "unable to execute userspace code",
        r"^unable to execute userspace code \(SMEP\?\)",
        &[title(PAGING, &PC_TRACE)],
        &["unable to execute userspace code (SMEP?) (uid: 1000)"],
    ),
    Pattern::new(
        ("pf.ppc.user", "user-access-violation", Cause),
        "Kernel attempted to",
        r"^Kernel attempted to (?:read|write|execute|access) user page(?: \((?P<addr>[0-9a-f]+)\))?",
        &[title("BUG: unable to handle kernel access to user memory in {f}", &PC_TRACE)],
        &["Kernel attempted to read user page (18) - exploit attempt? (uid: 0)"],
    ),
    Pattern::new(
        ("pf.pagetable", "page-table-corruption", Cause),
        "Corrupted page table",
        r"^(?:\S+: )?Corrupted page table at address (?P<addr>[0-9a-f]+)",
        &[title("Corrupted page table in {f}", &PC_TRACE)],
        &["a.out: Corrupted page table at address 7f8a8c000000"],
    ),
    Pattern::new(
        ("pf.detail.x86", "wild-pointer-dereference", Detail),
        "#PF: ",
        r"^#PF: (?P<mode>supervisor|user) (?P<acc>read access|write access|instruction fetch) in (?P<in>kernel|user) mode",
        &[],
        &["#PF: supervisor write access in kernel mode"],
    ),
    Pattern::new(
        ("pf.detail.err", "wild-pointer-dereference", Detail),
        "#PF: ",
        r"^#PF: error_code\(0x(?P<ec>[0-9a-f]+)\) - (?P<why>.+)",
        &[],
        &["#PF: error_code(0x0002) - not-present page"],
    ),
    Pattern::new(
        ("pf.detail.arm64", "wild-pointer-dereference", Detail),
        "Mem abort info",
        r"^Mem abort info:",
        &[],
        &["Mem abort info:"],
    ),
    Pattern::new(
        ("gpf", "wild-pointer-dereference", Cause),
        "general protection fault",
        r"^(?:Oops: )?(?:segment-related )?general protection fault(?:, (?:[^:\[]*?0x(?P<addr>[0-9a-f]+)[^:\[]*?|[^:\[]*?))?(?::|\s*$)",
        &[title("general protection fault in {f}", &PC_TRACE)],
        &[
            "general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] PREEMPT SMP NOPTI",
            "general protection fault: 0000 [#1] SMP",
            "Oops: general protection fault, probably for non-canonical address 0xdffffc0000000000: 0000 [#1] SMP KASAN PTI",
            "Oops: segment-related general protection fault: 0010 [#1]",
        ],
    ),
    Pattern::new(
        ("kasan.gpf", "wild-pointer-dereference", Detail),
        "KASAN: ",
        r"^KASAN: (?P<what>null-ptr-deref|probably user-memory-access|maybe wild-memory-access|probably wild-memory-access) in range",
        &[],
        &["KASAN: null-ptr-deref in range [0x0000000000000000-0x0000000000000007]"],
    ),
    Pattern::new(
        ("kasan.gpf.old", "wild-pointer-dereference", Detail),
        "kasan: GPF",
        r"^kasan: GPF could be caused by NULL-ptr deref or user memory access",
        &[],
        &["kasan: GPF could be caused by NULL-ptr deref or user memory access"],
    ),
    Pattern::new(
        ("arm64.fault", "hardware-error", Cause),
        "Unhandled fault",
        r"^Unhandled fault:? (?P<what>.*?) ?\((?P<fsr>0x[0-9a-f]+)\) at (?P<addr>0x[0-9a-f]+)",
        &[title("Unhandled fault in {f}", &PC_TRACE)],
        &[
            "Unhandled fault: page domain fault (0x01b) at 0x00000e30",
            "Unhandled fault: imprecise external abort (0x1406) at 0x00000000",
            "Unhandled fault: synchronous external abort (0x96000010) at 0xffff800010d00000",
        ],
    ),
    Pattern::new(
        ("arm64.fault.bare", "hardware-error", Cause),
        "Unhandled fault",
        r"^Unhandled fault(?:: .*)?(?: at|$)",
        &[title("Unhandled fault in {f}", &PC_TRACE)],
        &["Unhandled fault at 0xffffffbffa000000"],
    ),
    Pattern::new(
        ("arm.alignment", "wild-pointer-dereference", Cause),
        "Alignment trap",
        r"^Alignment trap: ",
        &[title("Alignment trap in {f}", &PC_TRACE)],
        &["Alignment trap: not handling instruction e1913f9f at [<c0123456>]"],
    ),
    Pattern::new(
        ("vfs.uaf", "use-after-free", Cause),
        "VFS: Close: file count is",
        r"^VFS: Close: file count is (?:zero|0)",
        &[plain("VFS: Close: file count is zero (use-after-free)")],
        &["VFS: Close: file count is 0"],
    ),
    Pattern::new(
        ("vfs.busy", "use-after-free", Cause),
        "VFS: Busy inodes after unmount",
        r"^VFS: Busy inodes after unmount",
        &[plain("VFS: Busy inodes after unmount (use-after-free)")],
        &["VFS: Busy inodes after unmount of sda1 (ext4)"],
    ),
    Pattern::new(
        ("vfs.dentry", "use-after-free", Cause),
        "BUG: Dentry ",
        r"^BUG: Dentry .* still in use(?: \(-?\d+\))?(?: +\[(?P<what>\w+) of )?",
        &[plain("BUG: Dentry still in use in {what}")],
        &["BUG: Dentry ffff88807a8b1450{i=0,n=file0}  still in use (1) [unmount of ramfs ramfs]"],
    ),
    Pattern::new(
        ("unwind", "stack-buffer-overflow", Cause),
        "WARNING: kernel stack",
        r"^WARNING: kernel stack (?:(?P<what>regs) at .* in .* has bad '(?P<reg>[^']+)' value|frame pointer at .* in .* has bad value)",
        &[
            plain("WARNING: kernel stack regs has bad '{reg}' value")
                .with(r"kernel stack regs at [0-9a-f]+ in [^ ]* has bad '"),
            plain("WARNING: kernel stack frame pointer has bad value")
                .with(r"kernel stack frame pointer at [0-9a-f]+ in [^ ]* has bad value"),
            plain("WARNING: kernel stack regs has bad value"),
        ],
        &[
            "WARNING: kernel stack regs at ffff8801d100fea8 in syz:16059 has bad 'bp' value ffff8801d100ff28",
            "WARNING: kernel stack frame pointer at ffff88003e1f7f40 in migration/1:14 has bad value ffffffff85632fb0",
        ],
    ),
    Pattern::new(
        ("uaccess.extable", "user-access-violation", Detail),
        "GPF in user access",
        r"^.*GPF in user access at non-canonical address",
        &[],
        &["WARNING: GPF in user access at non-canonical address?"],
    ),
];

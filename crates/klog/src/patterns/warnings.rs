//! `WARN_ON` and what is told apart among them by the file or the function that warns.

use super::Kind::{Cause, Detail, Weak};
use super::{Pattern, plain, title};
use crate::blame::{KMALLOC, KOBJECT, ODEBUG, PROC, REFCOUNT, USB, USERCOPY_WARNING, WARNING, WARNING_LOCK};

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("warn.odebug", "use-after-free", Cause),
        "lib/debugobjects.c",
        r"^WARNING: .*lib/debugobjects\.c.* (?:debug_print|debug_check|at)",
        &[title("WARNING: ODEBUG bug in {f}", &ODEBUG)],
        &["WARNING: CPU: 0 PID: 1 at lib/debugobjects.c:291 debug_print_object+0x16a/0x210"],
    ),
    Pattern::new(
        ("warn.usercopy", "out-of-bounds-access", Cause),
        "mm/usercopy.c",
        r"^WARNING: .*mm/usercopy\.c.* (?:usercopy_warn|at)",
        &[title("WARNING: bad usercopy in {f}", &USERCOPY_WARNING)],
        &["WARNING: CPU: 0 PID: 1 at mm/usercopy.c:81 usercopy_warn+0x7e/0xa0"],
    ),
    Pattern::new(
        ("warn.kobject", "refcount-bug", Cause),
        "lib/kobject.c",
        r"^WARNING: .*lib/kobject\.c.* (?:kobject_|at)",
        &[title("WARNING: kobject bug in {f}", &KOBJECT)],
        &["WARNING: CPU: 0 PID: 1 at lib/kobject.c:244 kobject_add_internal+0x3f6/0xbc0"],
    ),
    Pattern::new(
        ("warn.proc", "warning", Cause),
        "fs/proc/generic.c",
        r"^WARNING: .*fs/proc/generic\.c.* (?:proc_register|at)",
        &[title("WARNING: proc registration bug in {f}", &PROC)],
        &["WARNING: CPU: 0 PID: 1 at fs/proc/generic.c:360 proc_register+0x34/0x700"],
    ),
    Pattern::new(
        ("warn.refcount", "refcount-bug", Cause),
        "lib/refcount.c",
        r"^WARNING: .*lib/refcount\.c.* (?:refcount_|at)",
        &[title("WARNING: refcount bug in {f}", &REFCOUNT)],
        &[
            "WARNING: CPU: 1 PID: 12 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110",
            "WARNING: lib/refcount.c:28 at refcount_warn_saturate+0xba/0x110, CPU#1: a.out/12",
        ],
    ),
    Pattern::new(
        ("warn.list", "list-corruption", Cause),
        "lib/list_debug.c",
        r"^WARNING: .*lib/list_debug\.c",
        &[title("WARNING in {f}", &WARNING)],
        &["WARNING: CPU: 1 PID: 12 at lib/list_debug.c:59 __list_del_entry_valid+0x8e/0xa0"],
    ),
    Pattern::new(
        ("warn.lockdep", "lock-misuse", Cause),
        "kernel/locking/lockdep.c",
        r"^WARNING: .*kernel/locking/lockdep\.c.*lock_",
        &[title("WARNING: locking bug in {f}", &WARNING_LOCK)],
        &["WARNING: CPU: 0 PID: 1 at kernel/locking/lockdep.c:704 register_lock_class+0x574/0x8e0"],
    ),
    Pattern::new(
        ("warn.kmalloc", "warning", Cause),
        "WARNING: ",
        r"^WARNING: .*mm/.*\.c.* k?.?malloc",
        &[title("WARNING: kmalloc bug in {f}", &KMALLOC)],
        &["WARNING: CPU: 0 PID: 1 at mm/slab_common.c:1012 kmalloc_slab+0x5d/0x70"],
    ),
    Pattern::new(
        ("warn.vmalloc", "warning", Cause),
        "mm/vmalloc.c",
        r"^WARNING: .*mm/vmalloc\.c.*__vmalloc_node",
        &[title("WARNING: zero-size vmalloc in {f}", &WARNING)],
        &["WARNING: CPU: 0 PID: 1 at mm/vmalloc.c:3000 __vmalloc_node_range+0xb5a/0xd50"],
    ),
    Pattern::new(
        ("warn.usb", "warning", Cause),
        " usb_submit_urb",
        r"^WARNING: .* usb_submit_urb",
        &[title("WARNING in {f}/usb_submit_urb", &USB)],
        &["WARNING: CPU: 0 PID: 1 at drivers/usb/core/urb.c:478 usb_submit_urb+0x1188/0x13c0"],
    ),
    Pattern::new(
        ("netdev.wd", "device-failure", super::Kind::Precursor),
        "NETDEV WATCHDOG",
        r"^NETDEV WATCHDOG: (?:CPU: \d+: )?(?P<dev>\S+) \((?P<drv>[^)]*)\): transmit queue (?P<q>\d+) timed out",
        &[plain("NETDEV WATCHDOG: {drv} transmit queue timed out")],
        &[
            "NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out",
            "NETDEV WATCHDOG: CPU: 1: eth0 (e1000e): transmit queue 0 timed out 5012 ms",
        ],
    ),
    Pattern::new(
        ("warn.cpu", "warning", Cause),
        "WARNING: CPU: ",
        r"^WARNING: CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) at (?P<where>\S+)(?: (?P<sym>\S+))?",
        &[title("WARNING in {f}", &WARNING)],
        &[
            "WARNING: CPU: 0 PID: 1 at kernel/workqueue.c:1500 __queue_work+0x200/0x3c0",
            "WARNING: CPU: 0 PID: 1 at foo+0x1/0x2 [bad_driver]",
        ],
    ),
    Pattern::new(
        ("warn.new", "warning", Cause),
        ", CPU#",
        r"^WARNING: (?:\[(?P<cond>.+?)\] )?(?:(?P<where>\S+:\d+) )?at (?P<sym>\S+)(?: \[[^\]]+\])?(?: \S+:\d+(?: \[inline\])?)?, CPU#(?P<cpu>\d+)(?:: (?P<comm>.*)/(?P<pid>\d+))?",
        &[title("WARNING in {f}", &WARNING)],
        &[
            "WARNING: kernel/workqueue.c:1500 at __queue_work+0x200/0x3c0, CPU#0: syz/12",
            "WARNING: [count < 0] kernel/x.c:15 at foo+0x2/0x3 [bad_driver], CPU#1: a b/12",
            "WARNING: fs/x.c:12 at 0x0, CPU#1: a.out/12",
            "WARNING: fs/x.c:12 at foo+0x2/0x3 fs/x.c:12, CPU#1: a.out/12",
        ],
    ),
    Pattern::new(
        ("warn.310", "warning", Cause),
        "WARNING: at ",
        r"^WARNING: at (?P<where>\S+:\d+) (?P<sym>\S+)",
        &[title("WARNING in {f}", &WARNING)],
        &["WARNING: at kernel/workqueue.c:1500 __queue_work+0x200/0x3c0()"],
    ),
    Pattern::new(
        ("warn.detail", "warning", Detail),
        "lockdep bugs",
        r"^DEBUG_LOCKS_WARN_ON\(",
        &[],
        &["DEBUG_LOCKS_WARN_ON(depth <= 0) lockdep bugs"],
    ),
    Pattern::new(
        ("netdev.ref", "refcount-bug", Weak),
        "unregister_netdevice: waiting",
        r"^unregister_netdevice: waiting for (?P<dev>\S+) to become free\. Usage count = (?P<n>-?\d+)",
        &[plain("unregister_netdevice: waiting for DEV to become free")],
        &["unregister_netdevice: waiting for lo to become free. Usage count = 2"],
    ),
    Pattern::new(
        ("fault.inject", "unknown", Detail),
        "FAULT_INJECTION",
        r"^FAULT_INJECTION: forcing a failure",
        &[],
        &["FAULT_INJECTION: forcing a failure."],
    ),
];

//! KASAN, KFENCE, KMSAN, KCSAN, UBSAN, kmemleak.

use super::Kind::Cause;
use super::{Pattern, plain, title};
use crate::blame::{INVALID_FREE, KASAN, KFENCE, KMSAN, KMSAN_USB, LEAK, UBSAN};

const KASAN_RW: &str = r"(?P<rw>Read|Write) (?:of size|at addr) [0-9a-f]+";

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("kasan.free", "double-free", Cause),
        "BUG: KASAN: ",
        r"^BUG: KASAN: (?P<what>double-free or invalid-free|double-free|invalid-free) in (?P<sym>\S+)",
        &[title("KASAN: invalid-free in {f}", &INVALID_FREE)],
        &[
            "BUG: KASAN: double-free or invalid-free in xt_free_table_info+0x5c/0x190",
            "BUG: KASAN: double-free in kfree+0x10/0x20",
            "BUG: KASAN: invalid-free in kfree+0x10/0x20",
        ],
    ),
    Pattern::new(
        ("kasan", "use-after-free", Cause),
        "BUG: KASAN: ",
        r"^BUG: KASAN: (?P<what>[a-z-]+(?: or [a-z-]+| with invalid size)?) in (?P<sym>\S+)",
        &[
            title("KASAN: {what} {rw} in {f}", &KASAN).with(KASAN_RW),
            title("KASAN: {what} in {f}", &KASAN).broken(),
        ],
        &[
            "BUG: KASAN: slab-use-after-free in copy_field+0x12/0x34 [netpkt]",
            "BUG: KASAN: use-after-free in foo+0x1/0x2",
            "BUG: KASAN: invalid-access in foo+0x1/0x2",
        ],
    ),
    Pattern::new(
        ("kasan.address", "use-after-free", Cause),
        "BUG: KASAN: ",
        r"^BUG: KASAN: (?P<what>[a-z-]+) on address",
        &[plain("KASAN: {what} {rw}").with(KASAN_RW), plain("KASAN: {what}").broken()],
        &["BUG: KASAN: null-ptr-deref on address 0000000000000008"],
    ),
    Pattern::new(
        ("kasan.rest", "use-after-free", Cause),
        "BUG: KASAN",
        r"^BUG: KASAN: *(?P<rest>.*)",
        &[plain("KASAN: {rest}").broken()],
        &["BUG: KASAN: slab-out-of-bounds at addr ffff8801c7f8d1b0"],
    ),
    Pattern::new(
        ("kasan.old", "use-after-free", Cause),
        "KASan: ",
        r"^(?:BUG: )?KASan: (?P<what>[a-z -]+?) in (?P<sym>\S+)",
        &[title("KASAN: {what} {rw} in {f}", &KASAN).with(KASAN_RW), title("KASAN: {what} in {f}", &KASAN)],
        &["BUG: KASan: use after free in foo+0x1/0x2 at addr ffff8800deadbeef"],
    ),
    Pattern::new(
        ("kfence.free", "double-free", Cause),
        "BUG: KFENCE: ",
        r"^BUG: KFENCE: invalid free in (?P<sym>\S+)",
        &[title("KFENCE: invalid free in {f}", &KFENCE)],
        &["BUG: KFENCE: invalid free in test_double_free+0x1b7/0x310"],
    ),
    Pattern::new(
        ("kfence", "use-after-free", Cause),
        "BUG: KFENCE: ",
        r"^BUG: KFENCE: (?P<what>out-of-bounds(?: read| write)?|use-after-free(?: read| write)?|invalid(?: read| write)?|memory corruption) in (?P<sym>\S+)",
        &[title("KFENCE: {what} in {f}", &KFENCE)],
        &[
            "BUG: KFENCE: use-after-free read in find_uprobe+0x1/0x2",
            "BUG: KFENCE: memory corruption in foo+0x1/0x2",
        ],
    ),
    Pattern::new(
        ("kmsan.usb", "uninitialised-use", Cause),
        "BUG: KMSAN: kernel-usb",
        r"^BUG: KMSAN: kernel-usb-infoleak in (?P<sym>\S+)",
        &[title("KMSAN: kernel-usb-infoleak in {f}", &KMSAN_USB)],
        &["BUG: KMSAN: kernel-usb-infoleak in usb_submit_urb+0x7ef/0x1f50"],
    ),
    Pattern::new(
        ("kmsan", "uninitialised-use", Cause),
        "BUG: KMSAN: ",
        r"^BUG: KMSAN: (?P<what>[a-z-]+) in (?P<sym>\S+)",
        &[title("KMSAN: {what} in {f}", &KMSAN)],
        &["BUG: KMSAN: uninit-value in ppp_send_frame+0x28d/0x27c0"],
    ),
    Pattern::new(
        ("kcsan", "data-race", Cause),
        "BUG: KCSAN: ",
        r"^BUG: KCSAN: (?P<what>(?:data-race|assert: race) in .+)",
        &[plain("KCSAN: {what}")],
        &[
            "BUG: KCSAN: data-race in do_one / do_other",
            "BUG: KCSAN: assert: race in dequeue_entities+0x6df/0x760",
        ],
    ),
    Pattern::new(
        ("ubsan.old", "undefined-behaviour", Cause),
        "UBSAN: ",
        r"^UBSAN: Undefined behaviour in (?P<where>\S+)",
        &[title("UBSAN: undefined-behaviour in {f}", &UBSAN)],
        &["UBSAN: Undefined behaviour in drivers/usb/core/devio.c:1713:25"],
    ),
    Pattern::new(
        ("ubsan.bounds", "out-of-bounds-access", Cause),
        "UBSAN: ",
        r"^UBSAN: array-index-out-of-bounds in (?P<where>\S+)",
        &[title("UBSAN: array-index-out-of-bounds in {f}", &UBSAN)],
        &["UBSAN: array-index-out-of-bounds in arch/x86/kernel/uprobes.c:263:56"],
    ),
    Pattern::new(
        ("ubsan", "undefined-behaviour", Cause),
        "UBSAN: ",
        r"^(?:Internal error: )?UBSAN: (?P<what>[a-z][a-z -]*?)(?: in (?P<where>\S+)|: )",
        &[title("UBSAN: {what} in {f}", &UBSAN)],
        &[
            "UBSAN: shift-out-of-bounds in fs/f2fs/super.c:2847:28",
            "Internal error: UBSAN: integer subtraction overflow: 00000000f2005515 [#1] SMP",
        ],
    ),
    Pattern::new(
        ("kmemleak", "memory-leak", Cause),
        "memory leak",
        r"^BUG: memory leak",
        &[title("memory leak in {f}", &LEAK)],
        &["BUG: memory leak"],
    ),
    Pattern::new(
        ("kmemleak.object", "memory-leak", Cause),
        "unreferenced object",
        r"^(?:kmemleak: )?unreferenced object 0x",
        &[title("memory leak in {f}", &LEAK)],
        &["unreferenced object 0xffff8800342540c0 (size 1864):"],
    ),
    Pattern::new(
        ("kmemleak.count", "memory-leak", super::Kind::Weak),
        "new suspected memory leaks",
        r"^kmemleak: \d+ new suspected memory leaks",
        &[plain("memory leak")],
        &["kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"],
    ),
];

//! Memory that ran out.

use super::Kind::{Context, Detail, Link, Weak};
use super::{Pattern, plain};

const OOM: &str = "out-of-memory";

pub static PATTERNS: &[Pattern] = &[
    Pattern::new(
        ("oom", OOM, Weak),
        " invoked oom-killer",
        r"^(?P<comm>.+) invoked oom-killer: gfp_mask=(?P<gfp>0x[0-9a-f]+)(?:\((?P<flags>[^)]*)\))?,.*order=(?P<order>-?\d+)",
        &[
            plain("INFO: out of memory: {victim} killed")
                .with(r"Kill(?:ed)? process \d+ \((?P<victim>.*?)\)"),
            plain("INFO: out of memory, invoked by {comm}"),
        ],
        &[
            "memhog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0",
            "memhog invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0",
        ],
    ),
    Pattern::new(
        ("oom.kv", OOM, Detail),
        "oom-kill:constraint=",
        r"^oom-kill:constraint=(?P<c>\w+),",
        &[],
        &[
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=memhog,pid=1530,uid=0",
        ],
    ),
    Pattern::new(
        ("oom.kill", OOM, Link),
        "ut of memory",
        r"^(?P<kind>Out of memory|Memory cgroup out of memory|Out of memory \(oom_kill_allocating_task\)): Kill(?:ed)? process (?P<pid>\d+) \((?P<comm>.*?)\)",
        &[plain("INFO: out of memory: {comm} killed")],
        &[
            "Out of memory: Killed process 1530 (memhog) total-vm:181776kB, anon-rss:150000kB, file-rss:4kB",
            "Memory cgroup out of memory: Killed process 1530 (memhog) total-vm:181776kB",
            "Out of memory: Kill process 1530 (memhog) score 905 or sacrifice child",
        ],
    ),
    Pattern::new(
        ("oom.none", OOM, Link),
        "no killable processes",
        r"^(?:Kernel panic - not syncing: )?Out of memory and no killable processes",
        &[plain("kernel panic: out of memory and no killable processes")],
        &["Out of memory and no killable processes..."],
    ),
    Pattern::new(
        ("alloc", OOM, Weak),
        ": page allocation ",
        r"^(?P<comm>.+): page allocation (?P<what>failure|stall for \d+ secs|stalls for \d+ms)[.:,] ?order:(?P<order>\d+)",
        &[plain("page allocation failure: order {order}")],
        &[
            "kworker/0:1: page allocation failure: order:4, mode:0x40820(GFP_ATOMIC|__GFP_COMP), nodemask=(null)",
            "dd: page allocation stalls for 10012ms, order:0, mode:0x1",
            "dd: page allocation stall for 10 secs: order:0",
        ],
    ),
    Pattern::new(
        ("vmalloc", OOM, Weak),
        ": vmalloc",
        r"^(?P<comm>.+): vmalloc(?: error)?: (?:allocation failure|size \d+)",
        &[plain("vmalloc allocation failure")],
        &[
            "modprobe: vmalloc: allocation failure: 1052672 bytes",
            "a.out: vmalloc error: size 4096, page order 0, failed",
        ],
    ),
    Pattern::new(
        ("oom.reaped", OOM, Context),
        "oom_reaper: reaped",
        r"^oom_reaper: reaped process (?P<pid>\d+) \((?P<comm>.*?)\)",
        &[],
        &["oom_reaper: reaped process 1530 (memhog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"],
    ),
];

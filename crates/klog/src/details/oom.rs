//! The numbers of an OOM kill.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// What the kernel printed when it ran out of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Oom {
    /// Which limit was reached: `NONE` is the whole machine, `MEMCG` a control group.
    pub constraint: Option<String>,
    /// The control group.
    pub memcg: Option<String>,
    /// Log2 of the pages wanted.
    pub order: Option<i32>,
    /// The allocation's flags.
    pub gfp: Option<String>,
    /// The process that was killed.
    pub victim: Option<String>,
    /// Its ID.
    pub victim_pid: Option<i64>,
    /// `total-vm`, `anon-rss` … of the victim, in kB.
    pub victim_kb: BTreeMap<String, u64>,
    /// `active_anon`, `slab_unreclaimable` … of the machine, in pages.
    pub pages: BTreeMap<String, u64>,
    /// The biggest processes, by resident pages.
    pub tasks: Vec<OomTask>,
}

/// A process of the kernel's table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OomTask {
    /// Its ID.
    pub pid: i64,
    /// Its name.
    pub comm: String,
    /// Pages of its address space.
    pub total_vm: u64,
    /// Resident pages.
    pub rss: u64,
}

/// How lines begin that count the machine's pages.
const COUNTS: &[&str] =
    &["active_anon:", "active_file:", "unevictable:", "slab_reclaimable:", "mapped:", "free:"];

/// How many processes are kept.
const TASKS: usize = 10;

/// Reads a line of the report.
pub(super) fn read(oom: &mut Option<Oom>, text: &str) {
    if let Some((_, rest)) = text.split_once(" invoked oom-killer: ") {
        let o = oom.get_or_insert_default();
        o.gfp = after(rest, "gfp_mask=").map(str::to_owned);
        o.order = after(rest, "order=").and_then(|v| v.parse().ok());
    }
    let Some(o) = oom else { return };
    if let Some(rest) = text.strip_prefix("oom-kill:") {
        o.constraint = after(rest, "constraint=").map(|c| c.trim_start_matches("CONSTRAINT_").to_owned());
        o.memcg = after(rest, "oom_memcg=").or(after(rest, "task_memcg=")).map(str::to_owned);
    } else if let Some(rest) =
        text.split_once("ill process ").or(text.split_once("illed process ")).map(|(_, r)| r)
    {
        victim(o, rest);
    } else if COUNTS.iter().any(|c| text.trim_start().starts_with(c)) {
        numbers(o, text);
    } else if text.starts_with('[') {
        task(o, text);
    }
}

fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_once(key)?.1.split([',', ' ']).next()
}

fn victim(o: &mut Oom, rest: &str) {
    let Some((pid, tail)) = rest.split_once(" (") else { return };
    o.victim_pid = pid.parse().ok();
    let Some((comm, numbers)) = tail.split_once(')') else { return };
    o.victim = Some(comm.to_owned());
    for part in numbers.split([' ', ',']).filter_map(|p| p.split_once(':')) {
        if let Some(kb) = part.1.strip_suffix("kB").and_then(|n| n.parse().ok()) {
            o.victim_kb.insert(part.0.to_owned(), kb);
        }
    }
}

fn numbers(o: &mut Oom, text: &str) {
    for (name, value) in text.split_ascii_whitespace().filter_map(|p| p.split_once(':')) {
        if let Some(n) = value.parse().ok().filter(|_| o.pages.len() < 64) {
            o.pages.entry(name.to_owned()).or_insert(n);
        }
    }
}

/// `[   1530]     0  1530    45444    37500 …             0 memhog`: pid, uid, tgid, total_vm, rss … name.
fn task(o: &mut Oom, text: &str) {
    let Some((pid, rest)) = text[1..].split_once(']') else { return };
    let Ok(pid) = pid.trim().parse() else { return };
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (Some(vm), Some(rss), Some(comm)) = (number(&words, 2), number(&words, 3), words.last()) else {
        return;
    };
    if words.len() < 7 {
        return;
    }
    o.tasks.push(OomTask { pid, comm: (*comm).to_owned(), total_vm: vm, rss });
    o.tasks.sort_by_key(|t| std::cmp::Reverse(t.rss));
    o.tasks.truncate(TASKS);
}

fn number(words: &[&str], at: usize) -> Option<u64> {
    words.get(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_become_numbers() {
        let mut oom = None;
        for line in [
            "memhog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO), order=0, oom_score_adj=0",
            "active_anon:12 inactive_anon:34567 isolated_anon:0",
            " slab_reclaimable:3000 slab_unreclaimable:4000",
            "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
            "[    123]     0   123     5000      900    65536        0             0 init",
            "[   1530]     0  1530    45444    37500   360448        0             0 memhog",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a/b,task=memhog,pid=1530,uid=0",
            "Memory cgroup out of memory: Killed process 1530 (memhog) total-vm:181776kB, anon-rss:150000kB, file-rss:4kB",
        ] {
            read(&mut oom, line);
        }
        let o = oom.unwrap();
        assert_eq!(
            (o.constraint.as_deref(), o.memcg.as_deref(), o.order),
            (Some("MEMCG"), Some("/a"), Some(0))
        );
        assert_eq!((o.pages["inactive_anon"], o.pages["slab_unreclaimable"]), (34567, 4000));
        assert_eq!(
            (o.tasks[0].comm.as_str(), o.tasks[0].rss, o.victim_kb["anon-rss"]),
            ("memhog", 37500, 150_000)
        );
    }
}

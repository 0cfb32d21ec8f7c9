//! The lines that mean something: one file per family, one entry per kind of line, with real example lines.
//!
//! A new pattern is one entry in the family's table. The tests check that its key is in every line that it matches, that
//! each example is matched by it before any other, and that its class is one of the contract.

mod boot;
mod corruption;
mod exceptions;
mod faults;
mod hardware;
mod locks;
mod lockups;
mod oom;
mod panics;
mod sanitizers;
mod storage;
mod warnings;

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Captures;

use crate::blame::Blame;

/// What a line is to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Begins a report of something that may have been the first to go wrong.
    Cause,
    /// The same, but it explains a crash only where nothing better does.
    Weak,
    /// What the kernel prints on the way down: belongs to the report before it; begins one only where that is missing.
    Link,
    /// A line within a report that says more about it.
    Detail,
    /// A sign of trouble before a crash: a report of one line.
    Precursor,
    /// Worth knowing.
    Context,
    /// What the kernel did about it.
    Response,
}

/// How a report gets its title. `{name}` stands for what a group of the pattern or of `body` caught, `{f}` for the function
/// to blame.
pub struct Title {
    /// This must be found in the report's lines, if it is not empty; its groups may be used.
    pub body: &'static str,
    /// The title.
    pub text: &'static str,
    /// How the function is found.
    pub blame: Option<&'static Blame>,
    /// A report with this title has lost a part that matters.
    pub broken: bool,
}

/// One kind of line.
pub struct Pattern {
    /// Its name.
    pub id: &'static str,
    /// Every line that matches has this in it.
    pub key: &'static str,
    /// What the message looks like, from its first byte.
    pub re: &'static str,
    /// A class of the contract.
    pub class: &'static str,
    /// What it is to a report.
    pub kind: Kind,
    /// Titles; the first that fits counts. None: the message itself.
    pub titles: &'static [Title],
    /// Real lines.
    pub examples: &'static [&'static str],
}

/// The title, and where the function comes from.
const fn title(text: &'static str, blame: &'static Blame) -> Title {
    Title { body: "", text, blame: Some(blame), broken: false }
}

/// A title without a function.
const fn plain(text: &'static str) -> Title {
    Title { body: "", text, blame: None, broken: false }
}

impl Title {
    /// Only where this is found in the lines.
    const fn with(mut self, body: &'static str) -> Title {
        self.body = body;
        self
    }
    /// A report that fits only this has lost something.
    const fn broken(mut self) -> Title {
        self.broken = true;
        self
    }
}

impl Pattern {
    const fn new(
        (id, class, kind): (&'static str, &'static str, Kind),
        key: &'static str,
        re: &'static str,
        titles: &'static [Title],
        examples: &'static [&'static str],
    ) -> Pattern {
        Pattern { id, key, re, class, kind, titles, examples }
    }

    /// What the message's parts are, if it is of this kind.
    pub fn captures<'a>(&'static self, message: &'a str) -> Option<Captures<'a>> {
        crate::cached::regex(self.re)?.captures(message.trim_start())
    }
}

/// The families, in the order in which their patterns are tried.
static FAMILIES: &[&[Pattern]] = &[
    sanitizers::PATTERNS,
    corruption::PATTERNS,
    faults::PATTERNS,
    exceptions::PATTERNS,
    lockups::PATTERNS,
    locks::PATTERNS,
    warnings::PATTERNS,
    oom::PATTERNS,
    hardware::PATTERNS,
    storage::PATTERNS,
    panics::PATTERNS,
    boot::PATTERNS,
];

/// All patterns, in the order in which they are tried.
pub static PATTERNS: LazyLock<Vec<&'static Pattern>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|f| f.iter()).collect());

/// Finds lines that may match, and says which pattern they do.
pub struct Matcher {
    /// The keys are few and short: an automaton of them is never too large to build.
    keys: Option<AhoCorasick>,
    /// Those keys that are in no other: enough to know whether a text has any.
    fast: Option<AhoCorasick>,
    /// For each key, the patterns that have it.
    patterns: Vec<Vec<usize>>,
}

/// How messages begin that are known even behind other text.
const HEADS: &[&str] = &[
    "BUG: ",
    "WARNING: CPU: ",
    "kernel BUG at ",
    "Kernel panic - not syncing",
    "general protection fault",
    "divide error: ",
    "Unable to handle kernel",
    "INFO: task ",
    "INFO: rcu_",
    "UBSAN: ",
];
/// Kinds of messages whose form is so much their own that they count even there.
const GLUED: &[&str] = &[
    "pf.",
    "gpf",
    "kasan",
    "kmsan",
    "kfence",
    "bug.at",
    "list.bug",
    "usercopy.bug",
    "warn.cpu",
    "panic",
    "divide",
    "soft",
    "hung",
    "rcu.self",
    "rcu.other",
    "atomic.",
    "ubsan",
];

/// The one for [`PATTERNS`].
pub static MATCHER: LazyLock<Matcher> = LazyLock::new(Matcher::new);

impl Matcher {
    fn new() -> Matcher {
        let mut keys: Vec<&str> = PATTERNS.iter().map(|p| p.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let having = |key: &&str| (0..PATTERNS.len()).filter(|i| PATTERNS[*i].key == *key).collect();
        let patterns = keys.iter().map(having).collect();
        let least = keys.iter().filter(|k| !keys.iter().any(|other| other != *k && k.contains(other)));
        let fast = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(least).ok();
        Matcher { fast, keys: AhoCorasick::new(&keys).ok(), patterns }
    }

    /// Where in some text the first key stands.
    pub fn first(&self, text: &[u8]) -> Option<usize> {
        self.fast.as_ref()?.find(text).map(|m| m.start())
    }

    /// The pattern that a message (a line without its prefixes) is of, and where it begins: other text may stand before it
    /// where lines were glued together.
    pub fn find_within(&self, message: &str) -> Option<(&'static Pattern, usize)> {
        let plain = self.find(message).map(|(pattern, _)| (pattern, 0));
        if plain.is_some_and(|(p, _)| p.kind != Kind::Detail) {
            return plain;
        }
        self.glued(message).or(plain)
    }

    fn glued(&self, message: &str) -> Option<(&'static Pattern, usize)> {
        self.first(message.as_bytes())?;
        let starts = HEADS.iter().filter_map(|h| message.find(h).filter(|at| *at > 0));
        let free = starts.filter(|at| !message[..*at].contains(['"', '\'', '`']));
        free.filter_map(|at| Some((self.find(&message[at..])?.0, at)))
            .find(|(p, _)| GLUED.iter().any(|g| p.id.starts_with(g)))
    }

    /// The same, only at the message's beginning.
    pub fn find<'a>(&self, message: &'a str) -> Option<(&'static Pattern, Captures<'a>)> {
        let keys = self.keys.as_ref()?;
        let mut wanted: Vec<usize> =
            keys.find_overlapping_iter(message).flat_map(|m| &self.patterns[m.pattern()]).copied().collect();
        if wanted.is_empty() {
            return None;
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().find_map(|i| Some((PATTERNS[i], PATTERNS[i].captures(message)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slugs of the contract.
    const CLASSES: &str = "null-pointer-dereference null-function-call wild-pointer-dereference use-after-free \
        error-pointer-dereference user-access-violation nx-violation write-to-readonly page-table-corruption \
        stack-buffer-overflow kernel-stack-overflow slab-overflow slab-corruption double-free list-corruption page-corruption \
        refcount-bug text-corruption uninitialised-use out-of-bounds-access data-race divide-error invalid-opcode double-fault \
        control-flow-violation undefined-behaviour bug-assertion warning deadlock soft-lockup hard-lockup hung-task rcu-stall \
        workqueue-stall sleep-in-atomic lock-misuse irq-storm out-of-memory memory-leak fd-leak bit-flip machine-check \
        hardware-error nmi io-error filesystem-error device-failure firmware-error watchdog-reset init-killed \
        no-root-filesystem no-init requested-crash fencing unknown";

    #[test]
    fn every_pattern_has_examples_that_it_is_the_first_to_match() {
        for p in PATTERNS.iter() {
            assert!(crate::cached::regex(p.re).is_some(), "{} is no expression", p.id);
            assert!(!p.examples.is_empty(), "{} has no example", p.id);
            for line in p.examples {
                assert!(line.contains(p.key), "{}: {line} has no {:?}", p.id, p.key);
                assert_eq!(MATCHER.find(line).map(|(q, _)| q.id), Some(p.id), "{line}");
            }
        }
    }

    #[test]
    fn classes_names_and_titles_are_sound() {
        let mut ids: Vec<&str> = PATTERNS.iter().map(|p| p.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|w| w[0] != w[1]), "two patterns have the same name");
        for p in PATTERNS.iter() {
            assert!(
                CLASSES.split_ascii_whitespace().any(|c| c == p.class),
                "{}: {} is no class",
                p.id,
                p.class
            );
            let begins = matches!(p.kind, Kind::Cause | Kind::Weak | Kind::Precursor);
            assert!(!begins || !p.titles.is_empty(), "{} begins reports and gives them no title", p.id);
            for title in p.titles {
                assert!(title.body.is_empty() || crate::cached::regex(title.body).is_some(), "{}", p.id);
            }
        }
    }

    #[test]
    fn keys_are_rare_in_logs_of_sound_machines() {
        let sound = [
            "e1000e: eth0 NIC Link is Up 1000 Mbps Full Duplex",
            "systemd[1]: Started Journal Service.",
            "usb 1-1: new high-speed USB device number 2 using xhci_hcd",
            "audit: type=1400 audit(1.2:3): apparmor=\"STATUS\"",
            "EXT4-fs (sda1): mounted filesystem with ordered data mode",
            "workqueue: round-robin CPU selection forced",
        ];
        assert!(sound.iter().all(|l| MATCHER.first(l.as_bytes()).is_none()));
    }
}

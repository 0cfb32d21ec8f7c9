//! The lines that mean something: one file per family, one entry per kind of line, with real example lines.
//!
//! A new pattern is one entry in the family's table. The tests check that its key is in every line that it matches, that
//! each example is matched by it before any other, and that its class is one of the contract.

mod boot;
mod corruption;
mod exceptions;
mod faults;
mod hardware;
mod lockups;
mod locks;
mod oom;
mod panics;
mod sanitizers;
mod storage;
mod warnings;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
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
        crate::cached::regex(self.re)?.captures(message)
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
    /// For each key, the patterns that have it.
    patterns: Vec<Vec<usize>>,
}

/// The one for [`PATTERNS`].
pub static MATCHER: LazyLock<Matcher> = LazyLock::new(Matcher::new);

impl Matcher {
    fn new() -> Matcher {
        let mut keys: Vec<&str> = PATTERNS.iter().map(|p| p.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let having = |key: &&str| (0..PATTERNS.len()).filter(|i| PATTERNS[*i].key == *key).collect();
        let patterns = keys.iter().map(having).collect();
        Matcher { keys: AhoCorasick::new(&keys).ok(), patterns }
    }

    /// Where in some text the first key stands.
    pub fn first(&self, text: &[u8]) -> Option<usize> {
        self.keys.as_ref()?.find(text).map(|m| m.start())
    }

    /// The pattern that a message (a line without its prefixes) is of.
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

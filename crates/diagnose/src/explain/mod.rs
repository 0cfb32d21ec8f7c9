//! What each class means, how it is proved, what to do, and which options of a kernel would have caught it earlier.

mod behaviour;
mod memory;
mod platform;
mod time;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{DETECTIVES, Detective};

/// What is to be said about a class.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Explanation {
    /// Its slug.
    pub class: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// How it is proved.
    pub proof: &'static str,
    /// What to do, in order.
    pub next: &'static [&'static str],
    /// Options of a kernel that catch it earlier, or say more about it; what they cost is the reader's to judge.
    pub catch: &'static [&'static str],
}

const fn text(
    class: &'static str,
    meaning: &'static str,
    proof: &'static str,
    next: &'static [&'static str],
    catch: &'static [&'static str],
) -> Explanation {
    Explanation { class, meaning, proof, next, catch }
}

/// What the JSON of `explain` looks like: an explanation, or a list of all.
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Answer>().to_value()
}

/// What `explain` answers.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)] // only its schema is wanted
enum Answer {
    /// Of the class that was asked for.
    One(Explanation),
    /// Of all classes.
    All(Vec<Explanation>),
}

/// All explanations, by family.
pub fn all() -> impl Iterator<Item = &'static Explanation> {
    [memory::TEXTS, behaviour::TEXTS, time::TEXTS, platform::TEXTS].into_iter().flatten()
}

/// The explanation of a class.
pub fn of(slug: &str) -> Option<&'static Explanation> {
    all().find(|e| e.class == slug)
}

/// Which detective looks for what; one that is not here is not mentioned.
const LOOKERS: &[(&str, &[&str])] = &[
    (
        "assertion",
        &[
            "bug-assertion",
            "warning",
            "list-corruption",
            "refcount-bug",
            "out-of-bounds-access",
            "double-free",
            "invalid-opcode",
        ],
    ),
    ("bit-flip", &["bit-flip"]),
    ("deadlock", &["deadlock"]),
    ("divide", &["divide-error"]),
    ("hidden", &["hidden-module"]),
    ("hung-task", &["hung-task"]),
    ("kernel-text", &["kernel-text-modified", "text-corruption", "bit-flip"]),
    ("lockup", &["soft-lockup", "hard-lockup", "rcu-stall"]),
    ("null-pointer", &["null-pointer-dereference", "null-function-call", "use-after-free"]),
    ("page-table", &["page-table-corruption"]),
    (
        "panic-site",
        &[
            "out-of-memory",
            "no-root-filesystem",
            "no-init",
            "init-killed",
            "machine-check",
            "hardware-error",
            "nmi",
            "watchdog-reset",
            "filesystem-error",
            "io-error",
            "fencing",
        ],
    ),
    ("requested", &["requested-crash", "fencing"]),
    ("stack-overflow", &["kernel-stack-overflow"]),
    ("stack-protector", &["stack-buffer-overflow"]),
    ("table-hook", &["syscall-table-hook"]),
    (
        "wild-pointer",
        &[
            "wild-pointer-dereference",
            "error-pointer-dereference",
            "use-after-free",
            "nx-violation",
            "write-to-readonly",
            "user-access-violation",
            "list-corruption",
        ],
    ),
];

/// The detectives that look for a class.
pub fn detectives(slug: &str) -> impl Iterator<Item = &'static Detective> + '_ {
    let looks = move |d: &&Detective| LOOKERS.iter().any(|(id, of)| *id == d.id && of.contains(&slug));
    DETECTIVES.iter().filter(looks)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Class;

    #[test]
    fn every_class_is_explained() {
        let missing: Vec<_> = Class::ALL.iter().map(|c| c.slug()).filter(|s| of(s).is_none()).collect();
        assert!(missing.is_empty(), "no text in explain/ for {missing:?}");
    }

    #[test]
    fn what_logs_report_is_explained() {
        let missing: HashSet<_> =
            necropsy_klog::PATTERNS.iter().map(|p| p.class).filter(|s| of(s).is_none()).collect();
        assert!(missing.is_empty(), "no text in explain/ for {missing:?}");
    }

    #[test]
    fn detectives_that_are_mentioned_exist() {
        for (id, of) in LOOKERS {
            assert!(DETECTIVES.iter().any(|d| d.id == *id), "{id}");
            assert!(of.iter().all(|class| super::of(class).is_some()), "{id}");
        }
    }

    #[test]
    fn explanations_are_whole_and_told_once() {
        let mut seen = HashSet::new();
        for e in all() {
            assert!(seen.insert(e.class), "{} twice", e.class);
            assert!(e.meaning.len() > 40 && e.proof.len() > 40 && !e.next.is_empty(), "{}", e.class);
        }
    }
}

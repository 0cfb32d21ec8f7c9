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

/// Which detective looks for what.
const LOOKERS: &[(&str, &str)] = &[
    (
        "assertion",
        "bug-assertion warning list-corruption refcount-bug out-of-bounds-access double-free invalid-opcode",
    ),
    ("bit-flip", "bit-flip"),
    ("control-flow", "control-flow-violation"),
    ("data-race", "data-race"),
    ("deadlock", "deadlock"),
    ("device-gone", "device-failure"),
    ("divide", "divide-error"),
    ("double-fault", "double-fault"),
    ("double-free", "double-free"),
    ("fd-leak", "fd-leak"),
    ("firmware", "firmware-error"),
    ("global-overflow", "out-of-bounds-access wild-pointer-dereference"),
    ("guarded", "use-after-free out-of-bounds-access"),
    ("hidden", "hidden-module"),
    ("hung-task", "hung-task"),
    ("irq-storm", "irq-storm"),
    ("kasan", "use-after-free out-of-bounds-access slab-overflow stack-buffer-overflow double-free"),
    (
        "kasan-fault",
        "null-pointer-dereference wild-pointer-dereference user-access-violation error-pointer-dereference use-after-free",
    ),
    ("kernel-text", "kernel-text-modified text-corruption bit-flip"),
    ("list-corruption", "list-corruption"),
    ("lock-misuse", "lock-misuse"),
    ("lockup", "soft-lockup hard-lockup rcu-stall"),
    ("lost-disk", "device-failure io-error"),
    ("memory-leak", "memory-leak"),
    ("null-pointer", "null-pointer-dereference null-function-call use-after-free"),
    ("out-of-memory", "out-of-memory"),
    ("page-corruption", "page-corruption"),
    ("page-table", "page-table-corruption write-to-readonly bit-flip"),
    ("panic-call", "bug-assertion"),
    (
        "panic-site",
        "out-of-memory no-root-filesystem no-init init-killed machine-check hardware-error nmi watchdog-reset filesystem-error io-error fencing",
    ),
    ("rcu-reader", "rcu-stall deadlock hung-task"),
    ("refcount-bug", "refcount-bug"),
    ("requested", "requested-crash fencing"),
    ("return-address", "stack-buffer-overflow"),
    ("slab-corruption", "slab-corruption slab-overflow"),
    ("slab-overflow", "slab-overflow"),
    ("sleep-atomic", "sleep-in-atomic"),
    ("spin-lock", "deadlock soft-lockup hard-lockup rcu-stall"),
    ("stack-end", "kernel-stack-overflow"),
    ("stack-overflow", "kernel-stack-overflow"),
    ("stack-protector", "stack-buffer-overflow"),
    ("stuck-cpu", "soft-lockup hard-lockup nmi"),
    ("table-hook", "syscall-table-hook"),
    ("ubsan", "undefined-behaviour out-of-bounds-access"),
    ("uninitialised-use", "uninitialised-use"),
    ("unloaded-module", "use-after-free nx-violation wild-pointer-dereference"),
    ("use-after-free", "use-after-free"),
    (
        "wild-pointer",
        "wild-pointer-dereference error-pointer-dereference use-after-free nx-violation write-to-readonly user-access-violation list-corruption out-of-bounds-access",
    ),
    ("workqueue-stall", "workqueue-stall"),
];

/// The detectives that look for a class.
pub fn detectives(slug: &str) -> impl Iterator<Item = &'static Detective> + '_ {
    let looks =
        move |d: &&Detective| LOOKERS.iter().any(|(id, of)| *id == d.id && of.split(' ').any(|c| c == slug));
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
            assert!(of.split(' ').all(|class| super::of(class).is_some()), "{id}");
        }
    }

    #[test]
    fn every_detective_looks_for_something_and_every_class_is_looked_for() {
        let idle: Vec<_> =
            DETECTIVES.iter().map(|d| d.id).filter(|id| !LOOKERS.iter().any(|l| l.0 == *id)).collect();
        assert!(idle.is_empty(), "{idle:?}");
        let classes = Class::ALL.iter().filter(|c| **c != Class::Unknown).map(|c| c.slug());
        let unseen: Vec<_> = classes.filter(|c| detectives(c).next().is_none()).collect();
        assert!(unseen.is_empty(), "{unseen:?}");
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

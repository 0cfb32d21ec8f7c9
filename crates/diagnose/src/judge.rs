//! Weighing: log-odds per class, the best first, and honesty about the rest.

use std::collections::BTreeMap;

use necropsy_base::Confidence;
use necropsy_report::{Evidence, Hypothesis, Verdict};

use crate::crash::base_name;
use crate::{Case, Class, Findings, blame, findings, present};

/// A dump proves more than a log, but never everything.
const CAP: f64 = 0.99;
/// A dump that contradicts itself proves less.
const DOUBTFUL: f64 = 0.7;
/// Below this no explanation is given as the answer.
const ENOUGH: f64 = 0.6;

/// How often each class is what one finds, in log-odds: every explanation must be earned.
fn prior(class: Class) -> f64 {
    match class {
        Class::RequestedCrash => -1.0,
        Class::Unknown => 0.0,
        _ => -2.0,
    }
}

/// The verdict, all hypotheses, and the evidence with its weights for the verdict.
pub fn judge(case: &Case, found: Findings) -> (Verdict, Vec<Hypothesis>, Vec<Evidence>) {
    let mut odds: BTreeMap<Class, f64> = BTreeMap::new();
    for h in &found.hypotheses {
        odds.insert(h.class, prior(h.class));
    }
    for (class, weight) in found.evidence.iter().flat_map(|e| &e.bears) {
        odds.entry(*class).and_modify(|o| *o += weight);
    }
    let cap = if case.target.is_inconsistent() { DOUBTFUL } else { CAP };
    let confidence = |class: Class| {
        let odds = odds.get(&class).copied().unwrap_or(f64::NEG_INFINITY);
        Confidence::from_log_odds(odds).capped(cap).value()
    };
    let mut order: Vec<&crate::Hypothesis> = found.hypotheses.iter().collect();
    order.sort_by(|a, b| confidence(b.class).total_cmp(&confidence(a.class)));
    let best = order.first().filter(|h| confidence(h.class) >= ENOUGH).copied();
    let verdict = match best {
        Some(h) => accepted(case, h, confidence(h.class)),
        None => unknown(case, order.first().map_or(0.0, |h| confidence(h.class))),
    };
    let hypotheses = order.iter().map(|h| listed(h, &found.evidence, confidence(h.class))).collect();
    let class = best.map_or(Class::Unknown, |h| h.class);
    let evidence = found.evidence.into_iter().map(|e| shown(e, class)).collect();
    (verdict, hypotheses, evidence)
}

fn accepted(case: &Case, h: &crate::Hypothesis, confidence: f64) -> Verdict {
    Verdict {
        class: h.class.slug(),
        title: h.title.clone(),
        statement: h.statement.clone(),
        confidence,
        requested: h.requested,
        culprit: h.culprit.clone(),
        victim: h.victim.clone(),
        related: h.related.clone(),
        task: h.task.clone().or_else(|| case.crash().map(|c| present::task_info(&c.task, Some(c.cpu)))),
        advice: h.advice.clone(),
    }
}

fn listed(h: &crate::Hypothesis, evidence: &[findings::Evidence], confidence: f64) -> Hypothesis {
    let bearing = |wanted: fn(f64) -> bool| {
        let bears = |e: &findings::Evidence| e.bears.iter().any(|(c, w)| *c == h.class && wanted(*w));
        evidence.iter().enumerate().filter(|(_, e)| bears(e)).map(|(i, _)| i).collect()
    };
    Hypothesis {
        class: h.class.slug(),
        statement: h.statement.clone(),
        confidence,
        supports: bearing(|w| w > 0.0),
        against: bearing(|w| w < 0.0),
        separate: h.separate.clone(),
    }
}

fn shown(e: findings::Evidence, class: Class) -> Evidence {
    let of_class = e.bears.iter().find(|(c, _)| *c == class).or(e.bears.first());
    let weight = of_class.map_or(0.0, |(_, w)| *w);
    Evidence { claim: e.claim, source: e.source, reproduce: e.reproduce, weight }
}

/// Nothing explains it: the facts are shown, and that is said.
fn unknown(case: &Case, best: f64) -> Verdict {
    let Some(crash) = case.crash() else { return no_crash(case) };
    let named = crash.stack.frames.iter().filter_map(|f| base_name(f).map(|n| (f, n)));
    let first = named.clone().find(|(_, n)| !blame::is_machinery(n)).map_or("an unknown place", |(_, n)| n);
    Verdict {
        class: Class::Unknown.slug(),
        title: format!("kernel panic in {first}, cause unknown"),
        statement: format!(
            "The kernel panicked on CPU {} in task {} ({}), in or below {first}. None of the causes that necropsy can prove \
             explains it.",
            crash.cpu,
            necropsy_report::bytes_text(&crash.task.comm.0),
            crash.task.pid
        ),
        confidence: best,
        task: Some(present::task_info(&crash.task, Some(crash.cpu))),
        advice: vec!["read the stack: bt".into(), "read the last lines of the log: log".into()],
        ..Verdict::default()
    }
}

/// No CPU is known to have panicked: because none did, or because that cannot be read.
fn no_crash(case: &Case) -> Verdict {
    let t = &case.target;
    let unreadable = t.kallsyms().is_none() || t.types().is_err();
    let (title, statement) = if unreadable {
        (
            "the dump is too damaged to tell",
            "The kernel's symbol table or types cannot be read from this dump (the notes say why), so what happened cannot be \
             told from it.",
        )
    } else {
        (
            "no panic in this dump",
            "No CPU of this kernel had panicked when the dump was taken: the dump was taken from outside, or the machine hung. \
             Nothing that necropsy knows to look for was found.",
        )
    };
    Verdict {
        class: Class::Unknown.slug(),
        title: title.into(),
        statement: statement.into(),
        advice: vec![
            "look at what each CPU was doing: bt -a".into(),
            "look for tasks that wait: ps -m".into(),
        ],
        ..Verdict::default()
    }
}

//! Values, and the text that Prometheus reads (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Kind, METRICS};

/// A value of a metric with its labels' values, in the order of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric.
    pub name: &'static str,
    /// Values of its labels.
    pub labels: Vec<String>,
    /// The value.
    pub value: f64,
}

/// Counters and gauges that are kept.
#[derive(Clone, Debug, Default)]
pub struct Values {
    all: BTreeMap<(&'static str, Vec<&'static str>), f64>,
}

impl Values {
    /// Adds to a counter.
    pub fn add(&mut self, name: &'static str, labels: &[&'static str], by: u64) {
        *self.all.entry((name, labels.to_vec())).or_default() += by as f64;
    }

    /// Sets it.
    pub fn set(&mut self, name: &'static str, labels: &[&'static str], value: f64) {
        self.all.insert((name, labels.to_vec()), value);
    }

    /// What it is; 0 if nothing was added yet.
    pub fn get(&self, name: &'static str, labels: &[&'static str]) -> f64 {
        self.all.get(&(name, labels.to_vec())).copied().unwrap_or_default()
    }

    /// All that were set.
    pub fn samples(&self) -> Vec<Sample> {
        let own = |labels: &[&'static str]| labels.iter().map(|l| (*l).to_owned()).collect();
        self.all.iter().map(|((name, labels), v)| Sample { name, labels: own(labels), value: *v }).collect()
    }
}

/// The text for these samples. What is not in the table is left out.
pub fn exposition(samples: &[Sample]) -> String {
    let mut out = String::new();
    for metric in METRICS {
        let mut own = samples
            .iter()
            .filter(|s| s.name == metric.name && s.labels.len() == metric.labels.len())
            .peekable();
        if own.peek().is_none() {
            continue;
        }
        let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
        let _ = writeln!(out, "# HELP {} {}\n# TYPE {} {kind}", metric.name, metric.help, metric.name);
        for sample in own {
            let pairs = metric.labels.iter().zip(&sample.labels);
            let labels: Vec<String> = pairs.map(|(n, v)| format!("{n}=\"{}\"", escaped(v))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "{}{labels} {}", metric.name, sample.value);
        }
    }
    out
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_prometheus_reads_it() {
        let mut values = Values::default();
        values.add("necropsy_kernel_events_total", &["warning", "cause"], 2);
        values.add("necropsy_nonsense", &[], 2);
        let mut samples = values.samples();
        samples.push(Sample {
            name: "necropsy_build_info",
            labels: vec!["6.1 \"x\"\n".into(), "1".into()],
            value: 1.0,
        });
        let text = exposition(&samples);
        assert!(text.contains("# TYPE necropsy_kernel_events_total counter\nnecropsy_kernel_events_total{class=\"warning\",role=\"cause\"} 2\n"));
        assert!(text.contains("necropsy_build_info{kernel=\"6.1 \\\"x\\\"\\n\",version=\"1\"} 1\n"));
        assert!(!text.contains("nonsense"));
    }
}

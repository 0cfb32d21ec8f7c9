//! What is in deploy/: expressions that parse, metrics that exist, runbooks that are there, configurations that are understood.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use necropsy_agent::metrics::METRICS;
use necropsy_agent::watch::Config;
use promql_parser::parser::Expr;
use serde_json::Value;
use support::repository;

/// Metrics of node_exporter that the dashboard and the rules show beside ours, and Prometheus' own.
const OTHERS: &[&str] = &[
    "up",
    "node_edac_correctable_errors_total",
    "node_edac_uncorrectable_errors_total",
    "node_hwmon_temp_celsius",
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_waiting_seconds_total",
    "node_pressure_memory_waiting_seconds_total",
    "node_vmstat_oom_kill",
];

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

/// The metrics that an expression selects, with the labels it matches or groups by.
fn metrics(expr: &Expr, found: &mut BTreeSet<String>) {
    match expr {
        Expr::VectorSelector(v) => _ = found.insert(v.name.clone().expect("a selector without a name")),
        Expr::MatrixSelector(m) => _ = found.insert(m.vs.name.clone().expect("a selector without a name")),
        Expr::Aggregate(a) => metrics(&a.expr, found),
        Expr::Unary(u) => metrics(&u.expr, found),
        Expr::Binary(b) => {
            metrics(&b.lhs, found);
            metrics(&b.rhs, found);
        }
        Expr::Paren(p) => metrics(&p.expr, found),
        Expr::Subquery(s) => metrics(&s.expr, found),
        Expr::Call(c) => c.args.args.iter().for_each(|a| metrics(a, found)),
        _ => {}
    }
}

fn check(text: &str) -> BTreeSet<String> {
    let plain = text.replace("$__rate_interval", "5m").replace("$instance", ".*");
    let expr = promql_parser::parser::parse(&plain).unwrap_or_else(|e| panic!("{text}: {e}"));
    let mut found = BTreeSet::new();
    metrics(&expr, &mut found);
    assert!(!found.is_empty(), "{text} shows nothing");
    for name in &found {
        let ours = METRICS.iter().any(|m| m.name == name);
        assert!(ours || OTHERS.contains(&name.as_str()), "{text}: there is no metric {name}");
    }
    found
}

#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let board: Value = serde_json::from_str(&read("deploy/grafana/necropsy.json")).unwrap();
    assert_eq!(board["uid"], "necropsy-kernel");
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{} has another's number", panel["title"]);
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        for target in panel["targets"].as_array().unwrap() {
            shown.extend(check(target["expr"].as_str().unwrap()));
        }
    }
    let unseen: Vec<&str> = METRICS.iter().map(|m| m.name).filter(|n| !shown.contains(*n)).collect();
    assert_eq!(unseen, ["necropsy_kdump_check_timestamp_seconds", "process_start_time_seconds"]);
}

#[test]
fn alerts_parse_and_have_runbooks() {
    let rules = read("deploy/prometheus/necropsy-rules.yml");
    let tests = read("deploy/prometheus/necropsy-rules.test.yml");
    let values = |key: &str| -> Vec<String> {
        let lines = rules.lines().filter_map(|l| l.trim().trim_start_matches("- ").strip_prefix(key));
        lines.map(|v| v.trim().trim_matches('\'').to_owned()).collect()
    };
    let alerts = values("alert:");
    assert!(alerts.len() > 10 && values("expr:").len() == alerts.len());
    values("expr:").iter().for_each(|e| drop(check(e)));
    let severities = values("severity:");
    assert!(severities.iter().all(|s| ["critical", "warning", "info"].contains(&s.as_str())));
    for (alert, url) in alerts.iter().zip(values("runbook_url:")) {
        assert!(url.ends_with(&format!("/docs/runbooks/{alert}.md")), "{url}");
        let text = read(&format!("docs/runbooks/{alert}.md"));
        assert!(text.contains("## Look") && text.contains("## Do"), "{alert}");
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} is not tested");
    }
    let books = fs::read_dir(repository("docs/runbooks")).unwrap().count();
    assert_eq!(books, alerts.len(), "a runbook without an alert");
}

#[test]
fn promtool_is_content() {
    let dir = repository("deploy/prometheus");
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(std::env::var_os("NECROPSY_REQUIRE_TOOLS").is_none(), "promtool is missing");
        eprintln!("skipped: promtool is not installed (Debian: prometheus)");
        return;
    }
    for words in [["check", "rules", "necropsy-rules.yml"], ["test", "rules", "necropsy-rules.test.yml"]] {
        let done = Command::new("promtool").args(words).current_dir(&dir).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{text}");
    }
}

#[test]
fn configurations_are_understood() {
    let file = Config::parse(&read("deploy/systemd/watch.toml")).unwrap();
    assert!(file.check().is_ok() && file.listen.is_some());
    let daemonset = read("deploy/kubernetes/daemonset.yml");
    let inside = daemonset.split_once("watch.toml: |\n").unwrap().1;
    let lines: Vec<&str> = inside.lines().take_while(|l| l.starts_with("    ")).collect();
    assert!(lines.len() > 3 && Config::parse(&lines.join("\n")).is_ok());
}

#[test]
fn every_metric_is_documented() {
    let text = read("docs/watch.md");
    for metric in METRICS {
        let labels =
            if metric.labels.is_empty() { String::new() } else { format!("{{{}}}", metric.labels.join(",")) };
        let row = format!("| `{}{labels}` | ", metric.name);
        assert!(text.contains(&row), "docs/watch.md has no row {row}");
    }
}

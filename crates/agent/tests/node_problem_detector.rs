//! What is in deploy/ for node-problem-detector: the configuration as it reads it, and the program as it runs it.
//!
//! Both are written after its source (pkg/types/types.go, pkg/custompluginmonitor/types and plugin): what it would take and do
//! is told here, because no package of it is to be had.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::process::{Command, Output};

use serde::Deserialize;
use support::{Machine, repository};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    plugin: String,
    #[serde(rename = "pluginConfig")]
    global: Global,
    source: String,
    conditions: Vec<Condition>,
    rules: Vec<Rule>,
    #[serde(rename = "metricsReporting")]
    _metrics: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Global {
    invoke_interval: Option<String>,
    timeout: Option<String>,
    max_output_length: Option<usize>,
    concurrency: Option<usize>,
    #[serde(rename = "enable_message_change_based_condition_update")]
    _update: Option<bool>,
    #[serde(rename = "skip_initial_status")]
    _skip: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    condition: Option<String>,
    reason: String,
    path: String,
    #[serde(default)]
    args: Vec<String>,
    timeout: Option<String>,
}

/// Go's time.ParseDuration, as far as one number and one unit go.
fn seconds(text: &str) -> u64 {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap();
    let unit = match &text[at..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => panic!("no unit: {other}"),
    };
    text[..at].parse::<u64>().unwrap() * unit
}

fn config() -> Config {
    let text = std::fs::read(repository("deploy/node-problem-detector/kdump-monitor.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// `ApplyConfiguration` and `Validate`.
#[test]
fn the_configuration_is_valid() {
    let c = config();
    assert!(c.plugin == "custom" && !c.source.is_empty());
    let timeout = seconds(c.global.timeout.as_deref().unwrap_or("5s"));
    assert!(timeout < seconds(c.global.invoke_interval.as_deref().unwrap_or("30s")));
    assert!(c.global.concurrency.unwrap_or(3) > 0);
    for rule in &c.rules {
        assert!(["temporary", "permanent"].contains(&rule.kind.as_str()) && rule.args.is_empty());
        assert!(rule.timeout.as_deref().map_or(0, seconds) <= timeout, "longer than all may take");
        let preset = c.conditions.iter().find(|p| Some(&p.kind) == rule.condition.as_ref());
        assert!(preset.is_some_and(|p| p.reason != rule.reason && !p.message.is_empty()));
        let name = rule.path.strip_prefix("/etc/node-problem-detector/").unwrap();
        let meta = repository(&format!("deploy/node-problem-detector/{name}")).metadata().unwrap();
        assert_ne!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111, 0, "{name}");
    }
}

/// Runs the plugin where `necropsy` is a script.
fn plugin(machine: &Machine, script: &str, variables: &[(&str, &str)]) -> Output {
    if script.is_empty() {
        machine.dir("/bin", 0o755);
    } else {
        machine.put("/bin/necropsy", format!("#!/bin/sh\n{script}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(machine.path("/bin/necropsy"), mode).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", machine.path("/bin").display());
    let mut command = Command::new(repository("deploy/node-problem-detector/necropsy-kdump.sh"));
    command.env("PATH", path).envs(variables.iter().copied()).output().unwrap()
}

/// 0 is sound, 1 is a problem, everything else unknown; the message is what was printed, cut at so many bytes.
#[test]
fn the_plugin_keeps_the_contract() {
    let limit = config().global.max_output_length.unwrap_or(80);
    let fails = "echo 'pass     service   fine'; echo 'FAIL     kernel-loaded          none is loaded'; \
                 echo 'FAIL     reservation            0 bytes'; echo; echo 'A crash would leave NO dump (2 fail).'; exit 3";
    let cases = [
        ("echo; echo 'A crash would leave a dump (18 pass).'", 0, "A crash would leave a dump (18 pass)."),
        (fails, 1, "A crash would leave NO dump (2 fail). kernel-loaded reservation"),
        ("echo unknown; exit 4", 2, "unknown"),
        ("echo broken >&2; exit 1", 2, "broken"),
        ("kill -9 $$", 2, ""),
        ("", 2, "not found"),
        ("head -c 100000 /dev/zero | tr '\\0' x; exit 3", 1, "xxx"),
    ];
    for (script, code, message) in cases {
        let done = plugin(&Machine::empty(), script, &[]);
        let said = String::from_utf8(done.stdout).unwrap();
        assert_eq!(done.status.code(), Some(code), "{script}: {said}");
        assert!(said.trim().contains(message) && said.trim().len() <= limit, "{script}: {said}");
    }
    // From a container it looks at the node's files.
    let done = plugin(&Machine::empty(), "echo \"$@\"", &[("NECROPSY_ROOT", "/the host")]);
    assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), "kdump check --root /the host");
}

/// It runs as root: nobody else may tell it where to write.
#[test]
fn the_plugin_writes_no_file() {
    let text = std::fs::read_to_string(repository("deploy/node-problem-detector/necropsy-kdump.sh")).unwrap();
    let code = text.lines().filter(|l| !l.starts_with('#'));
    assert!(code.clone().all(|l| !l.replace("2>&1", "").contains('>')) && code.count() > 5);
}

//! Whether kdump is installed and switched on.

use crate::kdump::{Check, DumpConfig, Family, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "service",
    title: "the service that loads the capture kernel",
    why: "after the next boot nothing is loaded unless a service does it",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    let unit = system.family.service();
    let Some(config) = &system.config else {
        return Outcome::unknown("this distribution's kdump is not known");
    };
    if system.is_partial() {
        return reported(system, unit, config);
    }
    let dirs = ["/lib/systemd/system", "/usr/lib/systemd/system", "/etc/systemd/system"];
    let installed = dirs.iter().any(|d| system.root.exists(&format!("{d}/{unit}")));
    if !installed && !config.present {
        return Outcome::pass(format!("there is no {unit}"))
            .problem(Status::Fail, "the distribution's kdump is not installed")
            .fix([system.family.install()]);
    }
    let mut outcome = Outcome::pass(format!("{unit} is enabled"));
    if !config.enabled {
        outcome.found = format!("USE_KDUMP is not 1 in {}", config.file);
        outcome = outcome
            .problem(Status::Fail, "kdump is switched off")
            .fix([format!("set USE_KDUMP=1 in {}", config.file), system.family.reload().to_owned()]);
    }
    if !enabled(system, unit) {
        outcome.found = format!("{unit} is not enabled");
        outcome = outcome
            .problem(Status::Fail, "nothing loads the capture kernel when the machine boots")
            .fix([format!("systemctl enable --now {unit}")]);
    }
    outcome
}

/// What a sosreport says of it.
fn reported(system: &System, unit: &str, config: &DumpConfig) -> Outcome {
    let listed = system.root.text("/sos_commands/systemd/systemctl_list-unit-files");
    let state = listed.as_deref().and_then(|text| {
        let mut lines = text.lines().map(|l| l.split_ascii_whitespace().collect::<Vec<_>>());
        lines
            .find_map(|words| (words.first() == Some(&unit)).then(|| words.get(1).map(|w| (*w).to_owned())))?
    });
    match (state.as_deref(), listed) {
        (Some("enabled"), _) if config.enabled => Outcome::pass(format!("{unit} is enabled")),
        (Some(state), _) => Outcome::pass(format!("{unit} is {state}"))
            .problem(Status::Fail, "nothing loads the capture kernel when the machine boots")
            .fix([format!("systemctl enable --now {unit}")]),
        (None, Some(_)) => Outcome::pass(format!("there is no {unit}"))
            .problem(Status::Fail, "the distribution's kdump is not installed")
            .fix([system.family.install()]),
        (None, None) => Outcome::unknown("services are not among the files"),
    }
}

fn enabled(system: &System, unit: &str) -> bool {
    let wants = ["multi-user.target", "basic.target", "sysinit.target", "default.target", "graphical.target"];
    let wanted = wants.iter().any(|t| {
        let dirs = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
        dirs.iter().any(|d| system.root.list(&format!("{d}/{t}.wants")).iter().any(|n| n == unit))
    });
    // Without systemd: Debian's package brings a script of its own.
    let script = system.family == Family::Debian
        && (2..=5).any(|level| {
            system
                .root
                .list(&format!("/etc/rc{level}.d"))
                .iter()
                .any(|n| n.starts_with('S') && n.ends_with("kdump-tools"))
        })
        && !system.root.exists("/usr/lib/systemd/systemd");
    let masked =
        system.root.link(&format!("/etc/systemd/system/{unit}")).is_some_and(|to| to.ends_with("null"));
    (wanted || script) && !masked
}

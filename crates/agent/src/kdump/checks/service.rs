//! Whether kdump is installed and switched on.

use crate::kdump::{Check, Family, Outcome, Status, System};

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

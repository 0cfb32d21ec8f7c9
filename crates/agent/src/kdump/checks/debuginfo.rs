//! Whether the kernel's debug file can be found later.

use crate::kdump::{Check, Family, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "debuginfo",
    title: "the kernel's debugging information",
    why: "verdicts and stacks need none, but source lines and variables do, and old builds vanish from the archives",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    let Some(release) = system.release.as_deref() else {
        return Outcome::unknown("the kernel's release is not known");
    };
    let files = [
        format!("/usr/lib/debug/boot/vmlinux-{release}"),
        format!("/usr/lib/debug/lib/modules/{release}/vmlinux"),
        format!("/lib/modules/{release}/build/vmlinux"),
        format!("/usr/lib/debug/boot/vmlinux-{release}.debug"),
    ];
    if let Some(file) = files.iter().find(|f| system.root.exists(f)) {
        return Outcome::pass(file.clone());
    }
    if let Some(server) = debuginfod(system) {
        return Outcome::pass(format!("not installed; debuginfod servers are set: {server}"));
    }
    if system.is_partial() {
        return Outcome::unknown("not among the files");
    }
    Outcome::pass("not installed, and no debuginfod server is set")
        .problem(Status::Warn, "source lines and variables will have to wait until it is fetched")
        .fix(get(system.family, release))
}

/// Servers that login shells get (`DEBUGINFOD_URLS`; elfutils puts them there).
fn debuginfod(system: &System) -> Option<String> {
    let dir = "/etc/debuginfod";
    let files = system.root.list(dir).into_iter().filter(|n| n.ends_with(".urls")).take(16);
    let set = files.filter_map(|n| system.root.word(&format!("{dir}/{n}"))).find(|t| !t.is_empty());
    let own = system
        .root
        .is_live()
        .then(|| std::env::var("DEBUGINFOD_URLS").ok())
        .flatten()
        .filter(|t| !t.is_empty());
    set.or(own).map(|t| t.split_ascii_whitespace().take(4).collect::<Vec<_>>().join(" "))
}

fn get(family: Family, release: &str) -> Vec<String> {
    let package = match family {
        Family::Debian => format!(
            "apt-get install linux-image-{release}-dbg  # Ubuntu: linux-image-{release}-dbgsym, from ddebs.ubuntu.com"
        ),
        Family::RedHat => format!("dnf debuginfo-install kernel-{release}"),
        Family::Suse => "zypper --plus-content debug install kernel-default-debuginfo".to_owned(),
        Family::Other => "install the kernel's debug package".to_owned(),
    };
    vec![package, "or set DEBUGINFOD_URLS to a server of your distribution".to_owned()]
}

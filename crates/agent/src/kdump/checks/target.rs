//! Where the dump goes.

use crate::kdump::mounts::of_path;
use crate::kdump::{Check, DumpConfig, Family, Outcome, Status, System, Target};

pub static CHECK: Check = Check {
    id: "dump-target",
    title: "where the dump goes",
    why: "the capture kernel has to find the target on its own, and nobody is there to help it",
    essential: true,
    run,
};

fn run(system: &System) -> Outcome {
    let Some(config) = &system.config else {
        return Outcome::unknown("this distribution's kdump is not known");
    };
    if !config.present {
        return Outcome::unknown(format!("there is no {}", config.file)).fix([system.family.install()]);
    }
    let outcome = match &config.target {
        Target::Local => local(system, config),
        Target::Device(kind, device) => device_of(system, config, kind, device),
        Target::Raw(device) => raw(system, config, device),
        Target::Remote(way, address) => remote(system, config, way, address),
    };
    match config.unknown.first() {
        None => outcome,
        Some(word) => outcome
            .problem(Status::Fail, format!("{} has a word that kdump does not know: {word}", config.file))
            .fix([format!("correct {}", config.file), system.family.reload().to_owned()]),
    }
}

fn local(system: &System, config: &DumpConfig) -> Outcome {
    let directory = &config.directory;
    let Some(mount) = of_path(&system.mounts, directory) else {
        return Outcome::unknown(format!("{directory}; the mounted file systems are not known"));
    };
    let outcome = Outcome::pass(format!("{directory} on {} ({})", mount.source, mount.kind));
    let elsewhere = |what: &str| {
        outcome.clone().problem(Status::Fail, what).fix([format!("set another directory in {}", config.file)])
    };
    match mount.kind.as_str() {
        "tmpfs" | "ramfs" | "overlay" | "squashfs" => {
            return elsewhere("what is written there is gone after the reboot, or cannot be written at all");
        }
        _ if mount.read_only => return elsewhere("it is mounted read-only"),
        _ => {}
    }
    if let Some(what) = not_mounted_again(system, &mount.point) {
        return outcome
            .problem(Status::Fail, what)
            .fix([format!("add {} {} {} defaults to /etc/fstab", mount.source, mount.point, mount.kind)]);
    }
    match system.root.look(directory) {
        Ok(Some(meta)) if meta.is_dir() => encrypted(system, &mount.source, outcome),
        Ok(Some(_)) => elsewhere("it is no directory"),
        Ok(None) if system.is_partial() => outcome,
        Ok(None) => outcome
            .problem(Status::Warn, "the directory does not exist")
            .fix([format!("mkdir -m 0700 -p {directory}")]),
        Err(_) => outcome,
    }
}

/// Debian's capture kernel starts the system's own services: it mounts what fstab says, and its root as the command line does.
fn not_mounted_again(system: &System, point: &str) -> Option<String> {
    if system.family != Family::Debian || system.is_partial() {
        return None;
    }
    let fstab = system.root.text("/etc/fstab").unwrap_or_default();
    let points = fstab.lines().filter(|l| !l.trim_start().starts_with('#'));
    let listed = points.filter_map(|l| l.split_ascii_whitespace().nth(1)).any(|p| p == point);
    let unit = format!("{}.mount", point.trim_start_matches('/').replace('/', "-"));
    let dirs = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
    if listed || dirs.iter().any(|d| system.root.exists(&format!("{d}/{unit}"))) {
        return None;
    }
    let read_only = system.cmdline.as_deref().is_some_and(|c| c.split_ascii_whitespace().any(|w| w == "ro"));
    match (point, read_only) {
        ("/", false) => None,
        ("/", true) => Some(
            "its root is not in /etc/fstab: the capture kernel mounts it read-only, and keeps it so"
                .to_owned(),
        ),
        _ => Some(format!("{point} is not in /etc/fstab: the capture kernel does not mount it")),
    }
}

/// A dump cannot be written to a disk that needs a passphrase first.
fn encrypted(system: &System, source: &str, outcome: Outcome) -> Outcome {
    let Some(real) = system.root.canonical(source) else { return outcome };
    let name = real.trim_start_matches("/dev/");
    let uuid = system.root.word(&format!("/sys/class/block/{name}/dm/uuid")).unwrap_or_default();
    if !uuid.starts_with("CRYPT-") {
        return outcome;
    }
    let key = system.root.text("/etc/crypttab").is_some_and(|t| {
        let fields = t.lines().filter(|l| !l.starts_with('#')).map(|l| l.split_ascii_whitespace().nth(2));
        fields.flatten().any(|key| key.starts_with('/'))
    });
    if key {
        return outcome;
    }
    outcome
        .problem(
            Status::Warn,
            "it is encrypted: the capture kernel waits for a passphrase, and unlocking takes memory",
        )
        .fix(["put the dump on a partition that is not encrypted, or send it to another machine"])
}

fn device_of(system: &System, config: &DumpConfig, kind: &str, device: &str) -> Outcome {
    let outcome = Outcome::pass(format!("{} on {device} ({kind})", config.directory));
    let path = match device.split_once('=') {
        Some(("UUID", id)) => format!("/dev/disk/by-uuid/{id}"),
        Some(("LABEL", label)) => format!("/dev/disk/by-label/{label}"),
        _ => device.to_owned(),
    };
    exists(system, config, &path, outcome)
}

fn raw(system: &System, config: &DumpConfig, device: &str) -> Outcome {
    let outcome = exists(system, config, device, Outcome::pass(format!("raw partition {device}")));
    if system.mounts.iter().any(|m| m.source == device) {
        return outcome
            .problem(Status::Fail, "it is mounted: a dump would overwrite the file system on it")
            .fix([format!("name an unused partition in {}", config.file)]);
    }
    outcome
}

fn exists(system: &System, config: &DumpConfig, device: &str, outcome: Outcome) -> Outcome {
    match system.root.look(device) {
        Ok(Some(_)) => outcome,
        // An image has no devices.
        _ if !system.root.exists("/dev/disk") => Outcome { status: Status::Unknown, ..outcome },
        _ => outcome
            .problem(Status::Fail, "there is no such device")
            .fix([format!("correct {}", config.file), system.family.reload().to_owned()]),
    }
}

fn remote(system: &System, config: &DumpConfig, way: &str, address: &str) -> Outcome {
    let outcome = Outcome::pass(format!("{way} {address}"));
    let key = config.key.clone().unwrap_or_else(|| "/root/.ssh/kdump_id_rsa".to_owned());
    let outcome = if way == "ssh" && !system.is_partial() && config.key.is_some() && !system.root.exists(&key)
    {
        outcome.problem(Status::Fail, format!("there is no key {key}")).fix([
            if system.family == Family::Debian { "kdump-config propagate" } else { "kdumpctl propagate" },
        ])
    } else {
        outcome
    };
    let flat = config
        .collector
        .as_deref()
        .is_some_and(|c| c.contains("makedumpfile") && !c.split(' ').any(|w| w == "-F"));
    if way == "ssh" && flat && system.family == Family::RedHat {
        return outcome
            .problem(Status::Fail, "through ssh makedumpfile must write the flattened form")
            .fix([format!("add -F to core_collector in {}", config.file)]);
    }
    outcome
}

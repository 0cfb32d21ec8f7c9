//! Where the dump goes.

use crate::kdump::mounts::{of_path, parsed};
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
    let wrong = config.wrong.iter().map(|what| format!("{} has {what}", config.file));
    let outcome = wrong.fold(outcome, |outcome, what| outcome.problem(Status::Fail, what));
    let doubtful =
        config.doubtful.iter().map(|what| format!("{} has {what}: new versions refuse it", config.file));
    let outcome = doubtful.fold(outcome, |outcome, what| outcome.problem(Status::Warn, what));
    match config.wrong.is_empty() && config.doubtful.is_empty() {
        true => outcome,
        false => outcome.fix([format!("correct {}", config.file), system.family.reload().to_owned()]),
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
    if system.target_is_silent() {
        return Outcome::unknown(format!("{} on {}, which does not answer", config.directory, mount.source))
            .fix([format!("umount -f -l {0} && mount {0}  # or mend the server", mount.point)]);
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
    let fstab = parsed(&system.root.text("/etc/fstab").unwrap_or_default());
    let slash = |p: &str| p.trim_end_matches('/').to_owned();
    let listed = fstab.iter().any(|m| slash(&m.point) == slash(point));
    // systemd.unit(5), "string escaping for inclusion in unit names".
    let unit = format!("{}.mount", point.trim_matches('/').replace('-', "\\x2d").replace('/', "-"));
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

/// A dump cannot be written to a disk that needs a passphrase first: the file system's own, or one that it lies on.
fn encrypted(system: &System, source: &str, outcome: Outcome) -> Outcome {
    let layers = system.layers(source);
    let read = |layer: &str, what: &str| system.root.word(&format!("{layer}/dm/{what}")).unwrap_or_default();
    let locked = layers.iter().filter(|l| read(l, "uuid").starts_with("CRYPT-"));
    if locked.map(|l| read(l, "name")).all(|name| has_key(system, &name)) {
        return outcome;
    }
    outcome
        .problem(
            Status::Warn,
            "it is encrypted: the capture kernel waits for a passphrase, and unlocking takes memory",
        )
        .fix(["put the dump on a partition that is not encrypted, or send it to another machine"])
}

/// Whether crypttab(5) has a file with the key of a volume.
fn has_key(system: &System, name: &str) -> bool {
    let text = system.root.text("/etc/crypttab").unwrap_or_default();
    let mut lines = text.lines().map(|l| l.split_ascii_whitespace().collect::<Vec<_>>());
    lines.any(|words| match words[..] {
        [volume, _, key, ..] => volume == name && key.starts_with('/') && !key.starts_with("/dev/"),
        _ => false,
    })
}

fn device_of(system: &System, config: &DumpConfig, kind: &str, device: &str) -> Outcome {
    let outcome = Outcome::pass(format!("{} on {device} ({kind})", config.directory));
    match kind {
        // Its device is a tag that only the host knows.
        "virtiofs" => outcome,
        _ => encrypted(system, device, exists(system, config, device, outcome)),
    }
}

fn raw(system: &System, config: &DumpConfig, device: &str) -> Outcome {
    let outcome = exists(system, config, device, Outcome::pass(format!("raw partition {device}")));
    if system.mounts.iter().any(|m| m.source.starts_with('/') && system.same_device(device, &m.source)) {
        return outcome
            .problem(Status::Fail, "it is mounted: a dump would overwrite the file system on it")
            .fix([format!("name an unused partition in {}", config.file)]);
    }
    outcome
}

fn exists(system: &System, config: &DumpConfig, device: &str, outcome: Outcome) -> Outcome {
    match system.root.look(&system.device_path(device)) {
        Ok(Some(_)) => outcome,
        // An image has no devices.
        Ok(None) if system.root.exists("/dev/disk") => outcome
            .problem(Status::Fail, "there is no such device")
            .fix([format!("correct {}", config.file), system.family.reload().to_owned()]),
        _ => Outcome { status: Status::Unknown, ..outcome },
    }
}

fn remote(system: &System, config: &DumpConfig, way: &str, address: &str) -> Outcome {
    // What stands before the @ may have a password.
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let outcome = Outcome::pass(format!("{way} {host}"));
    if way != "ssh" {
        return outcome;
    }
    flattened(system.family, config, key(system, config, outcome))
}

/// The key for ssh. Red Hat's tools take their usual one if that which is named is not there.
fn key(system: &System, config: &DumpConfig, outcome: Outcome) -> Outcome {
    const USUAL: &str = "/root/.ssh/kdump_id_rsa";
    let Some(key) = config.key.as_deref().filter(|_| !system.is_partial()) else { return outcome };
    // What only root can see is not missing.
    let missing = |key: &str| matches!(system.root.look(key), Ok(None));
    if !missing(key) {
        return outcome;
    }
    let spare = system.family == Family::RedHat && !missing(USUAL);
    outcome
        .problem(if spare { Status::Warn } else { Status::Fail }, format!("there is no key {key}"))
        .fix([if system.family == Family::Debian { "kdump-config propagate" } else { "kdumpctl propagate" }])
}

fn flattened(family: Family, config: &DumpConfig, outcome: Outcome) -> Outcome {
    let words = config.collector.as_deref().unwrap_or_default();
    let whole = words.contains("makedumpfile") && !words.split(' ').any(|w| w == "-F");
    if family == Family::RedHat && whole {
        return outcome
            .problem(Status::Fail, "through ssh makedumpfile must write the flattened form")
            .fix([format!("add -F to core_collector in {}", config.file)]);
    }
    outcome
}

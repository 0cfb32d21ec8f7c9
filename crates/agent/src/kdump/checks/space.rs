//! Whether the dump fits where it goes.

use crate::kdump::{Check, DumpConfig, Estimate, Family, Outcome, Status, System, Target};
use crate::{bytes, duration};

pub static CHECK: Check = Check {
    id: "dump-space",
    title: "space for the dump",
    why: "a dump that is cut short is mostly worthless, and a full disk hurts what runs after the reboot",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    if system.config.as_ref().is_some_and(|c| !c.dumps) {
        return Outcome::pass("no dump is written, see collector");
    }
    let Some(expected) = system.expected_dump() else {
        return Outcome::unknown("neither /proc/kpageflags nor /proc/meminfo can be read");
    };
    let size = size(system, expected);
    let Some(free) = system.free_at_target() else { return unseen(system, &size) };
    let spare = system.config.as_ref().map_or(0, |c| c.spare);
    let outcome = Outcome::pass(format!("{} free; {size}", bytes(free)));
    let room = ["make room, or set a larger target".to_owned(), leave_out(system)];
    if free < expected.likely_bytes.saturating_add(spare) {
        return outcome.problem(Status::Fail, too_little(spare)).fix(room);
    }
    if system.last_dump().is_some_and(|(last, _)| free < last.saturating_add(spare)) {
        return outcome.problem(Status::Warn, "one as large as the last would not fit").fix(room);
    }
    if free < expected.bytes.saturating_add(spare) {
        return outcome.problem(Status::Warn, "it fits only as long as it compresses well").fix(room);
    }
    if keeps_all(system) && free < expected.bytes.saturating_mul(2).saturating_add(spare) {
        return outcome
            .problem(Status::Warn, "the one after it may not fit, and old dumps are never removed")
            .fix(room);
    }
    outcome
}

fn too_little(spare: u64) -> String {
    match spare {
        0 => "it would not fit".to_owned(),
        _ => format!("it would not fit: it is removed again if less than {} stay free", bytes(spare)),
    }
}

/// How large it would be, and how large the last one was.
fn size(system: &System, expected: &Estimate) -> String {
    let mut text = format!("a dump of now would have at most {} ({})", bytes(expected.bytes), expected.how());
    if expected.likely_bytes < expected.bytes {
        text += &format!(", likely some {} compressed", bytes(expected.likely_bytes));
    }
    if let Some((size, time)) = system.last_dump() {
        let ago = u64::try_from(system.now.as_second() - time.as_second()).unwrap_or(0);
        text += &format!("; the last one had {}, {} ago", bytes(size), duration(ago));
    }
    text
}

/// Why what is free there is not known, and how to find out.
fn unseen(system: &System, size: &str) -> Outcome {
    let Some(config) = &system.config else {
        return Outcome::unknown(format!("{size}; where it would go is not known"));
    };
    match &config.target {
        Target::Remote("ssh", address) => {
            Outcome::unknown(format!("{size}; what is free on {} only that machine knows", plain(address)))
                .fix([ask(system.family, config, address)])
        }
        Target::Remote("ftp", address) => {
            Outcome::unknown(format!("{size}; FTP does not tell what is free on {}", plain(address)))
        }
        Target::Remote(_, address) => {
            Outcome::unknown(format!("{size}; {} is not mounted here, or does not answer", plain(address)))
                .fix(["mount it, then `df -B1` there shows what is free"])
        }
        Target::Device(_, device) => Outcome::unknown(format!("{size}; {device} is not mounted"))
            .fix([format!("mount {device} /mnt && df -B1 /mnt; umount /mnt")]),
        _ => Outcome::unknown(format!("{size}; what is free at the target is not known")),
    }
}

/// An address without a password.
fn plain(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, host)| host)
}

/// The command that asks by the way that the dump would take.
fn ask(family: Family, config: &DumpConfig, address: &str) -> String {
    let (user, host) = address.rsplit_once('@').unwrap_or(("root", address));
    let user = user.split(':').next().unwrap_or("root");
    // SUSE's addresses have the directory behind the name.
    let (host, directory) = match host.split_once('/') {
        Some((host, below)) if family == Family::Suse => (host, format!("/{below}")),
        _ => (host, config.directory.clone()),
    };
    let default = if family == Family::RedHat { Some("/root/.ssh/kdump_id_rsa") } else { None };
    let key = config.key.as_deref().or(default).map(|k| format!("-i {k} ")).unwrap_or_default();
    format!("ssh {key}{user}@{host} df -B1 {directory}")
}

fn keeps_all(system: &System) -> bool {
    system.config.as_ref().is_some_and(|c| c.keep.is_none() && !matches!(c.target, Target::Raw(_)))
}

fn leave_out(system: &System) -> String {
    let level = system.config.as_ref().and_then(|c| c.level);
    match level {
        Some(31) => "remove old dumps (`necropsy collect --keep 3` does)".to_owned(),
        _ => "leave out what is not the kernel's: makedumpfile -d 31".to_owned(),
    }
}

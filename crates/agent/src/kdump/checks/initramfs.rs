//! The capture kernel's initramfs: there, current, with what the target needs.

use std::time::SystemTime;

use crate::kdump::initramfs::Contents;
use crate::kdump::mounts::of_path;
use crate::kdump::{Check, Family, Outcome, Status, System, Target};

pub static CHECK: Check = Check {
    id: "initramfs",
    title: "the capture kernel's initramfs",
    why: "it must bring the drivers of the disk or network that the dump goes to",
    essential: true,
    run,
};

/// Large drivers that a dump does not need, and that are known to take the reserved memory or to hang.
const HEAVY: &[&str] = &["nouveau", "amdgpu", "i915", "radeon", "mlx5_core", "bnx2x", "lpfc", "qla2xxx"];

fn run(system: &System) -> Outcome {
    if system.release.is_none() {
        return Outcome::unknown("the kernel's release is not known");
    }
    let Some(path) = system.initramfs_path() else { return missing(system) };
    let mut outcome = Outcome::pass(path.clone());
    let rebuild = system.family.rebuild(system.release_or_command());
    if let Some(newer) = newer_than(system, &path) {
        let what = format!("it is older than {newer}");
        outcome = outcome.problem(Status::Warn, what).fix(rebuild.clone());
    }
    match system.initramfs() {
        Err(why) if outcome.status == Status::Pass => {
            Outcome::unknown(format!("{path} cannot be read: {why}"))
        }
        Err(_) => outcome,
        Ok(contents) => {
            outcome.found = format!("{path}: {} files", contents.files.len());
            heavy(system, contents, lacks(system, contents, outcome, &rebuild))
        }
    }
}

/// What the dump needs and is not in it.
fn lacks(system: &System, contents: &Contents, outcome: Outcome, rebuild: &[String]) -> Outcome {
    let needed = needed_module(system).into_iter().chain(needed_drivers(system));
    let missing = needed.filter(|m| !contents.has_module(m));
    let outcome = missing.fold(outcome, |outcome, module| {
        let what = format!("the module {module}, which the dump's target needs, is not in it");
        outcome.problem(Status::Fail, what).fix(rebuild.to_vec())
    });
    let writes = system.family != Family::Debian && !contents.has_program("makedumpfile");
    let own = system.config.as_ref().and_then(|c| c.collector.as_deref()).unwrap_or_default();
    if writes && (own.is_empty() || own.contains("makedumpfile")) {
        return outcome.problem(Status::Fail, "makedumpfile is not in it").fix(rebuild.to_vec());
    }
    outcome
}

/// What it has and had better not.
fn heavy(system: &System, contents: &Contents, outcome: Outcome) -> Outcome {
    let heavy: Vec<&str> = HEAVY.iter().copied().filter(|m| contents.has_module(m)).collect();
    if heavy.is_empty() {
        return outcome;
    }
    let what = format!("it has drivers that take much memory: {}", heavy.join(", "));
    outcome.problem(Status::Warn, what).fix([leave_out(system, &heavy)])
}

fn missing(system: &System) -> Outcome {
    let candidates = system.initramfs_candidates();
    if candidates.is_empty() {
        return Outcome::unknown("where this distribution keeps it is not known");
    }
    let hidden = candidates.iter().find_map(|p| Some(format!("{p}: {}", system.root.look(p).err()?)));
    if let Some(why) = hidden.or_else(|| system.is_partial().then(|| "it is not among the files".to_owned()))
    {
        return Outcome::unknown(why);
    }
    Outcome::pass(format!("there is none at {}", candidates.join(" or ")))
        .problem(Status::Fail, "the capture kernel would not find its root")
        .fix(system.family.rebuild(system.release_or_command()))
}

/// A file that changed after the initramfs was made, and that it depends on.
fn newer_than(system: &System, path: &str) -> Option<String> {
    let changed = |p: &str| -> Option<SystemTime> { system.root.look(p).ok()??.modified().ok() };
    let made = changed(path)?;
    let release = system.release.as_deref()?;
    let config =
        system.config.as_ref().filter(|_| system.family != Family::Debian).map(|c| c.file.to_owned());
    let modules = ["/lib/modules", "/usr/lib/modules"].map(|d| format!("{d}/{release}/modules.dep"));
    let sources = config
        .into_iter()
        .chain(["/etc/fstab".to_owned(), format!("/boot/vmlinuz-{release}")])
        .chain(modules);
    sources.into_iter().find(|s| changed(s).is_some_and(|t| t > made))
}

/// The module of the target's file system, if it is one.
fn needed_module(system: &System) -> Option<String> {
    let config = system.config.as_ref()?;
    let kind = match &config.target {
        Target::Device(kind, _) => kind.clone(),
        Target::Local => of_path(&system.mounts, &config.directory)?.kind.clone(),
        Target::Raw(_) | Target::Remote(..) => return None,
    };
    // Debian's capture kernel mounts its root in the initramfs and everything else from there.
    let kind = match (system.family, &config.target) {
        (Family::Debian, Target::Local) => of_path(&system.mounts, "/")?.kind.clone(),
        _ => kind,
    };
    let disk = ["ext4", "ext3", "ext2", "xfs", "btrfs", "f2fs"].contains(&kind.as_str());
    (disk && system.is_built_in(&kind) == Some(false)).then_some(kind)
}

/// The modules that drive the disk that the capture kernel needs first: Debian's its root, the others' the target.
fn needed_drivers(system: &System) -> Vec<String> {
    let Some(config) = system.config.as_ref() else { return Vec::new() };
    let path = if system.family == Family::Debian { "/" } else { config.directory.as_str() };
    let device = match &config.target {
        Target::Device(_, device) if device.starts_with('/') => device.clone(),
        Target::Local => of_path(&system.mounts, path).map(|m| m.source.clone()).unwrap_or_default(),
        _ => return Vec::new(),
    };
    let modules = system.drivers(&device);
    modules.into_iter().filter(|m| system.is_built_in(m) == Some(false)).collect()
}

fn leave_out(system: &System, heavy: &[&str]) -> String {
    match system.family {
        Family::RedHat => format!(
            "add `dracut_args --omit-drivers \"{}\"` to /etc/kdump.conf, then kdumpctl restart",
            heavy.join(" ")
        ),
        Family::Suse => {
            "leave them out with KDUMP_DRACUT_MOUNT_OPTION or dracut's omit_drivers+=, then mkdumprd -f"
                .to_owned()
        }
        _ => format!(
            "add {} to KDUMP_CMDLINE_APPEND in /etc/default/kdump-tools, then kdump-config unload && kdump-config load",
            heavy.iter().map(|m| format!("modprobe.blacklist={m}")).collect::<Vec<_>>().join(" ")
        ),
    }
}

//! Who can read the dumps.

use std::os::unix::fs::PermissionsExt;

use crate::kdump::{Check, Outcome, Status, System, Target};

pub static CHECK: Check = Check {
    id: "dump-permissions",
    title: "who can read dumps",
    why: "a dump holds keys, passwords and everybody's data",
    essential: false,
    run,
};

fn run(system: &System) -> Outcome {
    let Some(directory) = system.local_directory() else {
        return match system.config.as_ref().map(|c| &c.target) {
            Some(Target::Device(_, device)) => Outcome::unknown(format!("{device} is not mounted")),
            Some(Target::Raw(_)) => Outcome::pass("the dump is on a partition of its own"),
            _ => Outcome::pass("dumps do not stay on this machine"),
        };
    };
    if system.target_is_silent() {
        return Outcome::unknown(format!("{directory}: the machine that has it does not answer"));
    }
    match system.root.look(&directory) {
        Err(why) => Outcome::unknown(format!("{directory}: {why}")),
        Ok(None) if system.is_partial() => Outcome::unknown(format!("{directory} is not among the files")),
        Ok(None) => Outcome::pass(format!("{directory} does not exist yet")),
        Ok(Some(meta)) => {
            let mode = meta.permissions().mode() & 0o7777;
            let outcome = Outcome::pass(format!("{directory} has mode {mode:04o}"));
            if mode & 0o004 == 0 && mode & 0o002 == 0 {
                return outcome;
            }
            let readable = readable_dumps(system, &directory);
            // Debian and Ubuntu have programs of all users write their reports there: then each dump must be closed.
            if readable.is_empty() && mode & 0o1000 != 0 {
                return outcome;
            }
            let what = match readable.first() {
                Some(name) => format!("{name} can be read by everybody"),
                None => "everybody can look into it".to_owned(),
            };
            outcome
                .problem(Status::Warn, what)
                .fix([format!("chmod o-rwx {directory}"), format!("chmod -R o-rwx {directory}/*")])
        }
    }
}

/// Directories of dumps that everybody can enter and files in them that everybody can read.
fn readable_dumps(system: &System, directory: &str) -> Vec<String> {
    let open = |path: &str| {
        let meta = system.root.look(path).ok().flatten()?;
        (meta.permissions().mode() & 0o004 != 0).then_some(meta)
    };
    let dumps = system.root.list(directory).into_iter().take(256).map(|name| format!("{directory}/{name}"));
    let inside = dumps.filter(|d| open(d).is_some_and(|m| m.is_dir())).flat_map(|d| {
        let names =
            system.root.list(&d).into_iter().filter(|n| n.starts_with("vmcore") || n.starts_with("dump."));
        names.map(move |n| format!("{d}/{n}")).collect::<Vec<_>>()
    });
    inside.filter(|f| open(f).is_some()).take(1).collect()
}

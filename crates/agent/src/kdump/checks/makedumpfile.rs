//! Whether makedumpfile is there and is not much older than the kernel.
//!
//! Which kernels a makedumpfile knows is nowhere in the program; when it was released is: `version 1.7.2 (released on 20 Oct 2022)`.
//! When a kernel's series began follows from its number: since 5.0 (3 March 2019) there is one every nine weeks and a bit.

use std::io::Read;

use jiff::civil::{Date, date};

use crate::kdump::{Check, Outcome, Status, System};

pub static CHECK: Check = Check {
    id: "makedumpfile",
    title: "makedumpfile",
    why: "one that is older than the kernel may leave out pages that matter, or fail and copy all of memory",
    essential: false,
    run,
};

/// Where it is installed.
const PLACES: &[&str] =
    &["/usr/bin/makedumpfile", "/usr/sbin/makedumpfile", "/sbin/makedumpfile", "/bin/makedumpfile"];
/// No makedumpfile is larger.
const LARGEST: u64 = 64 << 20;
/// A few series change nothing that matters to it, and distributions add what does.
const TOLERATED: i32 = 180;

fn run(system: &System) -> Outcome {
    let own = system.config.as_ref().and_then(|c| c.collector.as_deref()).unwrap_or("makedumpfile");
    let Some(path) = PLACES.iter().find(|p| system.root.exists(p)) else {
        if system.is_partial() {
            return Outcome::unknown("programs are not among the files");
        }
        let other = !own.contains("makedumpfile") && !own.starts_with('-');
        return match other {
            true => Outcome::pass(format!("not used: {own}")),
            false => Outcome::pass("it is not installed")
                .problem(Status::Fail, "nothing can write a filtered dump")
                .fix([system.family.install()]),
        };
    };
    let Some((version, released)) = version(system, path) else {
        return Outcome::unknown(format!("{path}; its version is not known"));
    };
    let found = Outcome::pass(format!("{path} {version}, of {released}"));
    let began = system.release.as_deref().and_then(series_began);
    let older =
        began.and_then(|began| Some(released.until(began).ok()?.get_days())).filter(|days| *days > TOLERATED);
    match older {
        None => found,
        Some(days) => found
            .problem(Status::Warn, format!("it is some {} months older than this kernel's series", days / 30))
            .fix([
                "install a newer makedumpfile (a backport will do), or make sure with `necropsy kdump test`",
            ]),
    }
}

/// About when the kernels of a series were first released.
fn series_began(release: &str) -> Option<Date> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let (major, minor): (i64, i64) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    // 4.20 was followed by 5.0, 5.19 by 6.0, 6.19 by 7.0.
    let since = (major.checked_sub(5)?).checked_mul(20)?.checked_add(minor)?;
    if !(0..1000).contains(&since) {
        return None;
    }
    date(2019, 3, 3).checked_add(jiff::Span::new().days(since * 65)).ok()
}

/// Its version, out of the program's own text: nothing of a mounted image is run.
fn version(system: &System, path: &str) -> Option<(String, Date)> {
    const MARK: &[u8] = b"version 1.";
    let mut bytes = Vec::new();
    system.root.open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let at = bytes.windows(MARK.len()).position(|w| w == MARK)?;
    let text = bytes.get(at..at.checked_add(64)?.min(bytes.len()))?;
    parsed(&String::from_utf8_lossy(text))
}

/// `version 1.7.2 (released on 20 Oct 2022)`.
fn parsed(text: &str) -> Option<(String, Date)> {
    const MONTHS: &[&str] =
        &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (version, rest) = text.strip_prefix("version ")?.split_once(" (released on ")?;
    let mut words = rest.split(')').next()?.split(' ');
    let day: i8 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|m| name.starts_with(m))? + 1;
    let year: i16 = words.next()?.parse().ok()?;
    let plain = version.len() <= 12 && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then_some(())?;
    Some((version.to_owned(), Date::new(year, i8::try_from(month).ok()?, day).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let text = "version 1.7.2 (released on 20 Oct 2022)\n\0x";
        assert_eq!(parsed(text), Some(("1.7.2".to_owned(), date(2022, 10, 20))));
        assert_eq!(parsed("version 1.7.2 (released on 99 Oct 2022)"), None);
        for (release, real) in
            [("5.10.0-32", date(2020, 12, 13)), ("6.1.0", date(2022, 12, 11)), ("6.12.1", date(2024, 11, 17))]
        {
            let days = series_began(release).unwrap().until(real).unwrap().get_days().abs();
            assert!(days < 45, "{release} {days}");
        }
        assert_eq!(series_began("4.18.0-553.el8"), None);
    }
}

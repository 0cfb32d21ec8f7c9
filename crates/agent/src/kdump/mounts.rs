//! Which file system a directory is on, and how much is free there.

use std::path::Path;

use crate::Root;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub source: String,
    /// Where.
    pub point: String,
    /// Its type.
    pub kind: String,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// /proc/mounts, or what a sosreport and fstab say instead.
pub fn mounts(root: &Root) -> Vec<Mount> {
    // /proc/mounts is a link to self/mounts, and that one is the reader's, not the collected machine's.
    let text =
        root.text("/proc/mounts").or_else(|| root.text("/proc/1/mounts")).or_else(|| root.text("/etc/fstab"));
    let text = text.unwrap_or_default();
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (source, point) = (words.next()?, words.next()?);
        let (kind, options) = (words.next()?, words.next()?);
        let read_only = options.split(',').any(|o| o == "ro");
        let known = !source.starts_with('#') && point.starts_with('/');
        known.then(|| Mount {
            source: unescaped(source),
            point: unescaped(point),
            kind: kind.to_owned(),
            read_only,
        })
    };
    text.lines().take(10_000).filter_map(parse).collect()
}

/// Blanks are `\040` there.
fn unescaped(word: &str) -> String {
    word.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// The mount that a path is on.
pub fn of_path<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let inside = |m: &&Mount| Path::new(path).starts_with(&m.point);
    // Of several mounts on one point the last hides the others.
    mounts.iter().filter(inside).enumerate().max_by_key(|(i, m)| (m.point.len(), *i)).map(|(_, m)| m)
}

/// Bytes that are free for root where a path is: of this machine, or as a sosreport's `df` says.
pub fn free(root: &Root, mounts: &[Mount], path: &str) -> Option<u64> {
    if root.is_live() {
        let existing = Path::new(path).ancestors().find(|p| p.exists())?;
        let stat = rustix::fs::statvfs(existing).ok()?;
        return stat.f_bfree.checked_mul(stat.f_frsize);
    }
    let point = &of_path(mounts, path)?.point;
    let reports = ["/sos_commands/filesys/df_-al_-x_autofs", "/sos_commands/filesys/df_-al", "/df"];
    let text = reports.iter().find_map(|p| root.text(p))?;
    let line = text.lines().find(|l| l.split_ascii_whitespace().last() == Some(point))?;
    let mut words = line.split_ascii_whitespace().rev();
    words.nth(2)?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_point_wins() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc")).unwrap();
        let text =
            "/dev/a / ext4 rw 0 0\n/dev/b /var xfs ro,x 0 0\n/dev/c /var/crash\\040x xfs rw 0 0\nnonsense\n";
        std::fs::write(dir.path().join("proc/mounts"), text).unwrap();
        let root = Root::new(dir.path());
        let all = mounts(&root);
        let of = |p| of_path(&all, p).map(|m| m.source.as_str());
        assert_eq!(of("/var/crash"), Some("/dev/b"));
        assert_eq!(of("/various"), Some("/dev/a"));
        assert_eq!(of("/var/crash x/y"), Some("/dev/c"));
        std::fs::write(
            dir.path().join("df"),
            "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/b 9 5 4 50% /var\n",
        )
        .unwrap();
        assert_eq!(free(&root, &all, "/var/crash"), Some(4096));
        assert_eq!(free(&root, &all, "/home"), None);
    }
}

//! Which file system a directory is on, and how much is free there.

use std::path::Path;
use std::time::Duration;

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

impl Mount {
    /// Whether another machine has to answer.
    pub fn is_remote(&self) -> bool {
        ["nfs", "cifs", "smb"].iter().any(|kind| self.kind.starts_with(kind))
    }
}

/// /proc/mounts, or what a sosreport and fstab say instead.
pub fn mounts(root: &Root) -> Vec<Mount> {
    // /proc/mounts is a link to self/mounts, and that one is the reader's, not the collected machine's.
    let text =
        root.text("/proc/mounts").or_else(|| root.text("/proc/1/mounts")).or_else(|| root.text("/etc/fstab"));
    parsed(&text.unwrap_or_default())
}

/// What is in such a file.
pub fn parsed(text: &str) -> Vec<Mount> {
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

/// The mount of another machine's export, and what of the address lies below it: `host:/export/dumps`, `host/export/dumps`,
/// `user:password@host/share`.
pub fn of_export<'a>(mounts: &'a [Mount], address: &'a str) -> Option<(&'a Mount, &'a str)> {
    let plain = |m: &str| m.trim_start_matches("//").replacen(":/", "/", 1);
    let address = address.rsplit_once('@').map_or(address, |(_, a)| a).trim_start_matches("//");
    let below = |m: &'a Mount| {
        let source = plain(m.source.trim_end_matches('/'));
        let rest = plain(address).strip_prefix(source.as_str()).map(str::len)?;
        let rest = address.get(address.len().checked_sub(rest)?..)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((m, rest))
    };
    mounts.iter().filter(|m| m.is_remote()).filter_map(below).min_by_key(|(_, rest)| rest.len())
}

/// How long another machine may take to say how full its disk is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that are free for root where a path is: of this machine, or as a sosreport's `df` says.
pub fn free(root: &Root, mounts: &[Mount], path: &str) -> Option<u64> {
    if root.is_live() {
        return free_here(path);
    }
    let point = &of_path(mounts, path)?.point;
    let reports = ["/sos_commands/filesys/df_-al_-x_autofs", "/sos_commands/filesys/df_-al", "/df"];
    let text = reports.iter().find_map(|p| root.text(p))?;
    let line = text.lines().find(|l| l.split_ascii_whitespace().last() == Some(point))?;
    let mut words = line.split_ascii_whitespace().rev();
    words.nth(2)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Asked in a thread of its own: a server that is gone answers never.
fn free_here(path: &str) -> Option<u64> {
    let (path, (tell, told)) = (path.to_owned(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let existing = Path::new(&path).ancestors().find(|p| p.exists());
        let stat = existing.and_then(|p| rustix::fs::statvfs(p).ok());
        let _ = tell.send(stat.and_then(|s| s.f_bfree.checked_mul(s.f_frsize)));
    });
    told.recv_timeout(PATIENCE).ok().flatten()
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

    #[test]
    fn exports_by_address() {
        let mount = |source: &str, kind: &str, point: &str| Mount {
            source: source.to_owned(),
            point: point.to_owned(),
            kind: kind.to_owned(),
            read_only: false,
        };
        let all = [
            mount("store:/export", "nfs4", "/a"),
            mount("store:/export/dumps", "nfs", "/b"),
            mount("[2001:db8::1]:/export", "nfs4", "/6"),
            mount("//win/share", "cifs", "/c"),
            mount("store:/other", "ext4", "/d"),
        ];
        let of = |address| of_export(&all, address).map(|(m, rest)| (m.point.as_str(), rest));
        assert_eq!(of("store:/export/dumps/x"), Some(("/b", "/x")));
        assert_eq!(of("store/export/y"), Some(("/a", "/y")));
        assert_eq!(of("[2001:db8::1]:/export"), Some(("/6", "")));
        assert_eq!(of("user:secret@win/share/dumps"), Some(("/c", "/dumps")));
        assert_eq!([of("store:/exported"), of("store:/other"), of("")], [None; 3]);
    }
}

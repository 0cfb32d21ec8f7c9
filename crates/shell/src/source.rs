//! The text of source files, where a tree of them is found.
//!
//! A file is named as the compiler was told. It is looked for under each directory given (`--source-dir`), there also
//! without its first components; as it is named; in the trees that distributions install (`/usr/src/linux-source-VERSION`,
//! `/usr/src/linux-VERSION`, what `/lib/modules/RELEASE/source` and `build` lead to); and in Debian's
//! `linux-source-VERSION.tar.xz`. Nothing tells whether a tree is the one that the kernel was built from, so its path is shown.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// No source file is larger.
const MAX_FILE: u64 = 16 << 20;
/// Memory that a tarball's dictionary may ask for.
const MAX_XZ_KIB: u32 = 512 << 10;
/// Files in a tarball that are looked at.
const MAX_ENTRIES: usize = 1 << 20;

/// Where source files are.
#[derive(Default)]
pub struct Sources {
    dirs: Vec<PathBuf>,
    maps: Vec<(String, String)>,
    tarballs: Vec<PathBuf>,
    read: Mutex<HashMap<String, Option<Arc<SourceFile>>>>,
}

/// A source file.
pub struct SourceFile {
    /// Where it was found.
    pub found: String,
    /// Its lines.
    pub lines: Vec<String>,
}

impl Sources {
    /// Looks in `given` first, then where distributions put the sources of `release`. `maps` rewrite the beginnings of paths.
    pub fn new(given: &[PathBuf], maps: Vec<(String, String)>, release: &str) -> Sources {
        let mut dirs = given.to_vec();
        let mut tarballs = Vec::new();
        for name in names(release) {
            dirs.push(Path::new("/usr/src").join(&name));
            tarballs.push(Path::new("/usr/src").join(format!("{name}.tar.xz")));
        }
        if !release.is_empty() && !release.contains('/') && !release.starts_with('.') {
            let modules = Path::new("/lib/modules").join(release);
            dirs.extend([modules.join("source"), modules.join("build")]);
        }
        tarballs.extend(given.iter().filter(|p| p.is_file()).cloned());
        Sources { dirs, maps, tarballs, read: Mutex::default() }
    }

    /// The file called `name` by the compiler.
    pub fn file(&self, name: &str) -> Option<Arc<SourceFile>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = read.get(name) {
            return found.clone();
        }
        let found = self.find(name).map(Arc::new);
        read.insert(name.to_owned(), found.clone());
        found
    }

    fn find(&self, name: &str) -> Option<SourceFile> {
        let mapped =
            self.maps.iter().find_map(|(from, to)| Some(format!("{to}{}", name.strip_prefix(from)?)));
        let name = mapped.as_deref().unwrap_or(name);
        let tails = tails(name);
        let in_dirs = self.dirs.iter().filter(|d| d.is_dir());
        let paths = in_dirs.flat_map(|dir| tails.iter().map(move |tail| dir.join(tail)));
        let absolute = Path::new(name).is_absolute().then(|| PathBuf::from(name));
        let mut paths = paths.chain(absolute);
        paths.find_map(|path| open(&path)).or_else(|| {
            self.tarballs.iter().filter(|t| t.is_file()).find_map(|tarball| in_tarball(tarball, &tails))
        })
    }
}

/// What packages call the sources of a release: `6.1.0-56-cloud-amd64` is of 6.1.
fn names(release: &str) -> Vec<String> {
    let mut numbers = release.split(['.', '-', '+', '~']).take_while(|n| n.parse::<u32>().is_ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else { return Vec::new() };
    let mut out = Vec::new();
    if let Some(patch) = numbers.next() {
        out.extend([
            format!("linux-source-{major}.{minor}.{patch}"),
            format!("linux-{major}.{minor}.{patch}"),
        ]);
    }
    out.extend([format!("linux-source-{major}.{minor}"), format!("linux-{major}.{minor}")]);
    out
}

/// The path and its ends, longest first; nothing that leads out of a directory.
fn tails(name: &str) -> Vec<PathBuf> {
    let parts: Vec<&std::ffi::OsStr> = Path::new(name)
        .components()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect();
    (0..parts.len()).map(|skip| parts[skip..].iter().collect()).collect()
}

fn open(path: &Path) -> Option<SourceFile> {
    let meta = fs::metadata(path).ok().filter(|m| m.is_file() && m.len() <= MAX_FILE)?;
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    fs::File::open(path).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(source(path.display().to_string(), &bytes))
}

fn source(found: String, bytes: &[u8]) -> SourceFile {
    let text = String::from_utf8_lossy(bytes);
    SourceFile { found, lines: text.lines().map(str::to_owned).collect() }
}

/// A file out of a tarball whose entries are all below one directory.
fn in_tarball(tarball: &Path, tails: &[PathBuf]) -> Option<SourceFile> {
    let packed = std::io::BufReader::new(fs::File::open(tarball).ok()?);
    let mut archive = tar::Archive::new(lzma_rust2::XzReader::new_mem_limit(packed, true, MAX_XZ_KIB));
    let entries = archive.entries().ok()?.take(MAX_ENTRIES);
    for entry in entries {
        let mut entry = entry.ok()?;
        let path = entry.path().ok()?.into_owned();
        let inside: PathBuf = path.components().skip(1).collect();
        if tails.contains(&inside) && entry.size() <= MAX_FILE {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            return Some(source(format!("{}: {}", tarball.display(), path.display()), &bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_packages() {
        assert_eq!(names("6.1.0-56-cloud-amd64")[2..], ["linux-source-6.1", "linux-6.1"]);
        assert_eq!(names("3.10.0-1160.el7.x86_64")[0], "linux-source-3.10.0");
        assert!(names("").is_empty() && names("../..").is_empty());
    }

    #[test]
    fn ends_of_paths() {
        let all: Vec<String> =
            tails("/build/linux/kernel/panic.c").iter().map(|p| p.display().to_string()).collect();
        assert_eq!(all, ["build/linux/kernel/panic.c", "linux/kernel/panic.c", "kernel/panic.c", "panic.c"]);
        assert_eq!(tails("netpkt.c"), [PathBuf::from("netpkt.c")]);
        assert_eq!(tails("../../etc/passwd"), [PathBuf::from("etc/passwd"), PathBuf::from("passwd")]);
        assert!(tails("/").is_empty());
    }

    #[test]
    fn a_tree_and_a_tarball() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("tree/kernel")).unwrap();
        fs::write(dir.path().join("tree/kernel/panic.c"), "one\ntwo\n").unwrap();
        let sources = Sources::new(&[dir.path().join("tree")], Vec::new(), "");
        let found = sources.file("/build/linux-6.1/kernel/panic.c").unwrap();
        assert_eq!(found.lines, ["one", "two"]);
        assert!(found.found.ends_with("tree/kernel/panic.c"));
        assert!(sources.file("kernel/nothing.c").is_none());

        let mapped =
            Sources::new(&[], vec![("/build".into(), dir.path().join("tree").display().to_string())], "");
        assert!(mapped.file("/build/kernel/panic.c").is_some());

        let tarball = dir.path().join("linux-source-6.1.tar.xz");
        let xz = lzma_rust2::XzWriter::new(
            fs::File::create(&tarball).unwrap(),
            lzma_rust2::XzOptions::with_preset(0),
        );
        let mut builder = tar::Builder::new(xz.unwrap());
        builder
            .append_path_with_name(dir.path().join("tree/kernel/panic.c"), "linux-source-6.1/kernel/panic.c")
            .unwrap();
        builder.into_inner().unwrap().finish().unwrap();
        let packed = Sources::new(&[tarball], Vec::new(), "");
        assert_eq!(packed.file("kernel/panic.c").unwrap().lines, ["one", "two"]);
    }
}

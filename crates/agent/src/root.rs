//! Files of a machine: of this one, of a mounted image, or of a collected sosreport.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

/// No configuration file or file of /proc that is read here is larger.
const LARGEST: u64 = 4 << 20;
/// No directory that is listed here has more names worth looking at.
const NAMES: usize = 16_384;
/// As many symbolic links as the kernel follows.
const LINKS: usize = 40;

/// What reading a file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Its text; bytes that are none are replaced.
    Text(String),
    /// There is no such file.
    Missing,
    /// It may be there, but cannot be read.
    Unreadable(String),
}

impl Read {
    /// The text, if there is one.
    pub fn text(self) -> Option<String> {
        match self {
            Read::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The root directory of a machine's files.
#[derive(Clone, Debug)]
pub struct Root {
    dir: PathBuf,
}

impl Root {
    /// Files below a directory; `/` is this machine.
    pub fn new(dir: impl Into<PathBuf>) -> Root {
        Root { dir: dir.into() }
    }

    /// Whether these are the files of the machine that this runs on.
    pub fn is_live(&self) -> bool {
        self.dir == Path::new("/")
    }

    /// Where a file of that machine lies here. Symbolic links are followed as that machine would: never out of the root.
    pub fn path(&self, path: &str) -> PathBuf {
        if self.is_live() {
            return PathBuf::from(path);
        }
        let mut todo: Vec<PathBuf> = parts(Path::new(path));
        todo.reverse();
        let mut done = PathBuf::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == Path::new("..") {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            match std::fs::read_link(self.dir.join(&next)) {
                Ok(to) if links < LINKS => {
                    links += 1;
                    if to.is_absolute() {
                        done = PathBuf::new();
                    }
                    todo.extend(parts(&to).into_iter().rev());
                }
                _ => done = next,
            }
        }
        self.dir.join(done)
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> Read {
        let mut bytes = Vec::new();
        match self.open(path).and_then(|f| f.take(LARGEST).read_to_end(&mut bytes)) {
            Ok(_) => Read::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(e) if is_absent(&e) => Read::Missing,
            Err(e) => Read::Unreadable(e.to_string()),
        }
    }

    /// Opens a file. What is none is not opened: a FIFO would wait for a writer.
    pub fn open(&self, path: &str) -> std::io::Result<File> {
        open_file(&self.path(path))
    }

    /// A file's text, if there is one and it can be read.
    pub fn text(&self, path: &str) -> Option<String> {
        self.read(path).text()
    }

    /// A file's text without the white space around it.
    pub fn word(&self, path: &str) -> Option<String> {
        self.text(path).map(|t| t.trim().to_owned())
    }

    /// A file that holds a number.
    pub fn number(&self, path: &str) -> Option<i64> {
        self.word(path)?.parse().ok()
    }

    /// What a path is; `Err` if that cannot be known.
    pub fn look(&self, path: &str) -> Result<Option<Metadata>, String> {
        match std::fs::metadata(self.path(path)) {
            Ok(meta) => Ok(Some(meta)),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Whether there is a file; what cannot be known counts as no.
    pub fn exists(&self, path: &str) -> bool {
        matches!(self.look(path), Ok(Some(_)))
    }

    /// Names in a directory, sorted; none if it cannot be read.
    pub fn list(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(path)) else { return Vec::new() };
        let names = entries.take(NAMES).filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    /// Where a symbolic link leads, as it is written.
    pub fn link(&self, path: &str) -> Option<PathBuf> {
        let (dir, name) = path.rsplit_once('/')?;
        std::fs::read_link(self.path(if dir.is_empty() { "/" } else { dir }).join(name)).ok()
    }

    /// The path of a file of that machine, with all symbolic links followed.
    pub fn canonical(&self, path: &str) -> Option<String> {
        let real = if self.is_live() { std::fs::canonicalize(path).ok()? } else { self.path(path) };
        let inside = if self.is_live() { real.as_path() } else { real.strip_prefix(&self.dir).ok()? };
        Some(format!("/{}", inside.to_str()?.trim_start_matches('/')))
    }
}

/// Opens a file, if it is one. A device is not even opened (that alone starts a watchdog), and a FIFO that takes the file's place
/// meanwhile makes nobody wait.
pub fn open_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let no_file = || std::io::Error::other("not a file");
    if !std::fs::metadata(path)?.is_file() {
        return Err(no_file());
    }
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

fn is_absent(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn parts(path: &Path) -> Vec<PathBuf> {
    let part = |c: Component<'_>| match c {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_below_the_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("usr/lib")).unwrap();
        std::fs::write(dir.path().join("usr/lib/os-release"), "ID=x\n").unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
        link("/usr/lib/os-release", "etc/os-release");
        link("../../../../../etc/os-release", "up");
        link("loop", "loop");
        let root = Root::new(dir.path());
        assert_eq!(root.word("/etc/os-release").as_deref(), Some("ID=x"));
        assert_eq!(root.word("/up").as_deref(), Some("ID=x"));
        assert_eq!(root.canonical("/up").as_deref(), Some("/usr/lib/os-release"));
        assert!(!root.exists("/loop"));
        assert_eq!(root.read("/etc"), Read::Unreadable("not a file".to_owned()));
        assert_eq!(root.read("/etc/os-release/x"), Read::Missing);
    }
}

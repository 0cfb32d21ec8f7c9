//! Lines that a session starts with: the user's `~/.necropsyrc`, or where there is none `~/.crashrc`.
//!
//! Sessions and input files (`-i`) begin with them. Commands given with `-c` do not: they are a script's, and mean the same for everybody.
//!
//! Only the user's own file counts, in the user's own directory: a dump comes from others, and so may the directory it lies in. crash also
//! reads `./.crashrc`: whoever sends a directory with a dump could run commands so (`!`, `|`).

use std::path::{Path, PathBuf};

/// The lines, and the file they are from.
pub fn lines() -> Option<(PathBuf, Vec<String>)> {
    let home = PathBuf::from(std::env::var_os("HOME").filter(|h| !h.is_empty())?);
    let path = [".necropsyrc", ".crashrc"].iter().map(|n| home.join(n)).find(|p| own(p, &home))?;
    let text = std::fs::read_to_string(&path).ok()?;
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    Some((path, lines.map(str::to_owned).collect()))
}

/// A file that belongs to whom the directory belongs to, and that nobody else can write.
#[cfg(unix)]
fn own(path: &Path, home: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(file), Ok(home)) = (path.metadata(), home.metadata()) else {
        return false;
    };
    file.is_file() && file.uid() == home.uid() && file.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn own(path: &Path, _: &Path) -> bool {
    path.is_file()
}

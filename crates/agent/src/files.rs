//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes a file so that after a crash at any moment there is the old one or the new one, and after the return the new one.
pub fn write_whole(path: &Path, data: &[u8]) -> io::Result<()> {
    let dir = directory(path);
    let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    new.write_all(data)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|e| e.error)?;
    sync_directory(dir)
}

/// The same for what other users of this machine may read, too.
pub fn write_public(path: &Path, data: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let dir = directory(path);
    let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    new.write_all(data)?;
    new.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|e| e.error)?;
    sync_directory(dir)
}

/// Makes sure that names that were added to a directory, or removed, stay so.
pub fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The directory that a file is in.
pub fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

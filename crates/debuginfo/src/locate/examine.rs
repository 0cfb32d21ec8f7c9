//! Looks into a file: is it the one wanted, and what does it have?

use std::path::Path;

use super::places::Place;
use super::{FoundFile, How, Identity, Mismatch, Refused, Wanted, What, hex, links};
use crate::FileBytes;
use crate::elf::File;

const NOBITS: u32 = 8;
/// No longer banner is compared.
const MAX_BANNER: usize = 1024;

/// A file that is the one wanted, and where it says its debugging information is.
pub(super) struct Match {
    pub file: FoundFile,
    pub debug_link: Option<String>,
}

/// Looks at a place: `None` if there is no file.
pub(super) fn examine(place: &Place, wanted: &Wanted) -> Option<Result<Match, Refused>> {
    let meta = std::fs::metadata(&place.path).ok()?;
    // Debuginfod's clients remember by an empty file that there is none.
    if !meta.is_file() || meta.len() == 0 {
        return None;
    }
    let refused = |why| Refused { path: place.path.clone(), how: place.how, why };
    Some(look(place, wanted).map_err(refused))
}

fn look(place: &Place, wanted: &Wanted) -> Result<Match, Mismatch> {
    let bytes = FileBytes::open(&place.path).map_err(|e| Mismatch::Unreadable(e.to_string()))?;
    let file = File::open(&bytes)?;
    let build_id = file.build_id(&bytes);
    let known_by = match &wanted.build_id {
        Some(id) => same_id(id, build_id.as_deref())?,
        None => without_id(place, wanted, &file, &bytes)?,
    };
    let debug_link = links::debug_link(&file, &bytes);
    let (path, how) = (place.path.clone(), place.how);
    let (has_dwarf, has_code) = (has_dwarf(&file), has_code(&file));
    Ok(Match { file: FoundFile { path, how, known_by, has_dwarf, has_code, build_id }, debug_link })
}

/// Whether a file has DWARF of its own.
fn has_dwarf(file: &File) -> bool {
    let section = file.section(".debug_info").or_else(|| file.section(".zdebug_info"));
    section.is_some_and(|s| s.kind != NOBITS && s.size > 0)
}

fn has_code(file: &File) -> bool {
    file.section(".text").is_some_and(|s| s.kind != NOBITS && s.size > 0)
}

/// Whether the file at a path has this build ID.
pub(super) fn has_id(path: &Path, id: &[u8]) -> bool {
    let Ok(bytes) = FileBytes::open(path) else { return false };
    File::open(&bytes).is_ok_and(|file| file.build_id(&bytes).as_deref() == Some(id))
}

fn same_id(wanted: &[u8], found: Option<&[u8]>) -> Result<Identity, Mismatch> {
    let wanted_text = || hex(wanted);
    match found {
        Some(found) if found == wanted => Ok(Identity::BuildId),
        Some(found) => Err(Mismatch::BuildId { found: hex(found), wanted: wanted_text() }),
        None => Err(Mismatch::NoBuildId { wanted: wanted_text() }),
    }
}

fn without_id(place: &Place, wanted: &Wanted, file: &File, bytes: &FileBytes) -> Result<Identity, Mismatch> {
    let told = match &wanted.what {
        What::Kernel => wanted.banner.as_deref().and_then(|b| by_banner(b.trim(), file, bytes)),
        What::Module(_) if wanted.release.is_empty() => None,
        What::Module(_) => by_release(&wanted.release, file, bytes),
    };
    match told {
        Some(answer) => answer,
        None if place.of_release => Ok(Identity::Place),
        None if place.how == How::Given => Ok(Identity::Unchecked),
        // A log need not say anything about its kernel: then what the user's directory has is all there is.
        None if place.how == How::DebugDir && wanted.release.is_empty() && wanted.banner.is_none() => {
            Ok(Identity::Unchecked)
        }
        None => Err(Mismatch::Incomparable),
    }
}

fn by_banner(wanted: &str, file: &File, bytes: &FileBytes) -> Option<Result<Identity, Mismatch>> {
    const BEGIN: &[u8] = b"Linux version ";
    let mut other = None;
    for data in [".rodata", ".data", ".init.rodata"].iter().filter_map(|s| contents(file, bytes, s)) {
        for at in memchr::memmem::find_iter(data, BEGIN).take(64) {
            let tail = data.get(at..).unwrap_or_default();
            let tail = tail.get(..MAX_BANNER).unwrap_or(tail);
            let end = tail.iter().position(|b| matches!(b, 0 | b'\n')).unwrap_or(tail.len());
            let found = String::from_utf8_lossy(tail.get(..end).unwrap_or_default());
            if found.trim() == wanted {
                return Some(Ok(Identity::Banner));
            }
            // Other texts begin the same; a banner has a digit next and names a builder. Since 6.1 there is one more, without
            // the number of the build, before the one that counts.
            let number = tail.get(BEGIN.len()).is_some_and(u8::is_ascii_digit);
            other = (number && found.contains('(')).then(|| found.into_owned()).or(other);
        }
    }
    other.map(|found| Err(Mismatch::Banner { found, wanted: wanted.to_owned() }))
}

fn by_release(wanted: &str, file: &File, bytes: &FileBytes) -> Option<Result<Identity, Mismatch>> {
    let info = contents(file, bytes, ".modinfo")?;
    let magic = info.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(b"vermagic="))?;
    let found = String::from_utf8_lossy(magic.split(|b| *b == b' ').next()?).into_owned();
    let same = found == wanted;
    Some(if same {
        Ok(Identity::Release)
    } else {
        Err(Mismatch::Release { found, wanted: wanted.to_owned() })
    })
}

/// The bytes of a section, if the file has them.
fn contents<'a>(file: &File, bytes: &'a FileBytes, name: &str) -> Option<&'a [u8]> {
    let section = file.section(name).filter(|s| s.kind != NOBITS)?;
    let start = usize::try_from(section.offset.0).ok()?;
    let size = usize::try_from(section.size).ok()?;
    bytes.get(start..start.checked_add(size)?)
}

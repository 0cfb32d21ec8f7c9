//! Where distributions put what. Every place is below a root: `/`, or a directory into which a package was unpacked.

use std::path::{Path, PathBuf};

use super::{How, Wanted, What, hex};

/// How whole files are compressed.
pub(super) const PACKED: [&str; 4] = ["", ".xz", ".zst", ".gz"];

/// A place to try.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The file.
    pub path: PathBuf,
    /// Which kind of place.
    pub how: How,
    /// Whether files at this place are of the release by convention.
    pub of_release: bool,
}

impl Place {
    pub fn new(path: PathBuf, how: How, of_release: bool) -> Place {
        Place { path, how, of_release }
    }
}

/// A release that may be part of a path.
pub(super) fn safe_release(release: &str) -> Option<&str> {
    let safe = !release.is_empty() && release.len() < 200 && !release.starts_with('.');
    (safe && release.bytes().all(|b| b.is_ascii_graphic() && b != b'/')).then_some(release)
}

/// `xx/yyyy.debug`, and the link to the file itself that some distributions have beside it.
fn id_names(id: &[u8]) -> Option<[String; 2]> {
    let (first, rest) = id.split_first().filter(|_| (3..=64).contains(&id.len()))?;
    let name = format!("{first:02x}/{}", hex(rest));
    Some([format!("{name}.debug"), name])
}

/// A file in the build ID trees below `dir`, which may be such a tree itself.
pub(super) fn id_tree(dir: &Path, id: &[u8], how: How) -> Vec<Place> {
    let trees = [dir.join(".build-id"), dir.to_path_buf()];
    let names = id_names(id).into_iter().flatten();
    names.flat_map(|name| trees.clone().map(|t| Place::new(t.join(&name), how, false))).collect()
}

/// The build ID trees of a system.
pub(super) fn system_id_trees(root: &Path, id: &[u8]) -> Vec<Place> {
    let trees = ["usr/lib/debug/.build-id", "usr/lib/.build-id"];
    let names = id_names(id).into_iter().flatten();
    names.flat_map(|n| trees.map(|t| Place::new(root.join(t).join(&n), How::BuildIdTree, false))).collect()
}

/// Where a vmlinux of this release may be. Debian and Ubuntu: `lib/modules/REL/vmlinux`, older ones `boot/vmlinux-REL`,
/// below `usr/lib/debug`; Fedora and RHEL the same, or `usr/lib/modules`; SUSE with `.debug` at the end, and the stripped
/// one packed in `boot`.
pub(super) fn kernels(root: &Path, release: &str) -> Vec<Place> {
    let plain = |dir: &str| format!("{dir}/modules/{release}/vmlinux");
    let places = [
        (How::UsrLibDebug, plain("usr/lib/debug/lib")),
        (How::UsrLibDebug, plain("usr/lib/debug/usr/lib")),
        (How::UsrLibDebug, format!("usr/lib/debug/boot/vmlinux-{release}")),
        (How::UsrLibDebug, format!("usr/lib/debug/vmlinux-{release}")),
        (How::Modules, plain("lib")),
        (How::Modules, plain("usr/lib")),
        (How::ModulesBuild, format!("lib/modules/{release}/build/vmlinux")),
        (How::ModulesBuild, format!("usr/lib/modules/{release}/build/vmlinux")),
        (How::Boot, format!("boot/vmlinux-{release}")),
    ];
    let variants = |(how, path): (How, String)| {
        ["", ".debug"].iter().flat_map(move |debug| {
            let path = format!("{path}{debug}");
            PACKED.map(|packed| (how, format!("{path}{packed}")))
        })
    };
    places.into_iter().flat_map(variants).map(|(how, p)| Place::new(root.join(p), how, true)).collect()
}

/// The trees in which the modules of a release are.
pub(super) fn module_trees(root: &Path, release: &str) -> Vec<(PathBuf, How)> {
    let of = |dir: &str, how| (root.join(dir).join("modules").join(release), how);
    vec![
        of("usr/lib/debug/lib", How::UsrLibDebug),
        of("usr/lib/debug/usr/lib", How::UsrLibDebug),
        of("lib", How::Modules),
        of("usr/lib", How::Modules),
    ]
}

/// The files that a stripped one's debug link may mean: beside it, in `.debug`, and below `usr/lib/debug`.
pub(super) fn linked(root: Option<&Path>, stripped: &Path, link: &str) -> Vec<Place> {
    let Some(dir) = stripped.parent() else { return Vec::new() };
    let mut found = vec![dir.join(link), dir.join(".debug").join(link)];
    if let Some(root) = root {
        let inside = dir.strip_prefix(root).unwrap_or(dir);
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        found.push(root.join("usr/lib/debug").join(inside).join(link));
    }
    let packed = |p: PathBuf| {
        PACKED.map(|s| {
            let mut name = p.clone().into_os_string();
            name.push(s);
            Place::new(name.into(), How::DebugLink, false)
        })
    };
    found.into_iter().flat_map(packed).collect()
}

/// The module that a file name names: without `.ko` and what follows, `-` and `_` being the same.
pub(super) fn module_name(file: &str) -> Option<String> {
    let file = PACKED.iter().skip(1).find_map(|s| file.strip_suffix(s)).unwrap_or(file);
    let name = file.strip_suffix(".debug").unwrap_or(file).strip_suffix(".ko")?;
    (!name.is_empty()).then(|| name.replace('-', "_"))
}

/// The key under which a wanted module is in an index.
pub(super) fn key(wanted: &Wanted) -> Option<String> {
    match &wanted.what {
        What::Kernel => None,
        What::Module(name) => Some(name.replace('-', "_")),
    }
}

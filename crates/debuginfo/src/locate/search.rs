//! The search itself: place after place, until the file wanted is found with its debugging information.

use std::path::{Path, PathBuf};

use super::debuginfod::{Cached, Debuginfod};
use super::examine::{Match, examine, has_id};
use super::index::Index;
use super::places::{self, Place};
use super::{AltLink, Found, FoundFile, How, Identity, Wanted, What};

/// Paths remembered as tried.
const MAX_TRIED: usize = 256;
/// Files named `vmlinux…` that are opened in one directory.
const MAX_KERNELS: usize = 64;

/// Where to look. Directories are walked once and remembered: keep a `Search` for all files of a dump.
#[derive(Debug, Default)]
pub struct Search {
    /// Files given: a vmlinux, modules.
    pub files: Vec<PathBuf>,
    /// Directories given: with modules at any depth, a vmlinux, a `.build-id` tree, or an unpacked package.
    pub dirs: Vec<PathBuf>,
    /// Where the dump's files are: only these directories themselves are looked at.
    pub dump_dirs: Vec<PathBuf>,
    /// Where the system's files are: `/`. `None`: not there.
    pub root: Option<PathBuf>,
    /// Debuginfod's cache and servers.
    pub debuginfod: Option<Debuginfod>,
    index: Index,
}

/// What a file should have.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Needs {
    #[default]
    Dwarf,
    Code,
}

/// What was found so far.
#[derive(Default)]
struct Pick {
    needs: Needs,
    matches: Vec<Match>,
    found: Found,
}

impl Pick {
    /// Looks at a place; says whether the search is over.
    fn offer(&mut self, place: &Place, wanted: &Wanted) -> bool {
        if self.found.tried.contains(&place.path) {
            return false;
        }
        if self.found.tried.len() < MAX_TRIED {
            self.found.tried.push(place.path.clone());
        }
        match examine(place, wanted) {
            None => false,
            Some(Err(refused)) => {
                if !self.found.refused.iter().any(|r| r.path == refused.path) {
                    self.found.refused.push(refused);
                }
                false
            }
            Some(Ok(found)) => {
                let over = self.has_all(&found.file) && found.file.known_by >= Identity::Release;
                self.matches.push(found);
                over
            }
        }
    }

    fn has_all(&self, file: &FoundFile) -> bool {
        match self.needs {
            Needs::Dwarf => file.has_dwarf,
            Needs::Code => file.has_code,
        }
    }

    fn over(&self) -> bool {
        self.matches.iter().any(|m| self.has_all(&m.file) && m.file.known_by >= Identity::Release)
    }

    /// The best file: with what is needed, then the surest, then the first.
    fn finish(mut self) -> Found {
        let files = self.matches.iter().map(|m| m.file.clone()).rev();
        let best = files.max_by_key(|f| (self.has_all(f), f.known_by));
        self.found.file = best;
        self.found
    }
}

impl Search {
    /// The best file for what is wanted.
    pub fn find(&self, wanted: &Wanted) -> Found {
        let mut pick = Pick::default();
        self.look(wanted, &mut pick);
        if !pick.over() && wanted.build_id.is_none() {
            self.by_its_twin(wanted, &mut pick);
        }
        pick.finish()
    }

    /// The best file with code for what is wanted; nothing is fetched for it.
    pub fn find_code(&self, wanted: &Wanted) -> Option<FoundFile> {
        let mut pick = Pick { needs: Needs::Code, ..Pick::default() };
        self.look_around(wanted, &mut pick);
        pick.finish().file.filter(|file| file.has_code)
    }

    /// The same among the files and directories given alone: were they the right ones?
    pub fn find_given(&self, wanted: &Wanted) -> Found {
        let mut pick = Pick::default();
        for stage in [Self::given, Self::in_dirs] {
            let places = stage(self, wanted, &mut pick.found.notes);
            if places.iter().any(|place| pick.offer(place, wanted)) {
                break;
            }
        }
        pick.finish()
    }

    /// The places on this machine; whether one had all.
    fn look_around(&self, wanted: &Wanted, pick: &mut Pick) -> bool {
        let stages = [Self::given, Self::in_dirs, Self::beside_dump, Self::by_id, Self::on_system];
        stages.iter().any(|stage| {
            let places = stage(self, wanted, &mut pick.found.notes);
            places.iter().any(|place| pick.offer(place, wanted))
        })
    }

    fn look(&self, wanted: &Wanted, pick: &mut Pick) {
        if !self.look_around(wanted, pick) && !self.by_link(wanted, pick) {
            self.ask_debuginfod(wanted, pick);
        }
    }

    /// Without a build ID from the dump: a stripped file that was recognised otherwise tells it.
    fn by_its_twin(&self, wanted: &Wanted, pick: &mut Pick) {
        let sure = pick.matches.iter().find(|m| m.file.known_by >= Identity::Release);
        let Some((id, known_by)) = sure.and_then(|m| Some((m.file.build_id.clone()?, m.file.known_by)))
        else {
            return;
        };
        let mut again = Pick::default();
        self.look(&Wanted { build_id: Some(id), ..wanted.clone() }, &mut again);
        again.matches.iter_mut().for_each(|m| m.file.known_by = known_by);
        again.found.notes.clear();
        // What only its place spoke for is now known to be right or wrong.
        pick.matches.retain(|m| m.file.known_by > Identity::Place);
        pick.matches.append(&mut again.matches);
        let known: Vec<PathBuf> = pick.found.refused.iter().map(|r| r.path.clone()).collect();
        pick.found.refused.extend(again.found.refused.into_iter().filter(|r| !known.contains(&r.path)));
    }

    fn given(&self, wanted: &Wanted, _: &mut Vec<String>) -> Vec<Place> {
        let name = |path: &Path| path.file_name().and_then(|n| places::module_name(&n.to_string_lossy()));
        let key = places::key(wanted);
        let fits = self.files.iter().filter(|path| name(path) == key);
        fits.map(|path| Place::new(path.clone(), How::Given, false)).collect()
    }

    fn in_dirs(&self, wanted: &Wanted, notes: &mut Vec<String>) -> Vec<Place> {
        let mut found = Vec::new();
        for dir in &self.dirs {
            let id = wanted.build_id.as_deref();
            found.extend(id.into_iter().flat_map(|id| places::id_tree(dir, id, How::DebugDir)));
            let inside = self.below(dir, wanted, notes);
            found.extend(inside.into_iter().map(|p| Place { how: How::DebugDir, ..p }));
            found.extend(self.tree(dir, true, How::DebugDir, wanted, notes));
        }
        found
    }

    fn beside_dump(&self, wanted: &Wanted, notes: &mut Vec<String>) -> Vec<Place> {
        let dirs = self.dump_dirs.iter();
        dirs.flat_map(|dir| self.tree(dir, false, How::DumpDir, wanted, notes)).collect()
    }

    fn by_id(&self, wanted: &Wanted, _: &mut Vec<String>) -> Vec<Place> {
        match (&self.root, &wanted.build_id) {
            (Some(root), Some(id)) => places::system_id_trees(root, id),
            _ => Vec::new(),
        }
    }

    fn on_system(&self, wanted: &Wanted, notes: &mut Vec<String>) -> Vec<Place> {
        let Some(root) = &self.root else { return Vec::new() };
        let Some(release) = places::safe_release(&wanted.release) else { return Vec::new() };
        let mut found = self.below(root, wanted, notes);
        if wanted.what != What::Kernel {
            for (tree, how) in places::module_trees(root, release) {
                found.extend(self.tree(&tree, true, how, wanted, notes).into_iter().map(of_release));
            }
        }
        found
    }

    /// The places of a kernel and the build ID tree below a root.
    fn below(&self, root: &Path, wanted: &Wanted, _: &mut Vec<String>) -> Vec<Place> {
        let id = wanted.build_id.as_deref().into_iter();
        let mut found: Vec<Place> = id.flat_map(|id| places::system_id_trees(root, id)).collect();
        if let (What::Kernel, Some(release)) = (&wanted.what, places::safe_release(&wanted.release)) {
            found.extend(places::kernels(root, release));
        }
        found
    }

    /// What a directory holds of the thing wanted.
    fn tree(&self, dir: &Path, deep: bool, how: How, wanted: &Wanted, notes: &mut Vec<String>) -> Vec<Place> {
        let tree = self.index.tree(dir, deep);
        if tree.cut {
            let note = format!("{} has too many entries: not all were looked at", dir.display());
            notes.extend((!notes.contains(&note)).then_some(note));
        }
        match places::key(wanted) {
            Some(key) => {
                let within = |p: &Path| places::safe_release(&wanted.release).is_some_and(|r| has_part(p, r));
                tree.module(&key).iter().map(|p| Place::new(p.clone(), how, within(p))).collect()
            }
            None => kernels_in(&tree.kernels, how, &wanted.release),
        }
    }

    /// The files that stripped ones name.
    fn by_link(&self, wanted: &Wanted, pick: &mut Pick) -> bool {
        let linked = |m: &Match| {
            let link = m.debug_link.as_deref().filter(|_| !m.file.has_dwarf)?;
            Some(places::linked(self.root.as_deref(), &m.file.path, link))
        };
        let places: Vec<Place> = pick.matches.iter().filter_map(linked).flatten().collect();
        places.iter().any(|place| pick.offer(place, wanted))
    }

    fn ask_debuginfod(&self, wanted: &Wanted, pick: &mut Pick) {
        let (Some(client), Some(id)) = (&self.debuginfod, &wanted.build_id) else { return };
        if let Cached::Hit(path) = client.cached(id)
            && pick.offer(&Place::new(path, How::DebuginfodCache, false), wanted)
        {
            return;
        }
        match client.fetch(id, &|path| has_id(path, id)) {
            Ok(Some(path)) => {
                // A damaged file in the cache was replaced.
                pick.found.tried.retain(|tried| *tried != path);
                pick.offer(&Place::new(path, How::Debuginfod, false), wanted);
            }
            Ok(None) => {}
            Err(e) => pick.found.notes.push(format!("debuginfod: {e}")),
        }
    }

    /// The file that `dwz` made of what several files share, named by one of them (`of`).
    pub fn find_alt(&self, of: &Path, link: &AltLink) -> Option<PathBuf> {
        let id = &link.build_id;
        let beside = std::fs::canonicalize(of).ok().and_then(|p| Some(p.parent()?.join(&link.path)));
        let rooted = self.root.as_ref().map(|root| root.join(link.path.trim_start_matches('/')));
        let trees = self.dirs.iter().flat_map(|dir| {
            let mut found = places::id_tree(dir, id, How::DebugDir);
            found.extend(places::system_id_trees(dir, id));
            found
        });
        let system = self.root.iter().flat_map(|root| places::system_id_trees(root, id));
        let all = beside.into_iter().chain(rooted).chain(trees.chain(system).map(|p| p.path));
        let right = |path: &PathBuf| path.is_file() && has_id(path, id);
        all.into_iter().find(right).or_else(|| self.alt_from_debuginfod(id))
    }

    fn alt_from_debuginfod(&self, id: &[u8]) -> Option<PathBuf> {
        let client = self.debuginfod.as_ref()?;
        match client.cached(id) {
            Cached::Hit(path) if has_id(&path, id) => Some(path),
            _ => client.fetch(id, &|path| has_id(path, id)).ok()?,
        }
    }
}

fn of_release(place: Place) -> Place {
    Place { of_release: true, ..place }
}

fn has_part(path: &Path, name: &str) -> bool {
    path.components().any(|part| part.as_os_str() == name)
}

/// The kernels in a directory: those whose name has the release first; packed ones only if nothing else in the name says
/// that they are of another release (unpacking one takes seconds).
fn kernels_in(files: &[PathBuf], how: How, release: &str) -> Vec<Place> {
    let text = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let named = |p: &Path| !release.is_empty() && text(p).contains(release);
    let plain = |name: &str| matches!(name, "vmlinux" | "vmlinux.debug");
    let worth = |p: &Path| {
        let name = text(p);
        let packed = places::PACKED.iter().skip(1).find_map(|s| name.strip_suffix(s));
        packed.is_none_or(|inner| plain(inner) || named(p))
    };
    let mut found: Vec<&PathBuf> = files.iter().filter(|p| worth(p)).collect();
    found.sort_by_key(|p| !named(p) && !has_part(p, release));
    let place = |p: &PathBuf| Place::new(p.clone(), how, named(p) || has_part(p, release));
    found.into_iter().take(MAX_KERNELS).map(place).collect()
}

//! What a directory holds: modules by name, and files that may be a vmlinux. Walked once, within bounds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::places::module_name;

/// More entries than a kernel's build tree has.
const MAX_ENTRIES: usize = 400_000;
/// Deeper than any module lies.
const MAX_DEPTH: usize = 16;
/// Files of one name that are remembered.
const MAX_SAME: usize = 32;
const MAX_KERNELS: usize = 64;

/// The files of interest below a directory.
#[derive(Debug, Default)]
pub(super) struct Tree {
    modules: HashMap<String, Vec<PathBuf>>,
    /// Files called `vmlinux` or `vmlinux` and something.
    pub kernels: Vec<PathBuf>,
    /// Whether the walk stopped at a bound.
    pub cut: bool,
}

impl Tree {
    /// The files of a module.
    pub fn module(&self, key: &str) -> &[PathBuf] {
        self.modules.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    fn add(&mut self, path: PathBuf, name: &str) {
        if let Some(module) = module_name(name) {
            let same = self.modules.entry(module).or_default();
            if same.len() < MAX_SAME {
                same.push(path);
            }
        } else if name.starts_with("vmlinux") && self.kernels.len() < MAX_KERNELS {
            self.kernels.push(path);
        }
    }
}

/// Trees that were walked.
#[derive(Debug, Default)]
pub(super) struct Index(Mutex<HashMap<(PathBuf, bool), Arc<Tree>>>);

impl Index {
    /// What is in a directory, and below it if `deep`.
    pub fn tree(&self, dir: &Path, deep: bool) -> Arc<Tree> {
        let mut walked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = walked
            .entry((dir.to_path_buf(), deep))
            .or_insert_with(|| Arc::new(walk(dir, if deep { MAX_DEPTH } else { 0 }, MAX_ENTRIES)));
        tree.clone()
    }
}

/// Walks a directory. Links to directories are not followed, so that there is no loop; links to files are taken.
pub(super) fn walk(dir: &Path, depth: usize, mut entries: usize) -> Tree {
    let mut tree = Tree::default();
    let mut todo = vec![(dir.to_path_buf(), depth)];
    while let Some((dir, depth)) = todo.pop() {
        let mut listed: Vec<_> =
            std::fs::read_dir(&dir).into_iter().flatten().flatten().take(entries + 1).collect();
        if listed.len() > entries {
            tree.cut = true;
            listed.truncate(entries);
        }
        entries -= listed.len();
        listed.sort_by_key(std::fs::DirEntry::file_name);
        for entry in listed {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if !kind.is_dir() {
                tree.add(entry.path(), &name.to_string_lossy());
            } else if depth > 0 && name != ".git" {
                todo.push((entry.path(), depth - 1));
            }
        }
    }
    tree
}

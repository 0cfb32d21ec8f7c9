//! Which tasks use a file: open, mapped, as program, root or working directory.

use std::collections::{HashMap, HashSet};

use necropsy_base::VirtAddr;
use necropsy_target::{Load, LoadError, Target};

use super::files::{Path, Places, file, of_task};
use super::path::{Dentry, path};
use crate::tasks::Task;
use crate::vma;

/// How a task uses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// It is its root directory.
    Root,
    /// It is its working directory.
    Cwd,
    /// It is open.
    Fd,
    /// It is mapped.
    Mmap,
    /// It is the program.
    Exe,
}

impl Use {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Use::Root => "root",
            Use::Cwd => "cwd",
            Use::Fd => "fd",
            Use::Mmap => "mmap",
            Use::Exe => "exe",
        }
    }
}

/// A task that uses the file.
#[derive(Clone, Debug)]
pub struct User<'t> {
    /// The task.
    pub task: &'t Task,
    /// How.
    pub uses: Vec<Use>,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Of {
    files: VirtAddr,
    fs: VirtAddr,
    mm: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "mm_struct")]
struct Mm {
    exe_file: Option<VirtAddr>,
}

/// An inode under a name.
#[derive(Clone)]
struct Held {
    how: Use,
    inode: VirtAddr,
    path: String,
}

/// The tasks that use a file, by an inode's address or a path as the tasks see it. What has that path under another name, or is another
/// task's, counts as well: it is the inode that matters.
pub fn users<'t>(t: &Target, tasks: &'t [Task], inode: Option<VirtAddr>, name: &str) -> Vec<User<'t>> {
    let mut gatherer =
        Gatherer { t, files: HashMap::new(), tables: HashMap::new(), unread: Unread::default() };
    let of: Vec<[VirtAddr; 3]> = tasks.iter().map(|task| gatherer.task(task)).collect();
    if let Some(first) = gatherer.unread.first {
        t.note(format!("{} tables of tasks could not be read, the first: {first}", gatherer.unread.count));
    }
    let all = gatherer.tables;
    let named = all.values().flatten().filter(|h| h.path == name).map(|h| h.inode);
    let wanted: HashSet<VirtAddr> = inode.into_iter().chain(named).filter(|at| !at.is_null()).collect();
    let uses = |tables: &[VirtAddr; 3]| {
        let held = tables.iter().filter_map(|at| all.get(at)).flatten();
        let mut uses: Vec<Use> = held.filter(|h| wanted.contains(&h.inode)).map(|h| h.how).collect();
        uses.sort();
        uses.dedup();
        uses
    };
    let found = tasks.iter().zip(&of).map(|(task, tables)| User { task, uses: uses(tables) });
    found.filter(|user| !user.uses.is_empty()).collect()
}

/// Threads share their tables: each is read once.
struct Gatherer<'a> {
    t: &'a Target,
    files: HashMap<VirtAddr, Option<(VirtAddr, String)>>,
    tables: HashMap<VirtAddr, Vec<Held>>,
    unread: Unread,
}

/// What could not be read: told in one line, for it may be so of every task.
#[derive(Default)]
struct Unread {
    count: usize,
    first: Option<String>,
}

impl Unread {
    fn add(&mut self, why: impl ToString) {
        self.count += 1;
        self.first.get_or_insert_with(|| why.to_string());
    }
}

impl Gatherer<'_> {
    /// The tables of a task: its directories, its open files, its mappings.
    fn task(&mut self, task: &Task) -> [VirtAddr; 3] {
        let of: Of = match self.t.load(task.at) {
            Ok(of) => of,
            Err(e) => {
                self.unread.add(e);
                return [VirtAddr(0); 3];
            }
        };
        let parts: [(VirtAddr, Reader<Self>); 3] =
            [(of.fs, Self::directories), (of.files, Self::open), (of.mm, Self::mapped)];
        for (at, read) in parts {
            if at.is_null() || self.tables.contains_key(&at) {
                continue;
            }
            let held = read(self, task, at).unwrap_or_else(|e| {
                self.unread.add(e);
                Vec::new()
            });
            self.tables.insert(at, held);
        }
        parts.map(|(at, _)| at)
    }

    fn directories(&mut self, _: &Task, fs: VirtAddr) -> Result<Vec<Held>, LoadError> {
        let places: Places = self.t.load(fs)?;
        let one = |(how, at)| {
            let place: Path = self.t.load(at)?;
            let inode = self.t.load::<Dentry>(place.dentry)?.d_inode;
            Ok(Held { how, inode, path: path(self.t, place.mnt, place.dentry)? })
        };
        [(Use::Root, places.root.0), (Use::Cwd, places.pwd.0)].into_iter().map(one).collect()
    }

    fn open(&mut self, task: &Task, _: VirtAddr) -> Result<Vec<Held>, LoadError> {
        let open = of_task(self.t, task)?.unwrap_or_default().into_iter();
        Ok(open.map(|o| Held { how: Use::Fd, inode: o.file.inode, path: o.file.path }).collect())
    }

    fn mapped(&mut self, _: &Task, mm: VirtAddr) -> Result<Vec<Held>, LoadError> {
        let areas = vma::areas(self.t, &vma::space(self.t, mm)?)?;
        areas.problem.into_iter().for_each(|why| self.unread.add(why));
        let exe = self.t.load::<Mm>(mm)?.exe_file.map(|at| (Use::Exe, at));
        let files: HashSet<VirtAddr> = areas.items.into_iter().map(|a| a.file).collect();
        let all = files.into_iter().map(|at| (Use::Mmap, at)).chain(exe);
        Ok(all.filter_map(|(how, at)| self.file(how, at)).collect())
    }

    fn file(&mut self, how: Use, at: VirtAddr) -> Option<Held> {
        let t = self.t;
        let read = || file(t, at).ok().filter(|_| !at.is_null()).map(|f| (f.inode, f.path));
        let (inode, path) = self.files.entry(at).or_insert_with(read).clone()?;
        Some(Held { how, inode, path })
    }
}

type Reader<G> = for<'g, 'k> fn(&'g mut G, &'k Task, VirtAddr) -> Result<Vec<Held>, LoadError>;

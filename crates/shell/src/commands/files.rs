//! `files`: the files that a task has open.

use necropsy_base::VirtAddr;
use necropsy_kernel::tasks::Task;
use necropsy_kernel::vfs::{self, File};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::header::{each_task, of_task};
use super::page_row::PageRow;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Files;

impl Command for Files {
    fn name(&self) -> &'static str {
        "files"
    }
    fn synopsis(&self) -> &'static str {
        "[-c] [-R reference] [pid | task | comm] ... | -d dentry | -p inode"
    }
    fn about(&self) -> &'static str {
        "the open files of a task, its root and working directory"
    }
    fn help(&self) -> &'static str {
        "Without arguments: of the selected task. Sockets and pipes have the name of their protocol, or none.\n\
         -c   the pages that each file has in the page cache instead of its addresses\n\
         -R   only files with this descriptor, file, dentry or inode address, or with this in their path\n\
         -d   the file of a dentry\n\
         -p   the pages that an inode has in the page cache"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "files 1", what: "open files of the first process" },
            Example { line: "files -c", what: "how much of each is cached" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "c", values: "Rdp", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, Places, DentryRow, PageRow]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(at) = args.value('d') {
            return dentry(cx, cx.address(at)?, out);
        }
        if let Some(at) = args.value('p') {
            return pages(cx, cx.address(at)?, out);
        }
        each_task(cx, args, show, out)
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    pid: i32,
    fd: u64,
    file: Hex,
    dentry: Hex,
    inode: Hex,
    mapping: Option<Hex>,
    cached_pages: Option<u64>,
    kind: &'static str,
    path: String,
}

#[derive(Serialize, JsonSchema)]
struct Places {
    pid: i32,
    root: String,
    cwd: String,
}

/// Shows one task; `foreach files` does the same for many.
pub fn show(cx: &Context, task: &Task, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let (header, reference) = (of_task(task, cx.tasks()?.cpu_of(task)), args.value('R'));
    if reference.is_none() {
        out.heading(&header)?;
    }
    let places = vfs::root_and_cwd(t, task)?.map(|(root, cwd)| Places { pid: task.pid, root, cwd });
    if reference.is_none() {
        show_places(places.as_ref(), out)?;
    }
    let mut open = vfs::of_task(t, task)?.unwrap_or_default();
    if let Some(reference) = reference {
        open.retain(|one| refers(one.fd, &one.file, reference));
        let placed = places.iter().any(|p| p.root == reference || p.cwd == reference);
        // Who has none is not asked about.
        if open.is_empty() && !placed {
            return Ok(());
        }
        out.heading(&header)?;
        show_places(places.as_ref(), out)?;
    }
    if open.is_empty() {
        // With -R it was the place that is referred to.
        return if reference.is_none() { Ok(out.heading("No open files")?) } else { Ok(()) };
    }
    let cached = args.has('c');
    out.heading(match cached {
        true => " FD      INODE          I_MAPPING     NRPAGES TYPE PATH",
        false => " FD       FILE            DENTRY           INODE       TYPE PATH",
    })?;
    for one in &open {
        let inode = if cached { vfs::inode(t, one.file.inode).ok() } else { None };
        let row = Row {
            pid: task.pid,
            fd: one.fd,
            file: Hex(one.file.at.0),
            dentry: Hex(one.file.dentry.0),
            inode: Hex(one.file.inode.0),
            mapping: inode.map(|i| Hex(i.mapping.0)),
            cached_pages: inode.map(|i| i.cached),
            kind: one.file.kind.letters(),
            path: one.file.path.clone(),
        };
        out.row(&row, |r| line(r, cached))?;
    }
    Ok(())
}

fn show_places(places: Option<&Places>, out: &mut dyn Sink) -> Result<(), CommandError> {
    match places {
        Some(row) => Ok(out.row(row, |p| format!("ROOT: {}    CWD: {}", p.root, p.cwd))?),
        None => Ok(()),
    }
}

fn line(r: &Row, cached: bool) -> String {
    let text = match cached {
        true => {
            let (mapping, pages) = (r.mapping.map_or(0, |m| m.0), r.cached_pages.unwrap_or(0));
            format!("{:>3} {:016x} {mapping:016x} {pages:>7} {:<4} {}", r.fd, r.inode.0, r.kind, r.path)
        }
        false => format!(
            "{:>3} {:016x} {:016x} {:016x} {:<4} {}",
            r.fd, r.file.0, r.dentry.0, r.inode.0, r.kind, r.path
        ),
    };
    text.trim_end().to_owned()
}

fn refers(fd: u64, file: &File, to: &str) -> bool {
    let address = crate::number::address(to);
    let is = |at: VirtAddr| address == Some(at.0);
    crate::number::count(to) == Some(fd)
        || is(file.at)
        || is(file.dentry)
        || is(file.inode)
        || file.path.contains(to)
}

#[derive(Serialize, JsonSchema)]
struct DentryRow {
    dentry: Hex,
    inode: Hex,
    super_block: Hex,
    kind: &'static str,
    path: String,
}

/// A dentry says nothing of the mount it is seen through: the path goes through one of its file system, if the selected task has one.
fn dentry(cx: &Context, at: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let inode_at = {
        use necropsy_base::MemoryExt;
        t.memory()
            .ptr(at.offset(t.offset_of("dentry", "d_inode")?))
            .map_err(necropsy_target::LoadError::from)?
    };
    let inode = vfs::inode(t, inode_at)?;
    let tasks = cx.tasks()?;
    let seer = tasks.all.iter().find(|task| task.pid == 1);
    let mounts = seer.map(|task| vfs::of_namespace(t, task)).transpose()?.unwrap_or_default();
    let into = t.offset_of("mount", "mnt")?;
    let path = mounts
        .iter()
        .filter(|m| m.super_block == inode.super_block)
        .find_map(|m| vfs::path(t, m.at.offset(into), at).ok())
        .or_else(|| Some(vfs::dentry_name(t, at).ok()?.escape_ascii().to_string()));
    let row = DentryRow {
        dentry: Hex(at.0),
        inode: Hex(inode_at.0),
        super_block: Hex(inode.super_block.0),
        kind: inode.kind.letters(),
        path: path.unwrap_or_default(),
    };
    out.heading("     DENTRY           INODE           SUPERBLK     TYPE PATH")?;
    Ok(out.row(&row, |r| {
        format!("{:016x} {:016x} {:016x} {:<4} {}", r.dentry.0, r.inode.0, r.super_block.0, r.kind, r.path)
    })?)
}

fn pages(cx: &Context, at: VirtAddr, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let inode = vfs::inode(t, at)?;
    out.heading(&format!("     INODE        NRPAGES\n{:016x} {:>8}\n", at.0, inode.cached))?;
    if inode.cached == 0 {
        return Ok(());
    }
    out.heading(PageRow::HEADING)?;
    for (_, page) in vfs::cached_pages(t, &inode)? {
        match PageRow::at(t, page) {
            Some(row) => out.row(&row, PageRow::text)?,
            None => out.note(&format!("page {page:#x} cannot be read")),
        }
    }
    Ok(())
}

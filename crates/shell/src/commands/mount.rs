//! `mount`: what is mounted where.

use necropsy_kernel::vfs;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Mount;

impl Command for Mount {
    fn name(&self) -> &'static str {
        "mount"
    }
    fn synopsis(&self) -> &'static str {
        "[-f] [-n pid | task] [mount | super block | device | directory | type] ..."
    }
    fn about(&self) -> &'static str {
        "the mounted file systems"
    }
    fn help(&self) -> &'static str {
        "All mounts of the first process's namespace, or only those with one of these addresses, devices, directories or types.\n\
         -n   those of another task's namespace\n\
         -f   with the files that tasks have open below each"
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "mount", what: "all" }, Example { line: "mount ext4", what: "those of a type" }]
    }
    fn options(&self) -> Spec {
        Spec { flags: "f", values: "n", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let task = match args.value('n') {
            Some(word) => cx.find_tasks(word)?.first().copied(),
            None => cx.tasks()?.all.iter().find(|task| task.pid == 1),
        };
        let task = task.ok_or_else(|| {
            CommandError::Failed("no task whose mounts to show; choose one with -n PID".into())
        })?;
        let all = vfs::of_namespace(&cx.target, task)?;
        let wanted = |m: &vfs::Mount| args.rest.is_empty() || args.rest.iter().any(|w| is(m, w));
        out.heading("     MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME")?;
        for m in all.iter().filter(|m| wanted(m)) {
            let row = Row {
                mount: Hex(m.at.0),
                super_block: Hex(m.super_block.0),
                kind: m.kind.clone(),
                device: m.device.clone(),
                directory: m.directory.clone(),
                open: if args.has('f') { open(cx, m)? } else { Vec::new() },
            };
            out.row(&row, text)?;
        }
        Ok(())
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    mount: Hex,
    super_block: Hex,
    kind: String,
    device: String,
    directory: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    open: Vec<Open>,
}

#[derive(Serialize, JsonSchema)]
struct Open {
    dentry: Hex,
    inode: Hex,
    kind: &'static str,
    path: String,
}

fn text(r: &Row) -> String {
    let mut text =
        format!("{:016x} {:016x} {:<6} {:<9} {}", r.mount.0, r.super_block.0, r.kind, r.device, r.directory);
    if !r.open.is_empty() {
        text += "\nOPEN FILES:\n     DENTRY           INODE       TYPE  PATH";
        for o in &r.open {
            text += &format!("\n{:016x}  {:016x}  {:<4}  {}", o.dentry.0, o.inode.0, o.kind, o.path);
        }
        text.push('\n');
    }
    text
}

fn is(m: &vfs::Mount, word: &str) -> bool {
    let address = number::address(word);
    address == Some(m.at.0)
        || address == Some(m.super_block.0)
        || [&m.kind, &m.device, &m.directory].iter().any(|t| *t == word)
}

/// The files of the mount's file system that any task has open, each once.
fn open(cx: &Context, m: &vfs::Mount) -> Result<Vec<Open>, CommandError> {
    let t = &cx.target;
    let mut found: Vec<Open> = Vec::new();
    for task in cx.tasks()?.all.iter().filter(|task| task.pid == task.tgid && !task.mm.is_null()) {
        for file in vfs::of_task(t, task)?.unwrap_or_default().into_iter().map(|f| f.file) {
            let here = vfs::inode(t, file.inode).is_ok_and(|i| i.super_block == m.super_block);
            if here && !found.iter().any(|o| o.dentry.0 == file.dentry.0) {
                found.push(Open {
                    dentry: Hex(file.dentry.0),
                    inode: Hex(file.inode.0),
                    kind: file.kind.letters(),
                    path: file.path,
                });
            }
        }
    }
    Ok(found)
}

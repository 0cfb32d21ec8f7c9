//! `fuser`: who uses a file.

use necropsy_base::VirtAddr;
use necropsy_kernel::vfs::{self, Use};
use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Fuser;

impl Command for Fuser {
    fn name(&self) -> &'static str {
        "fuser"
    }
    fn synopsis(&self) -> &'static str {
        "path | inode"
    }
    fn about(&self) -> &'static str {
        "the tasks that use a file"
    }
    fn help(&self) -> &'static str {
        "The file is a path as `files` shows it, or the address of its inode. A task uses it as its `root` or working\n\
         directory (`cwd`), has it open (`fd`), mapped (`mmap`), or runs it (`exe`)."
    }
    fn examples(&self) -> &'static [Example] {
        &[Example { line: "fuser /dev/null", what: "who has it open" }]
    }
    fn options(&self) -> Spec {
        Spec::default()
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let [name] = args.rest.as_slice() else {
            return Err(CommandError::Usage("one path, or one inode's address".into()));
        };
        let inode = number::address(name).filter(|_| !name.starts_with('/')).map(VirtAddr);
        let found = vfs::users(&cx.target, &cx.tasks()?.all, inode, name);
        if found.is_empty() {
            return Ok(out.heading(&format!("No users of {name} found"))?);
        }
        out.heading(" PID         TASK        COMM             USAGE")?;
        for user in found {
            let row = Row {
                pid: user.task.pid,
                task: Hex(user.task.at.0),
                comm: bytes_text(&user.task.comm.0),
                uses: user.uses.into_iter().map(Use::name).collect(),
            };
            out.row(&row, |r| {
                let comm = format!("\"{}\"", r.comm);
                format!("{:>5}  {:016x}  {comm:<16} {}", r.pid, r.task.0, r.uses.join(" "))
            })?;
        }
        Ok(())
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    pid: i32,
    task: Hex,
    comm: String,
    uses: Vec<&'static str>,
}

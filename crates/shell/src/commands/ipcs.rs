//! `ipcs`: System V shared memory, semaphores and messages.

use necropsy_base::VirtAddr;
use necropsy_kernel::ipc::{self, Permissions, Queue, Segment, Semaphores};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

/// Flags in the mode of shared memory (include/linux/shm.h).
const DESTROY: u16 = 0o1000;
const LOCKED: u16 = 0o2000;

pub struct Ipcs;

impl Command for Ipcs {
    fn name(&self) -> &'static str {
        "ipcs"
    }
    fn synopsis(&self) -> &'static str {
        "[-s] [-m] [-M] [-q] [-n pid | task] [id | address] ..."
    }
    fn about(&self) -> &'static str {
        "System V shared memory, semaphores and message queues"
    }
    fn help(&self) -> &'static str {
        "Without options: all three kinds. With identifiers or addresses: only those.\n\
         -s   sets of semaphores\n\
         -m   shared memory\n\
         -M   shared memory with its pages and inode\n\
         -q   message queues\n\
         -n   those of the namespace that this task is in, instead of the first one"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "ipcs", what: "all of them" },
            Example { line: "ipcs -M", what: "shared memory, and how much of it is there" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "smMq", values: "n", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![SharedRow, SemaphoreRow, QueueRow]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let (space, wanted) = (namespace(cx, args)?, Wanted::of(&args.rest)?);
        let all = !"smMq".chars().any(|letter| args.has(letter));
        let kinds: [(&str, Show); 3] = [("mM", shared), ("s", semaphores), ("q", messages)];
        let (mut first, mut found, mut unread) = (true, 0, false);
        for (letters, show) in kinds {
            if all || letters.chars().any(|letter| args.has(letter)) {
                if !std::mem::take(&mut first) && wanted.0.is_empty() {
                    out.heading("")?;
                }
                match show(cx, space, args, &wanted, out) {
                    Ok(n) => found += n,
                    Err(CommandError::Load(e)) => {
                        out.note(&e.to_string());
                        unread = true;
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        if found == 0 && !unread && !wanted.0.is_empty() {
            return Err(CommandError::Failed(format!("no such object: {}", wanted.0.join(", "))));
        }
        Ok(())
    }
}

/// Shows the objects of one kind; says how many.
type Show = fn(&Context, VirtAddr, &Args, &Wanted, &mut dyn Sink) -> Result<usize, CommandError>;

fn namespace(cx: &Context, args: &Args) -> Result<VirtAddr, CommandError> {
    let t = &cx.target;
    let Some(word) = args.value('n') else {
        return Ok(t.need_symbol("init_ipc_ns")?);
    };
    let found = cx.find_tasks(word)?;
    let of = found.first().map(|task| ipc::namespace_of(t, task)).transpose()?.flatten();
    of.ok_or_else(|| CommandError::Failed("the task has no namespaces any more".into()))
}

/// The identifiers and addresses that were asked for; all if none was.
struct Wanted<'a>(&'a [String]);

impl<'a> Wanted<'a> {
    fn of(words: &'a [String]) -> Result<Wanted<'a>, CommandError> {
        let bad = words.iter().find(|w| number::count(w).or_else(|| number::address(w)).is_none());
        match bad {
            Some(word) => Err(CommandError::Usage(format!("no identifier and no address: {word}"))),
            None => Ok(Wanted(words)),
        }
    }

    fn has(&self, object: &Permissions) -> bool {
        let is = |word: &String| {
            number::count(word) == Some(object.id.into()) || number::address(word) == Some(object.at.0)
        };
        self.0.is_empty() || self.0.iter().any(is)
    }
}

#[derive(Serialize, JsonSchema)]
struct Common {
    at: Hex,
    key: Hex,
    id: u32,
    uid: u32,
    permissions: String,
}

impl Common {
    fn of(p: &Permissions) -> Common {
        let permissions = format!("{:o}", p.mode & 0o777);
        Common { at: Hex(p.at.0), key: Hex(p.key.into()), id: p.id, uid: p.uid, permissions }
    }

    fn text(&self) -> String {
        format!(
            "{:016x} {:08x} {:<10} {:<5} {:<5}",
            self.at.0, self.key.0, self.id, self.uid, self.permissions
        )
    }
}

#[derive(Serialize, JsonSchema)]
struct SharedRow {
    kind: &'static str,
    #[serde(flatten)]
    common: Common,
    bytes: u64,
    attached: u64,
    status: Vec<&'static str>,
    pages: u64,
    resident_pages: Option<u64>,
    swapped_pages: Option<u64>,
    inode: Option<Hex>,
}

fn shared(
    cx: &Context,
    space: VirtAddr,
    args: &Args,
    wanted: &Wanted,
    out: &mut dyn Sink,
) -> Result<usize, CommandError> {
    let found = ipc::segments(&cx.target, space)?;
    let mut count = 0;
    for one in found.iter().filter(|s| wanted.has(&s.permissions)) {
        count += 1;
        if count == 1 || args.has('M') {
            out.heading("SHMID_KERNEL     KEY      SHMID      UID   PERMS BYTES      NATTCH STATUS")?;
        }
        out.row(&shared_row(one, cx.target.page_size()), |r| shared_text(r, args.has('M')))?;
    }
    if count == 0 && wanted.0.is_empty() {
        out.heading("No shared memory segments allocated.")?;
    }
    Ok(count)
}

fn shared_row(one: &Segment, page: u64) -> SharedRow {
    let flags = [(DESTROY, "dest"), (LOCKED, "locked")];
    SharedRow {
        kind: "shared memory",
        common: Common::of(&one.permissions),
        bytes: one.size,
        attached: one.attached,
        status: flags.iter().filter(|(f, _)| one.permissions.mode & f != 0).map(|(_, name)| *name).collect(),
        pages: one.size.div_ceil(page),
        resident_pages: one.resident,
        swapped_pages: one.swapped,
        inode: one.inode.map(|at| Hex(at.0)),
    }
}

fn shared_text(r: &SharedRow, whole: bool) -> String {
    let text = format!("{} {:<10} {:<6} {}", r.common.text(), r.bytes, r.attached, r.status.join(" "));
    let text = text.trim_end();
    if !whole {
        return text.to_owned();
    }
    let known = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let (resident, swapped) = (known(r.resident_pages), known(r.swapped_pages));
    format!(
        "{text}\nPAGES ALLOCATED/RESIDENT/SWAPPED: {}/{resident}/{swapped}\nINODE: {:x}\n",
        r.pages,
        r.inode.map_or(0, |at| at.0)
    )
}

#[derive(Serialize, JsonSchema)]
struct SemaphoreRow {
    kind: &'static str,
    #[serde(flatten)]
    common: Common,
    semaphores: u64,
}

fn semaphores(
    cx: &Context,
    space: VirtAddr,
    _: &Args,
    wanted: &Wanted,
    out: &mut dyn Sink,
) -> Result<usize, CommandError> {
    let mut found = ipc::semaphores(&cx.target, space)?;
    found.retain(|s| wanted.has(&s.permissions));
    match (found.is_empty(), wanted.0.is_empty()) {
        (true, true) => out.heading("No semaphore arrays allocated.")?,
        (true, false) => {}
        (false, _) => out.heading("SEM_ARRAY        KEY      SEMID      UID   PERMS NSEMS")?,
    }
    for Semaphores { permissions, count } in &found {
        let row = SemaphoreRow { kind: "semaphores", common: Common::of(permissions), semaphores: *count };
        out.row(&row, |r| format!("{} {}", r.common.text(), r.semaphores))?;
    }
    Ok(found.len())
}

#[derive(Serialize, JsonSchema)]
struct QueueRow {
    kind: &'static str,
    #[serde(flatten)]
    common: Common,
    used_bytes: u64,
    messages: u64,
}

fn messages(
    cx: &Context,
    space: VirtAddr,
    _: &Args,
    wanted: &Wanted,
    out: &mut dyn Sink,
) -> Result<usize, CommandError> {
    let mut found = ipc::queues(&cx.target, space)?;
    found.retain(|q| wanted.has(&q.permissions));
    match (found.is_empty(), wanted.0.is_empty()) {
        (true, true) => out.heading("No message queues allocated.")?,
        (true, false) => {}
        (false, _) => {
            out.heading("MSG_QUEUE        KEY      MSQID      UID   PERMS USED-BYTES   MESSAGES")?
        }
    }
    for Queue { permissions, bytes, messages } in &found {
        let common = Common::of(permissions);
        let row = QueueRow { kind: "messages", common, used_bytes: *bytes, messages: *messages };
        out.row(&row, |r| format!("{} {:<12} {}", r.common.text(), r.used_bytes, r.messages))?;
    }
    Ok(found.len())
}

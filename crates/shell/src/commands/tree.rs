//! `tree`: what is in a red-black tree, radix tree, xarray or maple tree.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::containers;
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use super::structs::{show_members, show_whole};
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Tree;

impl Command for Tree {
    fn name(&self) -> &'static str {
        "tree"
    }
    fn synopsis(&self) -> &'static str {
        "-t rbtree | radix | xarray | maple [-r struct.member] [-o offset] [-s struct[.member,member]] [-xdpl] [-N] start"
    }
    fn about(&self) -> &'static str {
        "the entries of a tree"
    }
    fn help(&self) -> &'static str {
        "START is the address of the tree's root, or a symbol; with -r it is that of the struct that holds the root as MEMBER.\n\
         -t   the kind of tree: rbtree (the default), radix, xarray, maple; the first letters suffice\n\
         -r   the root is this member of a struct at START\n\
         -o   of a red-black tree: where in the entry its node lies, in bytes or as struct.member\n\
         -s   shows each entry as this struct, or these members of it\n\
         -N   START is the first node, not the root\n\
         -l   red-black trees sorted by links, which is what is done anyway\n\
         -p   the entries' places: the index in radix trees, xarrays and maple trees\n\
         -x   numbers in hexadecimal; -d in decimal"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "tree -t xarray -r pid_namespace.idr init_pid_ns", what: "all pids" },
            Example {
                line: "tree -t maple -r mm_struct.mm_mt ffff888003f40000",
                what: "the mappings of a process",
            },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "xdplN", values: "tros", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row, super::structs::Object]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let start = args.rest.first().ok_or_else(|| CommandError::Usage("where is the tree?".into()))?;
        let mut at = cx.address(start)?;
        if let Some(root) = args.value('r') {
            at = at.offset(offset(cx, root)?);
        }
        let (entries, problem) = match args.value('t').unwrap_or("rbtree") {
            kind if "rbtree".starts_with(kind) => nodes(cx, args, at)?,
            kind if "radix".starts_with(kind) || "xarray".starts_with(kind) => indexed(cx, args, at)?,
            kind if "maple".starts_with(kind) => {
                let walk = containers::maple(&cx.target, at)?;
                (walk.items.into_iter().map(|r| (Some(r.first), r.entry)).collect(), walk.problem)
            }
            kind => return Err(CommandError::Usage(format!("no kind of tree: {kind}"))),
        };
        problem.iter().for_each(|p| out.note(p));
        for (index, entry) in entries {
            show(cx, args, index, entry, out)?;
        }
        Ok(())
    }
}

/// Bytes, or where a member lies.
fn offset(cx: &Context, text: &str) -> Result<u64, CommandError> {
    match text.split_once('.') {
        Some((of, member)) => Ok(cx.target.offset_of(of, member)?),
        None => number::count(text).ok_or_else(|| CommandError::Usage(format!("no offset: {text}"))),
    }
}

/// Entries with their index, and what was wrong.
type Found = (Vec<(Option<u64>, VirtAddr)>, Option<String>);

fn nodes(cx: &Context, args: &Args, at: VirtAddr) -> Result<Found, CommandError> {
    let t = &cx.target;
    let into = args.value('o').map_or(Ok(0), |o| offset(cx, o))?;
    let top = match args.has('N') {
        true => at,
        false => t.memory().ptr(at).map_err(necropsy_target::LoadError::from)?,
    };
    let walk = containers::rbtree(t, top)?;
    Ok((walk.items.into_iter().map(|n| (None, n.moved(-(into as i64)))).collect(), walk.problem))
}

/// The root of an xarray is its head; an idr, a radix tree before 4.20, and an address_space hold one.
fn indexed(cx: &Context, args: &Args, at: VirtAddr) -> Result<Found, CommandError> {
    let t = &cx.target;
    let inner = args.value('r').and_then(|r| {
        let (of, member) = r.split_once('.')?;
        let ty = t.type_named(of)?;
        let member = ty.table.member(ty.id, member).ok()?;
        Some(ty.other(member.ty).name())
    });
    let within = inner.and_then(|name| {
        let name = name.trim_start_matches("struct ").to_owned();
        t.offset_of(&name, "idr_rt.xa_head|idr_rt.rnode|xa_head|rnode").ok()
    });
    let head = within.map_or_else(
        || t.offset_of("xarray", "xa_head").or_else(|_| t.offset_of("radix_tree_root", "rnode")),
        Ok,
    )?;
    let root = if args.has('N') {
        at.0
    } else {
        t.memory().word(at.offset(head)).map_err(necropsy_target::LoadError::from)?
    };
    let walk = containers::xarray(t, root)?;
    Ok((walk.items.into_iter().map(|(i, e)| (Some(i), e)).collect(), walk.problem))
}

#[derive(Serialize, JsonSchema)]
struct Row {
    index: Option<u64>,
    entry: Hex,
}

fn show(
    cx: &Context,
    args: &Args,
    index: Option<u64>,
    entry: VirtAddr,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let place = index.filter(|_| args.has('p')).map(|i| format!("\n  index: {i}")).unwrap_or_default();
    out.row(&Row { index, entry: Hex(entry.0) }, |r| format!("{:x}{place}", r.entry.0))?;
    let Some(wanted) = args.value('s') else { return Ok(()) };
    let (name, members) = wanted.split_once('.').unwrap_or((wanted, ""));
    let ty = cx.target.type_named(name).ok_or_else(|| CommandError::no_type(name))?;
    let members: Vec<&str> = members.split(',').filter(|m| !m.is_empty()).collect();
    match members.is_empty() {
        true => show_whole(cx, &ty, entry, cx.hex(args), out),
        false => show_members(cx, &ty, &members, entry, cx.hex(args), out),
    }
}

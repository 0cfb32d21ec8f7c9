//! `list`: linked lists of any kind.

use std::collections::HashSet;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_report::Hex;

use super::structs::{show_members, show_whole};
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, SinkExt, Spec, number};

mod source;

pub struct List;

/// No healthy list is longer.
const MAX: usize = 1 << 22;

impl Command for List {
    fn name(&self) -> &'static str {
        "list"
    }
    fn synopsis(&self) -> &'static str {
        "[-o offset | type.member] [-e end] [-s type[.member,...]] [-r] [-x | -d] [-h | -H] start\n       \
         list *address | list *symbol+offset | list file:line | list function"
    }
    fn about(&self) -> &'static str {
        "the elements of a linked list, or source text"
    }
    fn help(&self) -> &'static str {
        "Follows pointers from `start` until NULL, the start, or the end.\n\
         -o   where in each element the pointer to the next is: a number or type.member\n\
         -e   stop at this address\n\
         -h   start is the first element, and its pointer is a list_head: links lead to links, not to elements\n\
         -H   start is a list_head of its own, outside the elements\n\
         -s   also each element as this type, or these members of it (-S is the same)\n\
         -r   backwards, through list_head.prev\n\
         -x   numbers in hexadecimal; -d in decimal\n\n\
         With -h and -H a type.member alone, without -o, works too: list task_struct.tasks -h ADDRESS.\n\n\
         As in gdb, `list *ADDRESS` says in which source line the code at an address is, and `list FILE:LINE` where the\n\
         code of a line is; both show the text around if a source tree is found (--source-dir). A function's name shows the\n\
         text where it begins."
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                line: "list -H modules -o module.list -s module.name",
                what: "all modules with their names",
            },
            Example {
                line: "list task_struct.tasks -s task_struct.pid,comm -h init_task",
                what: "the task list",
            },
            Example { line: "list *vfs_read+42", what: "the source line of an address" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "rxdhH", values: "oesS", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Hex, super::structs::Object, source::Code, super::listing::TextLine, super::listing::Where]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        if let Some(wanted) = source::wanted(cx, &args.rest) {
            return source::show(cx, wanted, out);
        }
        let (mut offset, mut start) = (args.value('o').map(|o| offset_of(cx, o)).transpose()?, None);
        for word in &args.rest {
            match word.split_once('.') {
                Some((of, _)) if cx.symbol(word).is_none() && cx.target.type_named(of).is_some() => {
                    offset = Some(offset_of(cx, word)?);
                }
                _ => start = Some(cx.address(word)?),
            }
        }
        let start = start.ok_or_else(|| CommandError::Usage("the start of the list is missing".into()))?;
        let walk = Walk {
            cx,
            offset: offset.unwrap_or(0),
            linked: args.has('h') || args.has('H'),
            back: if args.has('r') { u64::from(cx.target.abi().word) } else { 0 },
            end: args.value('e').map(|e| cx.address(e)).transpose()?,
        };
        let (items, problem) = walk.items(start, args.has('H'));
        for at in items {
            element(cx, at, args, out)?;
        }
        problem.map_or(Ok(()), |p| Err(CommandError::Partial(p)))
    }
}

fn offset_of(cx: &Context, text: &str) -> Result<u64, CommandError> {
    match text.split_once('.') {
        Some((of, member)) => Ok(cx.target.offset_of(of, member)?),
        None => number::count(text).ok_or_else(|| CommandError::Usage(format!("{text} is no offset"))),
    }
}

struct Walk<'c> {
    cx: &'c Context,
    offset: u64,
    /// Pointers lead to the pointer inside the next element.
    linked: bool,
    back: u64,
    end: Option<VirtAddr>,
}

impl Walk<'_> {
    /// The elements, and why there are not more if something is wrong.
    fn items(&self, start: VirtAddr, external: bool) -> (Vec<VirtAddr>, Option<String>) {
        let t = &self.cx.target;
        let (mut items, mut seen) = (Vec::new(), HashSet::new());
        let mut link = if external { start } else { start.offset(self.offset) };
        let first = link;
        if !external {
            items.push(start);
        }
        loop {
            let next = match t.memory().ptr(link.offset(self.back)) {
                Ok(next) => next,
                Err(e) => {
                    let text = format!("list is cut after {} elements: {e}", items.len());
                    return (items, Some(text));
                }
            };
            let at = if self.linked { next.moved(-(self.offset as i64)) } else { next };
            let next_link = if self.linked { next } else { next.offset(self.offset) };
            if next.is_null()
                || next_link == first
                || at == start
                || Some(at) == self.end
                || Some(next) == self.end
            {
                return (items, None);
            }
            if !seen.insert(at) || items.len() >= MAX || t.budget().step().is_err() {
                return (items, Some(format!("list loops or is too long at {:x}", at.0)));
            }
            items.push(at);
            link = next_link;
        }
    }
}

fn element(cx: &Context, at: VirtAddr, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
    let Some(text) = args.value('s').or(args.value('S')) else {
        return Ok(out.row(&Hex(at.0), |_| format!("{:x}", at.0))?);
    };
    out.heading(&format!("{:x}", at.0))?;
    let (name, members) = text.split_once('.').unwrap_or((text, ""));
    let ty = cx.target.type_named(name);
    let ty = ty.ok_or_else(|| CommandError::no_type(name))?;
    let members: Vec<&str> = members.split(',').filter(|m| !m.is_empty()).collect();
    let shown = if members.is_empty() {
        show_whole(cx, &ty, at, cx.hex(args), out)
    } else {
        show_members(cx, &ty, &members, at, cx.hex(args), out)
    };
    match shown {
        // One damaged element does not end the list.
        Err(CommandError::Partial(why)) => {
            out.note(&format!("{:x}: {why}", at.0));
            Ok(())
        }
        other => other,
    }
}

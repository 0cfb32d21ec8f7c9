//! `kmem`: memory of the kernel.

mod address;
mod areas;
mod free;
mod nodes;
mod page;
mod slabs;
mod tables;
mod usage;

use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec};

pub struct Kmem;

impl Command for Kmem {
    fn name(&self) -> &'static str {
        "kmem"
    }
    fn synopsis(&self) -> &'static str {
        "[-i | -s | -S | -f | -F | -v | -V | -n | -z | -o | -h | -p | -m members | -g [flags]] [-P] [-I names] [address | cache] ..."
    }
    fn about(&self) -> &'static str {
        "memory of the kernel, and what an address is"
    }
    fn help(&self) -> &'static str {
        "With an address alone: what it is. A symbol, a slab object, an area of vmalloc, a task, a free block, its page.\n\
         -i   how much memory is used for what; -i=shared counts pages with several users too, which takes a look at all\n\
         -s   slab caches, or the one named, or the slab and the object at an address\n\
         -S   the same with every slab that is on a list and every object\n\
         -I   not these caches (names, with commas between)\n\
         -f   lists of free pages, or the free block that holds an address; -F with the blocks on them\n\
         -v   areas of vmalloc, or the one that holds an address\n\
         -V   counters of zones and nodes, and of events\n\
         -z   zones with their counters\n\
         -n   nodes, zones, sections and blocks of memory\n\
         -o   offsets of per-CPU variables\n\
         -h   huge pages of hugetlbfs\n\
         -p   pages: all, or those at addresses\n\
         -m   members of struct page (with commas between) instead of the usual columns\n\
         -g   flags of pages by name, or what a value of them means\n\
         -P   the addresses are physical\n\
         -r, -c, -C   things that kernels since 5.9 do not have: caches below caches, and the old hash of pages"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "kmem -i", what: "what memory is used for" },
            Example { line: "kmem -s task_struct", what: "one slab cache" },
            Example { line: "kmem ffff888003f40000", what: "what an address is" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "isSfFvVznohpgPrcC", values: "Im", words: &["i=shared"], ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        let mut rows = rows![
            areas::AreaRow,
            free::ZoneRow,
            free::ListRow,
            free::BlockRow,
            free::KeptRow,
            nodes::NodeRow,
            nodes::ZoneRow,
            nodes::SectionRow,
            nodes::BlockRow,
            page::MembersRow,
            slabs::CacheRow,
            slabs::SlabRow,
            slabs::ObjectRow,
            slabs::NodeRow,
            tables::CounterRow,
            tables::ZoneRow,
            tables::OffsetRow,
            tables::HugeRow,
            tables::FlagRow,
            usage::Row,
            super::page_row::PageRow
        ];
        // What an address is.
        rows.extend(super::set::Set.rows());
        rows.extend(super::sym::Sym.rows());
        rows
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let shown: Vec<char> = "isSfFvVznohpgrcC".chars().filter(|o| args.has(*o)).collect();
        match shown.first() {
            _ if args.value('m').is_some() => page::show(cx, args, out),
            None if args.has_word("i=shared") => usage::show(cx, true, out),
            None if args.rest.is_empty() => {
                Err(CommandError::Usage("an option or an address is missing".into()))
            }
            None => address::show(cx, args, out),
            Some('i') => usage::show(cx, false, out),
            Some('s') | Some('S') => slabs::show(cx, args, out),
            Some('f') | Some('F') => free::show(cx, args, out),
            Some('v') => areas::show(cx, args, out),
            Some('V') => tables::counters(cx, out),
            Some('z') => tables::zones(cx, out),
            Some('n') => nodes::show(cx, out),
            Some('o') => tables::per_cpu(cx, out),
            Some('h') => tables::huge(cx, out),
            Some('p') => page::show(cx, args, out),
            Some('g') => tables::flags(cx, args, out),
            Some(option) => {
                Err(CommandError::Failed(format!("-{option}: this kernel has nothing of the kind")))
            }
        }
    }
}

//! `search`: where a value or a text stands in memory.

mod find;
mod scan;

use std::ops::Range;

use memchr::memmem::Finder;
use necropsy_base::{Memory, VirtAddr};
use necropsy_kernel::Target;
use necropsy_kernel::vmalloc::{self, Area, Kind};
use necropsy_report::Hex;
use schemars::JsonSchema;
use serde::Serialize;

use find::{Hit, Wanted};
use scan::{Seen, frames_in, stacks, virtual_range};

use super::header::of_task;
use crate::output::SinkExt;
use crate::schema::rows;
use crate::{Args, Command, CommandError, Context, Example, RowType, Sink, Spec, number};

pub struct Search;

impl Command for Search {
    fn name(&self) -> &'static str {
        "search"
    }
    fn synopsis(&self) -> &'static str {
        "[-s start] [-e end | -l length] [-k | -V | -M | -p | -t | -T] [-m mask] [-w | -h] [-x count] [-c] value ..."
    }
    fn about(&self) -> &'static str {
        "values or texts in memory"
    }
    fn help(&self) -> &'static str {
        "Looks for words equal to one of the values: numbers in hexadecimal, symbols, or expressions in parentheses. Pages that are not in \
         the dump are passed over.\n\
         -k   in all memory of the kernel: what is mapped in a row, vmalloc, modules, the kernel's own image (the default)\n\
         -V   all but vmalloc; -M only vmalloc and modules\n\
         -p   in physical memory\n\
         -t   in the kernel stacks of all tasks; -T of those that run\n\
         -s, -e, -l   from here, up to there, or so many bytes\n\
         -m   bits that need not be equal\n\
         -w   values of 32 bits; -h of 16\n\
         -c   the values are texts\n\
         -x   so many words around each that is found"
    }
    fn examples(&self) -> &'static [Example] {
        &[
            Example { line: "search -t ffff888003f40000", what: "which stacks hold a pointer" },
            Example { line: "search -c -p password", what: "a text in physical memory" },
        ]
    }
    fn options(&self) -> Spec {
        Spec { flags: "kVMptTwhc", values: "selmx", ..Spec::default() }
    }
    fn rows(&self) -> Vec<RowType> {
        rows![Row]
    }

    fn run(&self, cx: &Context, args: &Args, out: &mut dyn Sink) -> Result<(), CommandError> {
        let wanted = Wanted::new(cx, args)?;
        if args.has('t') || args.has('T') {
            return stacks(cx, args, &wanted, out);
        }
        if args.has('p') {
            return physical(cx, args, &wanted, out);
        }
        let mut seen = Seen::default();
        for range in ranges(cx, args)? {
            virtual_range(cx, &wanted, range, &mut seen, out)?;
        }
        Ok(())
    }
}

impl Wanted {
    fn new(cx: &Context, args: &Args) -> Result<Wanted, CommandError> {
        if args.rest.is_empty() {
            return Err(CommandError::Usage("look for what?".into()));
        }
        let size = if args.has('w') {
            4
        } else if args.has('h') {
            2
        } else {
            8
        };
        let mut wanted = Wanted { values: Vec::new(), texts: Vec::new(), mask: 0, size, around: 0 };
        let hex = |text: &str| {
            number::address(text).ok_or_else(|| CommandError::Usage(format!("no number: {text}")))
        };
        wanted.mask = args.value('m').map_or(Ok(0), hex)?;
        wanted.around = args.value('x').and_then(number::count).unwrap_or(0).min(1 << 16);
        for word in &args.rest {
            if args.has('c') {
                wanted.texts.push(Finder::new(word.as_bytes()).into_owned());
                continue;
            }
            let value = match number::address(word) {
                Some(value) => value,
                None => cx.address(word.trim_matches(['(', ')']))?.0,
            };
            wanted.values.push(value & wanted.all() & !wanted.mask);
        }
        Ok(wanted)
    }
}

#[derive(Serialize, JsonSchema)]
struct Row {
    address: Hex,
    value: Option<Hex>,
    text: Option<String>,
}

fn show(
    hit: Hit,
    wanted: &Wanted,
    memory: Option<&dyn Memory>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let width = 2 * wanted.size;
    let row =
        Row { address: Hex(hit.at), value: hit.text.is_none().then_some(Hex(hit.value)), text: hit.text };
    if wanted.around > 0
        && let Some(memory) = memory
    {
        return around(&row, wanted, memory, out);
    }
    Ok(out.row(&row, |r| match (&r.text, r.value) {
        (Some(text), _) => format!("{:x}: {text}", r.address.0),
        (None, value) => format!("{:x}: {:0width$x}", r.address.0, value.map_or(0, |v| v.0)),
    })?)
}

/// The words around a hit, the hit itself marked.
fn around(row: &Row, wanted: &Wanted, memory: &dyn Memory, out: &mut dyn Sink) -> Result<(), CommandError> {
    let size = wanted.size as u64;
    let first = row.address.0.saturating_sub(wanted.around * size);
    let width = 2 * wanted.size;
    for at in (0..=2 * wanted.around).map(|i| first + i * size) {
        let mut bytes = [0; 8];
        let value =
            memory.read(VirtAddr(at), &mut bytes[..wanted.size]).ok().map(|()| u64::from_le_bytes(bytes));
        let line = Row { address: Hex(at), value: value.map(Hex), text: None };
        let mark = if at == row.address.0 { " <" } else { "" };
        let shown = value.map_or_else(|| "?".into(), |v| format!("{v:0width$x}"));
        out.row(&line, |_| format!("{at:x}: {shown}{mark}"))?;
    }
    Ok(out.heading("")?)
}

/// The ranges of virtual memory to look through.
fn ranges(cx: &Context, args: &Args) -> Result<Vec<Range<u64>>, CommandError> {
    let t = &cx.target;
    let start = args.value('s').map(|s| cx.address(s)).transpose()?;
    let length = args
        .value('l')
        .map(|l| number::address(l).ok_or_else(|| CommandError::Usage(format!("no length: {l}"))));
    let end = match (args.value('e'), length.transpose()?) {
        (Some(end), _) => Some(cx.address(end)?.0),
        (None, Some(length)) => start.map(|s| s.0.saturating_add(length)),
        (None, None) => None,
    };
    if let (Some(start), Some(end)) = (start, end) {
        return Ok(std::iter::once(start.0..end).collect());
    }
    let (mut all, mut areas) = (Vec::new(), Vec::new());
    if let Some(map) = t.kernel().and_then(|k| k.direct_map()) {
        all.push(map);
    }
    if let Ok(walk) = vmalloc::areas(t) {
        let found = walk.or_note(t, "vmalloc areas").into_iter().filter(|a| !outside(t, a));
        areas.extend(found.map(|a| a.start.0..a.end.0));
    }
    all.push(t.image());
    let chosen = match () {
        () if args.has('M') => areas,
        () if args.has('V') => all,
        () => all.into_iter().chain(areas).collect(),
    };
    let from = start.map_or(0, |s| s.0);
    let to = end.unwrap_or(u64::MAX);
    let cut = |r: Range<u64>| r.start.max(from)..r.end.min(to);
    let mut chosen: Vec<Range<u64>> = chosen.into_iter().map(cut).filter(|r| r.start < r.end).collect();
    chosen.sort_by_key(|r| r.start);
    Ok(chosen)
}

/// Whether an area is of a device that has no page in the dump. Such areas are in a row (ioremap_page_range(), mm/vmalloc.c), and some are
/// larger than all memory.
fn outside(t: &Target, area: &Area) -> bool {
    let (Some(kernel), Some(phys)) = (t.kernel().filter(|_| area.kind == Kind::Device), t.phys()) else {
        return false;
    };
    let length = area.end.0.saturating_sub(area.start.0);
    let first = kernel.to_phys(area.start).ok();
    first.is_some_and(|at| phys.present(at).is_none_or(|run| run.start.0 >= at.0.saturating_add(length)))
}

fn physical(cx: &Context, args: &Args, wanted: &Wanted, out: &mut dyn Sink) -> Result<(), CommandError> {
    let phys =
        cx.target.phys().ok_or_else(|| CommandError::Failed("this is no dump of physical memory".into()))?;
    let hex =
        |text: &str| number::address(text).ok_or_else(|| CommandError::Usage(format!("no address: {text}")));
    let start = args.value('s').map_or(Ok(0), hex)?;
    let end = match (args.value('e'), args.value('l')) {
        (Some(end), _) => hex(end)?,
        (None, Some(length)) => start.saturating_add(hex(length)?),
        (None, None) => u64::MAX,
    };
    frames_in(cx, wanted, phys.as_ref(), start..end, 0, &mut Seen::default(), out)
}

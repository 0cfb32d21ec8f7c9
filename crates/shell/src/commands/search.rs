//! `search`: where a value or a text stands in memory.

use std::ops::Range;

use memchr::memmem::Finder;
use necropsy_base::{Memory, PhysAddr, VirtAddr};
use necropsy_kernel::tasks::Task;
use necropsy_kernel::{memmap, parallel, vmalloc};
use necropsy_report::{Hex, bytes_text};
use schemars::JsonSchema;
use serde::Serialize;

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
        for range in ranges(cx, args)? {
            virtual_range(cx, &wanted, range, out)?;
        }
        Ok(())
    }
}

/// What is looked for.
struct Wanted {
    values: Vec<u64>,
    texts: Vec<Finder<'static>>,
    mask: u64,
    size: usize,
    around: u64,
}

/// A place where it is.
struct Hit {
    at: u64,
    value: u64,
    text: Option<String>,
}

/// How much text is shown behind a hit.
const SHOWN: usize = 55;

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

    fn all(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.size)
    }

    /// The hits in some bytes that begin at `at`.
    fn find(&self, at: u64, bytes: &[u8], out: &mut Vec<Hit>) {
        for finder in &self.texts {
            out.extend(finder.find_iter(bytes).map(|i| {
                let text = &bytes[i..bytes.len().min(i + SHOWN)];
                let end = text.iter().position(|b| !(b' '..=b'~').contains(b)).unwrap_or(text.len());
                Hit { at: at + i as u64, value: 0, text: Some(bytes_text(&text[..end])) }
            }));
        }
        if self.values.is_empty() {
            return;
        }
        // The first byte of a single value finds candidates fast; most pages have none.
        for (i, chunk) in bytes.chunks_exact(self.size).enumerate() {
            let mut word = [0; 8];
            word[..self.size].copy_from_slice(chunk);
            let value = u64::from_le_bytes(word);
            if self.values.contains(&(value & !self.mask)) {
                out.push(Hit { at: at + (i * self.size) as u64, value, text: None });
            }
        }
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
        areas.extend(walk.or_note(t, "vmalloc areas").into_iter().map(|a| a.start.0..a.end.0));
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

/// How many pages a thread looks through at once, and how many such pieces are handed out before their hits are shown.
const PIECE: u64 = 256;
const PIECES: u64 = 32;

fn virtual_range(
    cx: &Context,
    wanted: &Wanted,
    range: Range<u64>,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let t = &cx.target;
    let page = t.page_size();
    let direct = t.kernel().and_then(|k| k.direct_map()).filter(|m| m.contains(&range.start));
    if let (Some(map), Some(phys)) = (direct, t.phys()) {
        // What is mapped in a row is as large as address space; only pages that are there count.
        let first = memmap::to_phys(t, VirtAddr(map.start)).unwrap_or_default();
        let frames = PhysAddr(first.0 + (range.start - map.start))
            ..PhysAddr(first.0.saturating_add(range.end - map.start));
        let shift = map.start.wrapping_sub(first.0);
        return frames_in(cx, wanted, phys.as_ref(), frames, shift, out);
    }
    let mut pieces = Vec::new();
    let mut at = range.start & !(wanted.size as u64 - 1);
    while at < range.end {
        let end = ((at / page + PIECE) * page).min(range.end);
        pieces.push(at..end);
        at = end;
    }
    for batch in pieces.chunks(PIECES as usize) {
        cx.go_on()?;
        let found = parallel::map(batch, |piece| in_pages(t.memory(), wanted, piece.clone(), page));
        for hit in found.into_iter().flatten() {
            show(hit, wanted, Some(t.memory()), out)?;
        }
    }
    Ok(())
}

fn in_pages(memory: &dyn Memory, wanted: &Wanted, range: Range<u64>, page: u64) -> Vec<Hit> {
    let (mut hits, mut at) = (Vec::new(), range.start);
    let mut buffer = vec![0; page as usize];
    while at < range.end {
        let end = ((at / page + 1) * page).min(range.end);
        let bytes = &mut buffer[..(end - at) as usize];
        if memory.read(VirtAddr(at), bytes).is_ok() {
            wanted.find(at, bytes, &mut hits);
        }
        at = end;
    }
    hits
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
    frames_in(cx, wanted, phys.as_ref(), PhysAddr(start)..PhysAddr(end), 0, out)
}

/// The pages of physical memory that are in the dump; addresses are shown moved by `shift`.
fn frames_in(
    cx: &Context,
    wanted: &Wanted,
    phys: &dyn necropsy_base::PhysMem,
    range: Range<PhysAddr>,
    shift: u64,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let page = cx.target.page_size();
    let mut at = range.start;
    let mut pieces: Vec<Range<u64>> = Vec::new();
    loop {
        let run = phys.present(at).filter(|run| run.start < range.end);
        let last = run.is_none();
        if let Some(run) = run {
            let end = run.end.0.min(range.end.0);
            let mut from = run.start.0.max(at.0);
            while from < end {
                let to = ((from / page + PIECE) * page).min(end);
                pieces.push(from..to);
                from = to;
            }
            at = PhysAddr(end.max(at.0 + 1));
        }
        if last || pieces.len() as u64 >= PIECES {
            let found = parallel::map(&pieces, |piece| in_frames(phys, wanted, piece.clone(), page, shift));
            pieces.clear();
            for hit in found.into_iter().flatten() {
                show(hit, wanted, (shift != 0).then(|| cx.target.memory()), out)?;
            }
        }
        if last {
            return Ok(());
        }
        cx.go_on()?;
    }
}

fn in_frames(
    phys: &dyn necropsy_base::PhysMem,
    wanted: &Wanted,
    range: Range<u64>,
    page: u64,
    shift: u64,
) -> Vec<Hit> {
    let (mut hits, mut at) = (Vec::new(), range.start);
    let mut buffer = vec![0; page as usize];
    while at < range.end {
        let end = ((at / page + 1) * page).min(range.end);
        let bytes = &mut buffer[..(end - at) as usize];
        if phys.read(PhysAddr(at), bytes).is_ok() {
            wanted.find(at.wrapping_add(shift), bytes, &mut hits);
        }
        at = end;
    }
    hits
}

/// The kernel stacks of tasks, those with hits under their task.
fn stacks(cx: &Context, args: &Args, wanted: &Wanted, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let tasks = cx.tasks()?;
    let chosen: Vec<&Task> =
        tasks.all.iter().filter(|task| args.has('t') || tasks.running_on(task).is_some()).collect();
    for batch in chosen.chunks(PIECES as usize) {
        cx.go_on()?;
        let found =
            parallel::map(batch, |task| in_pages(t.memory(), wanted, task.stack_range(t), t.page_size()));
        for (task, hits) in batch.iter().zip(found) {
            if hits.is_empty() {
                continue;
            }
            out.heading(&of_task(task, tasks.cpu_of(task)))?;
            for hit in hits {
                show(hit, wanted, Some(t.memory()), out)?;
            }
            out.heading("")?;
        }
    }
    Ok(())
}

//! Looking through memory: physical, virtual, and the stacks of tasks.

use std::ops::Range;

use necropsy_base::{PhysAddr, PhysMem, VirtAddr};
use necropsy_kernel::tasks::Task;
use necropsy_kernel::{memmap, parallel};

use super::find::{Hit, Wanted};
use super::{Args, CommandError, Context, Sink, of_task, show};

/// How many pages a thread looks through at once, and how many such pieces are handed out before their hits are shown.
const PIECE: u64 = 256;
const PIECES: usize = 32;

/// What was looked through already, so that no page is decompressed again because it is mapped in a second place.
#[derive(Default)]
pub struct Seen {
    /// Physical memory of which all pages were looked at that are there.
    whole: Vec<Range<u64>>,
    /// The pages in it that have hits, in order.
    hit: Vec<u64>,
}

impl Seen {
    /// Whether nothing is on that page.
    fn empty(&self, page: u64) -> bool {
        self.whole.iter().any(|r| r.contains(&page)) && self.hit.binary_search(&page).is_err()
    }

    fn note(&mut self, page: u64) {
        if self.hit.last() != Some(&page) {
            self.hit.push(page);
        }
    }
}

/// A range of virtual memory.
pub fn virtual_range(
    cx: &Context,
    wanted: &Wanted,
    range: Range<u64>,
    seen: &mut Seen,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let t = &cx.target;
    let page = t.page_size();
    let direct = t.kernel().and_then(|k| k.direct_map()).filter(|m| m.contains(&range.start));
    if let (Some(map), Some(phys)) = (direct, t.phys()) {
        // What is mapped in a row is as large as address space; only pages that are there count.
        let first = memmap::to_phys(t, VirtAddr(map.start)).unwrap_or_default();
        let frames = first.0 + (range.start - map.start)..first.0.saturating_add(range.end - map.start);
        let shift = map.start.wrapping_sub(first.0);
        let whole = frames.start.div_ceil(page)..frames.end / page;
        frames_in(cx, wanted, phys.as_ref(), frames, shift, seen, out)?;
        seen.whole.push(whole);
        return Ok(());
    }
    let pieces = pieces(wanted.aligned(range.start)..range.end, page);
    for batch in pieces.chunks(PIECES) {
        cx.go_on()?;
        let found = parallel::map(batch, |piece| in_pages(cx, wanted, piece.clone(), seen));
        for hit in found.into_iter().flatten() {
            show(hit, wanted, Some(t.memory()), out)?;
        }
    }
    Ok(())
}

/// A range cut where pages begin.
fn pieces(range: Range<u64>, page: u64) -> Vec<Range<u64>> {
    let mut pieces = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let end = (at / page + PIECE).saturating_mul(page).min(range.end);
        pieces.push(at..end);
        at = end;
    }
    pieces
}

fn in_pages(cx: &Context, wanted: &Wanted, range: Range<u64>, seen: &Seen) -> Vec<Hit> {
    let (mut hits, mut at) = (Vec::new(), range.start);
    let page = cx.target.page_size();
    let mut buffer = vec![0; page as usize];
    while at < range.end {
        let end = ((at / page + 1) * page).min(range.end);
        let bytes = &mut buffer[..(end - at) as usize];
        if read_unseen(cx, VirtAddr(at), bytes, seen) {
            wanted.find(at, bytes, &mut hits);
        }
        at = end;
    }
    hits
}

/// Reads some of a page, unless there is nothing, or nothing that is looked for.
fn read_unseen(cx: &Context, at: VirtAddr, bytes: &mut [u8], seen: &Seen) -> bool {
    let t = &cx.target;
    let Some(kernel) = t.kernel() else { return t.memory().read(at, bytes).is_ok() };
    let to = kernel.to_phys(at).ok().filter(|to| !seen.empty(to.0 / t.page_size()));
    to.is_some_and(|to| kernel.phys().read(to, bytes).is_ok())
}

/// The pages of physical memory that are in the dump; addresses are shown moved by `shift`.
pub fn frames_in(
    cx: &Context,
    wanted: &Wanted,
    phys: &dyn PhysMem,
    range: Range<u64>,
    shift: u64,
    seen: &mut Seen,
    out: &mut dyn Sink,
) -> Result<(), CommandError> {
    let page = cx.target.page_size();
    let mut batch = Vec::new();
    let mut at = wanted.aligned(range.start);
    let mut last = false;
    while !last {
        match phys.present(PhysAddr(at)).filter(|run| run.start.0 < range.end) {
            Some(run) => {
                let from = run.start.0.max(at);
                let piece = from..(from / page + PIECE).saturating_mul(page).min(range.end);
                at = piece.end;
                batch.push(piece);
                last = at >= range.end;
            }
            None => last = true,
        }
        if !last && batch.len() < PIECES {
            continue;
        }
        cx.go_on()?;
        let found = parallel::map(&batch, |piece| in_frames(phys, wanted, piece.clone(), page, shift));
        batch.clear();
        for hit in found.into_iter().flatten() {
            seen.note(hit.at.wrapping_sub(shift) / page);
            show(hit, wanted, (shift != 0).then(|| cx.target.memory()), out)?;
        }
    }
    Ok(())
}

fn in_frames(phys: &dyn PhysMem, wanted: &Wanted, range: Range<u64>, page: u64, shift: u64) -> Vec<Hit> {
    let mut hits = Vec::new();
    phys.each_present(PhysAddr(range.start)..PhysAddr(range.end), &mut |at, bytes| {
        // Page by page: what follows a page in physical memory need not belong to it.
        let mut from = 0;
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
            let here = at.0 + from as u64;
            let n = ((page - here % page) as usize).min(rest.len());
            wanted.find(here.wrapping_add(shift), &rest[..n], &mut hits);
            from += n;
        }
    });
    hits
}

/// The kernel stacks of tasks, those with hits under their task.
pub fn stacks(cx: &Context, args: &Args, wanted: &Wanted, out: &mut dyn Sink) -> Result<(), CommandError> {
    let t = &cx.target;
    let tasks = cx.tasks()?;
    let seen = Seen::default();
    let chosen: Vec<&Task> =
        tasks.all.iter().filter(|task| args.has('t') || tasks.running_on(task).is_some()).collect();
    for batch in chosen.chunks(PIECES) {
        cx.go_on()?;
        let found = parallel::map(batch, |task| in_pages(cx, wanted, task.stack_range(t), &seen));
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

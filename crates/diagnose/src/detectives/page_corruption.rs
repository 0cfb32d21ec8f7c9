//! A page whose state cannot be: `bad_page()` of the page allocator.

use necropsy_base::VirtAddr;
use necropsy_kernel::memmap::Memmap;
use necropsy_kernel::pages::{self, Copied};
use necropsy_target::Target;

use crate::crash::{Crash, base_name};
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, allocators, blame, holders};

pub const PAGE_CORRUPTION: Detective = Detective {
    id: "page-corruption",
    title: "a page whose state cannot be",
    doc: "The page allocator's check ended the kernel: `bad_page` is on the stack, or the page allocator tainted the kernel. Its page is found there too, and what is wrong with it: a \
          reference count below zero was dropped once too often. Who freed a page that is in use is on the stack; who allocates one that is \
          not free is a victim.",
    examine,
};

fn examine(case: &Case, found: &mut Findings) {
    const CLASS: Class = Class::PageCorruption;
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let reporter = crash.frame(&["bad_page"]).map(|(i, _)| i);
    let Some(index) = reporter.or_else(|| crash.tainted_by(allocators::is_pages)) else { return };
    let frames = &crash.stack.frames;
    let Some((at, sure)) = blame::culprit(t, frames, index) else { return };
    let who = place_in(t, frames, at, sure);
    let inside = frames.iter().take(at).skip(index).filter_map(base_name);
    let freeing = inside.clone().any(|n| n.contains("free") && !n.contains("freelist"));
    let page = on_stack(t, crash, index, at);
    let wrong = page.as_ref().map(wrong).unwrap_or_default();
    let twice = wrong.iter().any(|w| w.1);
    let what = wrong.iter().map(|w| w.0.clone()).collect::<Vec<_>>().join(", ");
    let what = if what.is_empty() { "its state cannot be".to_owned() } else { what };
    let did = if freeing { "freed" } else { "was given" };
    let title = format!("bad page state: {} {did} a page of which {what}", named(&who));
    let mut statement = format!(
        "The page allocator found a page whose state cannot be when {} {did} it: {what}.",
        named(&who)
    );
    if twice {
        statement += " Somebody dropped a reference to it that was not there: it was freed twice.";
    }
    if !freeing {
        statement += " Who allocates it is not to blame.";
    }
    let mut h = Hypothesis::new(CLASS, title, statement);
    h.victim = Some(who.clone());
    if freeing {
        h.culprit = Some(necropsy_report::Place { confidence: Some(sure * 0.7), ..who });
    }
    h.advice = vec![
        "read what the check printed about the page: log".into(),
        "page_owner=on names who allocated and who freed the page; debug_pagealloc=on stops who writes to it"
            .into(),
    ];
    found.hypotheses.push(h);
    let reported = match reporter {
        Some(_) => "bad_page reported it: it is called for nothing else",
        None => {
            "the page allocator tainted the kernel: it does so for nothing but a page whose state cannot be"
        }
    };
    found.add_to_all(
        &[(CLASS, 4.5), (Class::Warning, -2.0), (Class::BugAssertion, -2.0)],
        "stack",
        "bt".to_owned(),
        reported,
    );
    if let Some(p) = &page {
        let at = p.page().at().0;
        found.add(
            CLASS,
            2.0,
            format!("memory:*(struct page *){at:#x}"),
            format!("struct page {at:x}"),
            format!("page {:#x}: {what}", p.page().memory().0),
        );
    }
}

/// The page, on the stack between the check and who asked: of those that are described there the one with something wrong.
fn on_stack(t: &Target, crash: &Crash, from: usize, to: usize) -> Option<Copied> {
    let frames = &crash.stack.frames;
    let (map, shape) = (Memmap::of(t)?, pages::Shape::of(t).ok()?);
    let start = frames.get(from)?.sp.0;
    let end = frames.get(to)?.sp.0.saturating_add(128).min(start + 8192);
    let mut words = Vec::new();
    holders::scan(t, &(start..end), &mut |_, word| words.push(VirtAddr(word)));
    let ram = t.phys()?.ram();
    let page = |at: VirtAddr| {
        let frame = map.frame(at).filter(|frame| map.page(*frame) == at)?;
        ram.contains(map.memory(at)?).then_some(())?;
        pages::page(t, &shape, frame).ok()
    };
    words.into_iter().filter_map(page).find(|p| !wrong(p).is_empty())
}

/// What is wrong with a page that must be free, and whether that comes of freeing it twice. References are none of it: a page that
/// has some may be any other that the stack mentions.
fn wrong(p: &Copied) -> Vec<(String, bool)> {
    let page = p.page();
    let refs = page.references().unwrap_or(1);
    if refs > 0 || page.is_tail() || page.is_slab() || page.has("reserved") {
        return Vec::new();
    }
    let mut out = Vec::new();
    if refs < 0 {
        out.push((format!("the reference count is {refs}"), true));
    }
    if page.mapping() != 0 && page.mapping() != TAIL_MAPPING {
        out.push((format!("mapping is {:#x} though nobody has a reference to it", page.mapping()), false));
    }
    out
}

/// `TAIL_MAPPING` (include/linux/poison.h).
const TAIL_MAPPING: u64 = 0xdead_0000_0000_0400;

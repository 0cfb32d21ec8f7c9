//! What the undefined behaviour sanitizer caught, in kernels that panic for it (lib/ubsan.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_report::{Place, terminal_safe};
use necropsy_target::Target;
use necropsy_target::unwind::{Frame, Stack};

use crate::crash::base_name;
use crate::suspect::{named, place_in};
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, reported};

pub const UBSAN: Detective = Detective {
    id: "ubsan",
    title: "what the undefined behaviour sanitizer caught",
    doc: "One of the handlers that the compiler calls (`__ubsan_handle_…`) is on the stack of the panic: an index out of an array's bounds, a \
          shift by too much. Its caller is named; file and line stand in the description that the call passes, without debuginfo.",
    examine,
};

const HANDLER: &str = "__ubsan_handle_";
/// Names of files are not longer.
const NAME: usize = 256;

fn examine(case: &Case, found: &mut Findings) {
    let (t, Some(crash)) = (&case.target, case.crash()) else { return };
    let frames = &crash.stack.frames;
    let what = |f: &Frame| base_name(f).and_then(|n| n.strip_prefix(HANDLER)).map(str::to_owned);
    let Some((index, what)) = frames.iter().enumerate().find_map(|(i, f)| Some((i, what(f)?))) else {
        return;
    };
    if !frames[..index].iter().any(|f| matches!(base_name(f), Some("panic" | "vpanic"))) {
        return;
    }
    let class =
        if what.starts_with("out_of_bounds") { Class::OutOfBoundsAccess } else { Class::UndefinedBehaviour };
    let Some((at, sure)) = blame::culprit(t, frames, index + 1) else { return };
    let mut culprit = place_in(t, frames, at, sure);
    if at == index + 1 {
        located(t, &crash.stack, at, &mut culprit);
    }
    let (who, what) = (named(&culprit), in_words(&what));
    let place = culprit
        .file
        .as_ref()
        .zip(culprit.line)
        .map(|(file, line)| format!(" at {file}:{line}"))
        .unwrap_or_default();
    let statement = format!(
        "The sanitizer that the compiler built into {who} found {what}{place}, and the kernel was told to die of such."
    );
    let mut h = Hypothesis::new(class, format!("{who}: {what}"), statement);
    h.victim = Some(culprit.clone());
    h.culprit = Some(culprit);
    h.advice =
        vec![format!("read what limits the value there: dis -l {}", frames[at].name().unwrap_or_default())];
    found.hypotheses.push(h);
    let claim = format!("{who} called {}: {what}", frames[index].name().unwrap_or(HANDLER));
    found.add(class, 4.5, "stack", "bt".to_owned(), claim);
}

/// What a handler is for, by its name.
fn in_words(handler: &str) -> String {
    let known = [
        ("out_of_bounds", "an index out of bounds"),
        ("shift_out_of_bounds", "a shift by too much"),
        ("divrem_overflow", "a division that overflows"),
        ("load_invalid_value", "a value that its type does not have"),
        ("builtin_unreachable", "code that should not be reached"),
    ];
    let handler = handler.trim_end_matches("_abort");
    known
        .iter()
        .find(|(name, _)| *name == handler)
        .map_or_else(|| handler.replace('_', " "), |(_, text)| (*text).to_owned())
}

/// The file and line that the call passes: `struct source_location` is the first member of every description.
fn located(t: &Target, stack: &Stack, index: usize, place: &mut Place) {
    let Some((file, line)) = location(t, stack, index) else { return };
    (place.file, place.line) = (Some(file), Some(line));
}

fn location(t: &Target, stack: &Stack, index: usize) -> Option<(String, u32)> {
    let data = VirtAddr(reported::argument(t, stack, index, 0)?);
    let name = t.memory().cstr(t.memory().ptr(data).ok()?, NAME).ok()?;
    let line = t.memory().u32(data.offset(u64::from(t.abi().word))).ok()?;
    let text = terminal_safe(&String::from_utf8_lossy(&name));
    // The kernel sets a bit so that a place is reported once.
    (text.contains('.') && line & !REPORTED < 1 << 20).then_some((text, line & !REPORTED))
}

/// `REPORTED_BIT`: on little-endian machines the last bit of the line.
const REPORTED: u32 = 1 << 31;

//! What makes reports of the same bug look the same; `docs/fingerprint.md` describes it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::details::significant;
use crate::report::Report;

/// Version of how fingerprints are made. A change of the rules that gives an old report a new value needs a new version.
pub const VERSION: u32 = 1;

/// How many callers the strict one takes besides the function to blame.
const MORE: usize = 1;

/// A report without what changes from run to run and from build to build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fingerprint {
    /// Version of how it is made.
    pub version: u32,
    /// Kind of report, function to blame, and the next functions of the stack.
    pub strict: String,
    /// Kind of report and function to blame.
    pub loose: String,
    /// What the loose one is made of, to be read.
    pub title: String,
    /// The functions that count.
    pub frames: Vec<String>,
}

/// The fingerprint of a report.
pub(crate) fn of(report: &Report) -> Fingerprint {
    let function = report.function.clone().unwrap_or_default();
    let kind = match function.is_empty() {
        true => report.title.clone(),
        false => report.title.replacen(&format!(" in {function}"), "", 1),
    };
    let functions = significant(&report.frames);
    // A function that is not on the stack (lockdep's, a leak's) has no callers there.
    let below = functions.iter().position(|f| *f == function).map_or(functions.len(), |i| i + 1);
    let more: Vec<String> = functions.iter().skip(below).take(MORE).cloned().collect();
    let frames = [if function.is_empty() { Vec::new() } else { vec![function.clone()] }, more].concat();
    let strict = hash(std::iter::once(kind.as_str()).chain(frames.iter().map(String::as_str)));
    let loose = hash([kind.as_str(), function.as_str()].into_iter());
    Fingerprint { version: VERSION, strict, loose, title: report.title.clone(), frames }
}

/// FNV-1a, 64 bits: stable for ever, and nothing depends on nobody finding a collision.
fn hash<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let bytes = parts.flat_map(|p| p.bytes().chain([0]));
    let fold = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, fold))
}

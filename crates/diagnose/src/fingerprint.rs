//! What makes crashes of the same cause look the same: class and functions, never addresses, offsets or builds.

use necropsy_report::{Fingerprint, Verdict};

use crate::blame;
use crate::crash::{Crash, base_name};

/// Version of how fingerprints are made.
const VERSION: u32 = 1;
/// How many frames count in the strict one.
const FRAMES: usize = 5;

/// The fingerprint of a verdict.
pub fn of(verdict: &Verdict, crash: Option<&Crash>) -> Fingerprint {
    let frames: Vec<String> = crash.map(significant).unwrap_or_default();
    let culprit = verdict.culprit.as_ref().and_then(|c| c.function.as_deref());
    let culprit = culprit.map(|f| f.split('.').next().unwrap_or(f).to_owned());
    let first = culprit.or_else(|| frames.first().cloned()).unwrap_or_default();
    let title = format!("{} in {first}", verdict.class);
    Fingerprint {
        version: VERSION,
        strict: hash(&[&[verdict.class.to_owned()], &frames[..]].concat()),
        loose: hash(&[verdict.class.to_owned(), first]),
        title,
        frames,
    }
}

/// The functions that matter: those that are no part of how a kernel dies.
fn significant(crash: &Crash) -> Vec<String> {
    let known = crash.stack.frames.iter().filter(|f| f.trust < necropsy_target::unwind::Trust::Scan);
    let names = known.filter_map(base_name).filter(|n| !blame::is_machinery(n));
    names.take(FRAMES).map(str::to_owned).collect()
}

/// FNV-1a, 64 bits: stable for ever, and nothing depends on nobody finding a collision.
fn hash(parts: &[String]) -> String {
    let bytes = parts.iter().flat_map(|p| p.bytes().chain([0]));
    let fold = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, fold))
}

//! What an access that failed was, and what its address says.

use schemars::JsonSchema;
use serde::Serialize;

use crate::detect::Line;
use crate::report::Report;

/// An access that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// The address.
    pub address: Option<String>,
    /// `read`, `write` or `execute`.
    pub access: Option<&'static str>,
    /// What the address looks like.
    pub meaning: Option<&'static str>,
    /// The CPU's own words: error code, ESR, cause.
    pub code: Option<String>,
    /// What the kernel made of it.
    pub why: Option<String>,
}

/// The access of a report, if there was one.
pub(super) fn of(report: &Report, address: Option<String>, lines: &[Line]) -> Option<Fault> {
    let mut fault = Fault { address, ..Fault::default() };
    for line in lines.iter().take(80) {
        read(&mut fault, &line.text);
    }
    if fault.address.is_none() && report.pattern.starts_with("pf.") {
        fault.address = report
            .registers
            .get("CR2")
            .or(report.registers.get("badaddr"))
            .or(report.registers.get("DAR"))
            .cloned();
    }
    let number = fault.address.as_deref().and_then(number);
    fault.meaning = number.and_then(meaning_of);
    fault.address = number.map(|n| format!("{n:#018x}"));
    (fault != Fault::default()).then_some(fault)
}

fn number(text: &str) -> Option<u64> {
    let digits = text.trim_matches(['(', ')']);
    if digits == "null" || digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
}

fn read(fault: &mut Fault, text: &str) {
    let mut access = |what| {
        fault.access.get_or_insert(what);
    };
    if let Some(rest) = text.strip_prefix("#PF: ") {
        if rest.contains("write access") {
            access("write");
        } else if rest.contains("read access") {
            access("read");
        } else if rest.contains("instruction fetch") {
            access("execute");
        }
        if let Some((code, why)) = rest.strip_prefix("error_code(").and_then(|r| r.split_once(") - ")) {
            (fault.code, fault.why) = (Some(code.to_owned()), Some(why.to_owned()));
        }
    } else if let Some(code) = oops_code(text) {
        access(if code & 0x10 != 0 {
            "execute"
        } else if code & 2 != 0 {
            "write"
        } else {
            "read"
        });
        fault.code.get_or_insert(format!("{code:#06x}"));
    } else if let Some((_, esr)) = text.split_once("ESR = ") {
        fault.code.get_or_insert(esr.split(' ').next().unwrap_or(esr).to_owned());
    } else if text.contains("WnR = ") {
        access(if text.contains("WnR = 1") { "write" } else { "read" });
    } else if text.contains("Write of size") || text.contains(" on write at ") || text.contains("when write")
    {
        access("write");
    } else if text.contains("Read of size") || text.contains(" on read at ") || text.contains("when read") {
        access("read");
    } else if let Some((_, rest)) = text.split_once("Failing address: ") {
        fault.address.get_or_insert(rest.split(' ').next().unwrap_or_default().to_owned());
    } else if text.contains("execute from non-executable") || text.contains("exploit attempt?") {
        access("execute");
    }
}

/// The page fault error code of x86's `Oops: 0002 [#1]`.
fn oops_code(text: &str) -> Option<u32> {
    let rest = text.trim_start_matches("Oops: ");
    if rest.len() == text.len() {
        return None;
    }
    u32::from_str_radix(rest.split(" [#").next().filter(|c| c.len() == 4)?, 16).ok()
}

/// What an address looks like: the kernel fills memory with known patterns.
pub fn meaning_of(address: u64) -> Option<&'static str> {
    let bytes = address.to_le_bytes();
    let mostly = |b: u8| bytes[1..].iter().all(|x| *x == b);
    Some(match address {
        0..=0xfff => "NULL, or a member of a structure at NULL",
        0xffff_ffff_ffff_f000.. => "an error code used as a pointer",
        0xdead_0000_0000_0100..=0xdead_0000_0000_01ff => "a list entry that was already deleted",
        0xdead_0000_0000_0040..=0xdead_0000_0000_0fff => "poison of an object that is gone",
        _ if mostly(0x6b) => "a pointer out of a freed slab object",
        _ if mostly(0x5a) => "a pointer out of an uninitialised slab object",
        _ if mostly(0xaa) => "a pointer out of a freed page",
        _ if mostly(0xcc) || mostly(0xbb) => "a pointer out of a red zone",
        _ if bytes.iter().all(|b| (0x20..0x7f).contains(b)) => "text",
        0x1000..=0x00ff_ffff_ffff_ffff => "an address of user space, or a small number",
        _ => return None,
    })
}

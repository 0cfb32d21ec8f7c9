//! `Code:` lines: the bytes around the instruction that failed.

use std::ops::Range;

use necropsy_arch::{Arch, Syntax};
use necropsy_base::VirtAddr;
use serde::Serialize;

/// The bytes of a `Code:` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeBytes {
    /// The bytes, in the order of memory.
    pub bytes: Vec<u8>,
    /// Where the trapping instruction begins in `bytes`; `None` where the line marks nothing.
    pub trap: Option<usize>,
    /// How wide the words are that the line is made of: 1 on x86, 4 on arm64, 2 or 4 elsewhere.
    pub width: usize,
    /// Where the bytes stand in the line.
    pub at: Range<usize>,
}

/// Reads the bytes of a line that has `Code:` or `Krnl Code:` or `Instruction dump:` material.
///
/// ```
/// let code = necropsy_klog::parse_code("Code: 48 89 e5 <0f> 0b 66").unwrap();
/// assert_eq!((code.trap, code.bytes.len()), (Some(3), 6));
/// let code = necropsy_klog::parse_code("Code: d503201f (b900001f) d65f03c0").unwrap();
/// assert_eq!((code.trap, &code.bytes[4..8]), (Some(4), &[0x1f, 0, 0, 0xb9][..]));
/// ```
pub fn parse_code(line: &str) -> Option<CodeBytes> {
    let start = line.find("Code:")? + "Code:".len();
    let before = line[..start - "Code:".len()].trim_end();
    if before.ends_with(|c: char| c.is_ascii_alphanumeric()) && !before.ends_with("Krnl") {
        return None;
    }
    let text = &line[start..];
    let mut code = CodeBytes { bytes: Vec::new(), trap: None, width: 0, at: start..start };
    for word in text.split_ascii_whitespace() {
        let marked = word.starts_with(['<', '(']);
        let digits = word.trim_matches(['<', '>', '(', ')']);
        let Some(value) = word_bytes(digits) else { break };
        if code.width == 0 {
            code.width = digits.len() / 2;
        }
        if marked {
            code.trap = Some(code.bytes.len());
        }
        code.bytes.extend(value);
        let place = start + text[code.at.end - start..].find(word).unwrap_or(0) + (code.at.end - start);
        code.at.start = if code.at.end == start { place } else { code.at.start };
        code.at.end = place + word.len();
    }
    (code.bytes.len() > 1).then_some(code)
}

/// One word: a byte as it is, more than one as a little-endian number.
fn word_bytes(digits: &str) -> Option<Vec<u8>> {
    if !matches!(digits.len(), 2 | 4 | 8) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some(number.to_le_bytes()[..digits.len() / 2].to_vec())
}

/// One instruction out of a `Code:` line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeLine {
    /// Bytes from the trapping instruction: negative before it.
    pub offset: i64,
    /// The bytes, in hex.
    pub bytes: String,
    /// The instruction.
    pub text: String,
    /// Whether it is the one that trapped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trap: bool,
}

/// What a CPU with this `uname -m` would make of the bytes; empty when nothing here can disassemble for it.
///
/// Instructions of x86 have no fixed length and the bytes begin anywhere: the first cut is taken from which whole
/// instructions lead exactly to the marked one.
pub fn disassemble(code: &CodeBytes, machine: &str) -> Vec<CodeLine> {
    let Some(arch) = necropsy_arch::by_name(machine) else { return Vec::new() };
    let trap = code.trap.unwrap_or(0);
    let walk = |from: usize| {
        let mut found: Vec<(usize, usize, String)> = Vec::new();
        let mut at = from;
        while let Some((len, text)) = code.bytes.get(at..).and_then(|bytes| instruction(arch, bytes, at)) {
            found.push((at, len, text));
            at += len;
        }
        found
    };
    let reaches = |found: &Vec<(usize, usize, String)>| found.iter().any(|(at, ..)| *at == trap);
    let found = (0..trap).map(walk).find(reaches).unwrap_or_else(|| walk(trap));
    let line = |(at, len, text): (usize, usize, String)| CodeLine {
        offset: at as i64 - trap as i64,
        bytes: code.bytes[at..at + len].iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
        text,
        trap: code.trap == Some(at),
    };
    found.into_iter().map(line).collect()
}

/// The first instruction of some bytes, if they hold all of it: its length and text.
fn instruction(arch: &dyn Arch, bytes: &[u8], at: usize) -> Option<(usize, String)> {
    let insn = arch.disassemble(bytes, VirtAddr(at as u64))?;
    let text = arch.text(bytes, VirtAddr(at as u64), Syntax::Gnu, &|_| None)?;
    let len = usize::from(insn.len);
    (len > 0 && len <= bytes.len()).then_some((len, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trapping_instruction_is_marked() {
        let line = "Code: cc cc 55 48 89 e5 <c7> 04 25 00 00 00 00 2a 00 00 00 5d c3";
        let code = parse_code(line).unwrap();
        assert_eq!(&line[code.at.clone()], &line[6..]);
        let lines = disassemble(&code, "x86_64");
        let trap = lines.iter().find(|l| l.trap).unwrap();
        assert_eq!((trap.offset, trap.text.contains("$0x2a")), (0, true), "{}", trap.text);
        assert!(
            lines.iter().any(|l| l.offset < 0) && lines.last().is_some_and(|l| l.text.starts_with("ret"))
        );
        assert!(disassemble(&code, "vax").is_empty());
    }

    #[test]
    fn what_is_no_code() {
        for line in ["Code: Bad RIP value.", "SenseCode: 12 34", "Code:", "Error Code: zz"] {
            assert_eq!(parse_code(line), None, "{line}");
        }
    }
}

//! `Code:` lines: the bytes around the instruction that failed.

use std::borrow::Cow;
use std::ops::Range;

use necropsy_base::VirtAddr;
use schemars::JsonSchema;
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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
    let trap = code.trap.unwrap_or(0);
    let bytes = in_memory(code, machine);
    let machine = if machine.starts_with("arm") && code.width == 2 { "thumb" } else { machine };
    let walk = |from: usize| {
        let mut found: Vec<(usize, usize, String)> = Vec::new();
        let mut at = from;
        while let Some((len, text)) = bytes
            .get(at..)
            .and_then(|bytes| necropsy_arch::instruction_text(machine, bytes, VirtAddr(at as u64)))
        {
            found.push((at, len, text));
            at += len;
        }
        found
    };
    let reaches = |found: &Vec<(usize, usize, String)>| found.iter().any(|(at, ..)| *at == trap);
    // Words begin where they begin; bytes anywhere.
    let found = (0..trap).step_by(code.width.max(1)).map(walk).find(reaches).unwrap_or_else(|| walk(trap));
    let line = |(at, len, text): (usize, usize, String)| CodeLine {
        offset: at as i64 - trap as i64,
        bytes: bytes[at..at + len].iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
        text,
        trap: code.trap == Some(at),
    };
    found.into_iter().map(line).collect()
}

/// The bytes as they stand in memory: a big-endian CPU's words were printed as numbers.
fn in_memory<'a>(code: &'a CodeBytes, machine: &str) -> Cow<'a, [u8]> {
    let mut bytes = Cow::Borrowed(&code.bytes[..]);
    if matches!(machine, "ppc64" | "ppc" | "armv7b") && code.width > 1 {
        bytes.to_mut().chunks_exact_mut(code.width).for_each(<[u8]>::reverse);
    }
    bytes
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
    fn every_cpu_that_prints_words() {
        let trap = |line: &str, machine: &str| {
            let lines = disassemble(&parse_code(line).unwrap(), machine);
            lines.into_iter().find(|l| l.trap).map(|l| l.text)
        };
        let of = |line, machine| trap(line, machine).unwrap_or_default();
        assert_eq!(of("Code: 910003fd f9000bf3 aa0003f3 97932e41 (08dffe60)", "aarch64"), "ldarb  w0, [x19]");
        assert_eq!(of("Code: e0844003 e3c434ff e3c3360f e2433612 (e5c35000)", "armv7l"), "strb   r5, [r3]");
        assert_eq!(of("Code: 4b12 447b (681b) 2b00", "armv7l"), "ldr    r3, [r3]");
        assert_eq!(of("Code: 60000000 <e9290000> 2fa90000", "ppc64le"), "ld     r9, 0(r9)");
        assert_eq!(of("Code: 60000000 <e9290000> 2fa90000", "ppc64"), "ld     r9, 0(r9)");
        assert_eq!(of("Code: 8082 1141 (b503) 0005 8082", "riscv64"), "ld     a0, 0(a1)");
    }

    #[test]
    fn what_is_no_code() {
        for line in ["Code: Bad RIP value.", "SenseCode: 12 34", "Code:", "Error Code: zz"] {
            assert_eq!(parse_code(line), None, "{line}");
        }
    }
}

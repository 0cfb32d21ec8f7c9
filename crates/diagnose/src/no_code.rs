//! Bytes where code should be that no compiler wrote.

use std::ops::Range;

use necropsy_report::terminal_safe;

/// So many bytes of one value, or of text, are no code; what compilers fill gaps with may be more.
const SAME: usize = 12;
const TEXT: usize = 20;
const GAPS: [u8; 2] = [0x90, 0xcc];

/// The run of bytes around `at` that is no code: one value over and over, or text. The longest constants have eight bytes, and compilers fill
/// gaps with no-ops and traps.
pub fn no_code(code: &[u8], at: usize) -> Option<Run> {
    let value = *code.get(at)?;
    let around = |fits: &dyn Fn(u8) -> bool| {
        let start = code[..at].iter().rposition(|b| !fits(*b)).map_or(0, |i| i + 1);
        let end = code[at..].iter().position(|b| !fits(*b)).map_or(code.len(), |i| at + i);
        start..end
    };
    let (same, text) = (around(&|b| b == value), around(&|b| matches!(b, b' '..=b'~')));
    let of = |bytes: Range<usize>, what: String| Some(Run { bytes, what });
    match (same.len(), text.len()) {
        (SAME.., _) if !GAPS.contains(&value) => {
            of(same.clone(), format!("{} bytes {value:#04x} in a row", same.len()))
        }
        (_, TEXT..) => {
            let shown = String::from_utf8_lossy(&code[text.clone()]).chars().take(24).collect::<String>();
            of(text.clone(), format!("{} bytes of text, {:?}", text.len(), terminal_safe(&shown)))
        }
        _ => None,
    }
}

/// Bytes that are no code.
pub struct Run {
    /// From where to where.
    pub bytes: Range<usize>,
    /// In words.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_code() {
        let mut code = vec![0x48, 0xc7, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3];
        assert!((0..code.len()).all(|at| no_code(&code, at).is_none()), "a constant of zeros");
        code.extend([0xcc; 16]);
        assert!(no_code(&code, 14).is_none(), "a gap");
        code.extend([0; 12]);
        let run = no_code(&code, 34).unwrap();
        assert_eq!((run.bytes, run.what.as_str()), (28..40, "12 bytes 0x00 in a row"));
        // Pushes of all registers are text, but short.
        assert!(no_code(b"AWAVAUATUSH\x83\xec\x10", 4).is_none());
        let run = no_code(b"\xc3user-agent: gateway/2.1\0", 6).unwrap();
        assert_eq!((run.bytes, run.what.as_str()), (1..24, "23 bytes of text, \"user-agent: gateway/2.1\""));
        assert!(no_code(b"", 0).is_none());
    }
}

//! Frames in a line of text: `foo+0x12/0x34 [module buildid]` and what stands around it.

use std::ops::Range;

/// What the place in the code is to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameRole {
    /// A return address: a line of a stack trace.
    Call,
    /// The program counter: `RIP:`, `pc :`, `NIP`, `epc :`, `Krnl PSW`.
    Pc,
    /// The link register: `lr :`, `LR`, ` ra :`.
    Link,
    /// The caller that old 32-bit ARM kernels name after `from`.
    Caller,
    /// Named in a sentence.
    Mention,
}

/// A place in the code that a line names; all ranges are bytes of that line.
///
/// ```
/// use necropsy_klog::{FrameRole, parse_frame};
///
/// let line = "[   12.345678] [ T1530]  ? copy_field+0x12/0x34 [netpkt 0123456789abcdef0123456789abcdef01234567]";
/// let frame = parse_frame(line).unwrap();
/// assert_eq!(&line[frame.function.clone()], "copy_field");
/// assert_eq!((frame.offset, frame.size), (0x12, 0x34));
/// assert_eq!(frame.module(line), Some("netpkt"));
/// assert_eq!(frame.build_id(line), Some("0123456789abcdef0123456789abcdef01234567"));
/// assert_eq!(frame.role, FrameRole::Call);
/// assert!(!frame.reliable);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFrame {
    /// The function's name, as it stands there.
    pub function: Range<usize>,
    /// Bytes from the function's start.
    pub offset: u64,
    /// Where `0x12` stands.
    pub offset_at: Range<usize>,
    /// The function's size.
    pub size: u64,
    /// Where `0x34` stands.
    pub size_at: Range<usize>,
    /// The module's name.
    pub module_at: Option<Range<usize>>,
    /// The module's build ID, in hex.
    pub build_id_at: Option<Range<usize>>,
    /// The address itself, where the kernel printed it: number and place.
    pub address: Option<(u64, Range<usize>)>,
    /// `[module buildid]` with its brackets.
    pub brackets: Option<Range<usize>>,
    /// What the place is.
    pub role: FrameRole,
    /// `false` for what may be a leftover: `? foo`, `(unreliable)`.
    pub reliable: bool,
}

impl LogFrame {
    /// The function's name.
    pub fn name<'a>(&self, line: &'a str) -> &'a str {
        line.get(self.function.clone()).unwrap_or_default()
    }
    /// The module's name.
    pub fn module<'a>(&self, line: &'a str) -> Option<&'a str> {
        line.get(self.module_at.clone()?)
    }
    /// The module's build ID, in hex.
    pub fn build_id<'a>(&self, line: &'a str) -> Option<&'a str> {
        line.get(self.build_id_at.clone()?)
    }
    /// Where the symbol begins and ends: name, offset, size and module.
    pub fn span(&self) -> Range<usize> {
        let end = self.brackets.as_ref().map_or(self.size_at.end, |b| b.end);
        self.function.start..end
    }
}

/// The first place in the code that a line names.
pub fn parse_frame(line: &str) -> Option<LogFrame> {
    parse_frames(line).next()
}

/// No line of a kernel names more places.
const MOST: usize = 16;

/// All places in the code that a line names, from left to right; no more than 16.
pub fn parse_frames(line: &str) -> impl Iterator<Item = LogFrame> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let frame = symbol(line, from)?;
        from = frame.span().end;
        Some(frame)
    })
    .take(MOST)
}

/// The next `name+0xN/0xN` at or after `from`.
fn symbol(line: &str, from: usize) -> Option<LogFrame> {
    let bytes = line.as_bytes();
    let mut search = from;
    loop {
        let plus = search + line.get(search..)?.find("+0x")?;
        search = plus + 3;
        let start = name_start(bytes, from, plus);
        let offset_at = hex_at(bytes, plus + 1);
        let Some((offset, offset_at)) = offset_at else { continue };
        let size =
            (bytes.get(offset_at.end) == Some(&b'/')).then(|| hex_at(bytes, offset_at.end + 1)).flatten();
        let Some((size, size_at)) = size else { continue };
        if start == plus || !line.is_char_boundary(start) {
            continue;
        }
        let (brackets, module_at, build_id_at) = module_at(line, size_at.end);
        let address = address_before(line, from, start);
        let role = role(line, from, start, address.as_ref().map_or(start, |(_, at)| at.start));
        let stale = line[from..start].trim_end_matches(['(', ' ']).ends_with('?')
            || line[size_at.end..].contains("(unreliable)");
        return Some(LogFrame {
            function: start..plus,
            offset,
            offset_at,
            size,
            size_at,
            module_at,
            build_id_at,
            address,
            brackets,
            role,
            reliable: !stale,
        });
    }
}

/// Bytes that names of symbols are made of: C, compiler suffixes, mangled and demangled Rust.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'@')
}

fn name_start(bytes: &[u8], from: usize, end: usize) -> usize {
    let mut start = end;
    while start > from && in_name(bytes[start - 1]) {
        start -= 1;
    }
    start
}

/// `0x1f` at this place: its value and where it stands.
fn hex_at(bytes: &[u8], at: usize) -> Option<(u64, Range<usize>)> {
    let digits = bytes.get(at..)?.strip_prefix(b"0x")?;
    let n = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let text = std::str::from_utf8(&digits[..n]).ok()?;
    Some((u64::from_str_radix(text, 16).ok()?, at..at + 2 + n))
}

type ModuleAt = (Option<Range<usize>>, Option<Range<usize>>, Option<Range<usize>>);

/// `[module]` or `[module buildid]` right after the size.
fn module_at(line: &str, end: usize) -> ModuleAt {
    let none = (None, None, None);
    let rest = &line[end..];
    let inner = rest.trim_start();
    let open = end + rest.len() - inner.len();
    let Some(inner) = inner.strip_prefix('[').and_then(|i| i.split(']').next()) else { return none };
    if line.as_bytes().get(open + 1 + inner.len()) != Some(&b']') {
        return none;
    }
    let (name, id) = inner.split_once(' ').map_or((inner, None), |(n, i)| (n, Some(i)));
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let sound = id.is_none_or(|i| i.len() >= 8 && i.bytes().all(|b| b.is_ascii_hexdigit()));
    if !word || !sound || name == "inline" {
        return none;
    }
    let name_at = open + 1..open + 1 + name.len();
    let id_at = id.map(|i| name_at.end + 1..name_at.end + 1 + i.len());
    (Some(open..open + 2 + inner.len()), Some(name_at), id_at)
}

/// The address in brackets before a symbol: `[<ffffffff81012345>]`, `[c0000000001e2b04]`.
fn address_before(line: &str, from: usize, start: usize) -> Option<(u64, Range<usize>)> {
    let head = line[from..start].trim_end_matches(['?', ' ', '(']).strip_suffix(']')?;
    let open = head.rfind('[')?;
    let inner = &head[open + 1..];
    let digits = inner.trim_start_matches('<').trim_end_matches('>');
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let begin = from + open + 1 + inner.find(digits)?;
    if digits.len() < 8 {
        return None;
    }
    Some((u64::from_str_radix(digits, 16).ok()?, begin..begin + digits.len()))
}

/// Words right before a program counter.
const PC: &[&str] = &["RIP", "EIP", "NIP", "IP", "pc", "PC is at", "epc"];
/// Words right before a link register.
const LINK: &[&str] = &["lr", "LR is at", "LR", "ra"];

fn role(line: &str, from: usize, start: usize, address: usize) -> FrameRole {
    if line[from..start].contains(") from ") || line[from..start].trim() == "from" {
        return FrameRole::Caller;
    }
    let before = |end: usize| {
        let head = line[..end].trim_end_matches(['[', '<', '(', ' ', '>', ']', '?']);
        // `RIP: 0010:` and, in old kernels, the same address twice.
        let head = head.rsplit_once('[').map_or(head, |(h, inner)| match inner.contains('<') {
            true => h.trim_end_matches(['[', '<', ' ', ']', '>']),
            false => head,
        });
        let head = head.trim_end_matches(':');
        let segment = head.rsplit_once(':').filter(|(_, s)| {
            let s = s.trim();
            s.len() == 4 && s.bytes().all(|b| b.is_ascii_hexdigit())
        });
        segment.map_or(head, |(h, _)| h).trim_end_matches([':', ' ']).to_owned()
    };
    let head = before(address);
    let ends = |words: &[&str]| {
        words.iter().any(|w| {
            let rest = head.strip_suffix(w);
            rest.is_some_and(|r| !r.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        })
    };
    if ends(PC) || line[..start].contains("Krnl PSW") {
        FrameRole::Pc
    } else if ends(LINK) {
        FrameRole::Link
    } else if alone(&line[..address]) {
        FrameRole::Call
    } else {
        FrameRole::Mention
    }
}

/// Whether nothing but prefixes of the log and marks of a stack trace stand before a frame.
fn alone(head: &str) -> bool {
    let text = crate::prefix::Prefix::of(head).rest(head);
    let text = text.trim_start_matches(['[', ' ', '<', '(', '\t', '?', '|', '-', '#']);
    // A second address (ppc prints the stack pointer first), a number (s390 and others number their frames).
    let mut words = text.split([' ', ']', '>', ')', '[', '<', '(']).filter(|w| !w.is_empty() && *w != "?");
    words.all(|w| w.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'x') || MARKS.contains(&w))
}

/// Marks of stacks that may share a line with a frame.
const MARKS: &[&str] =
    &["IRQ", "EOI", "NMI", "TASK", "SOFTIRQ", "/IRQ", "/TASK", "/NMI", "#DF", "#DB", "EOE"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> (String, u64, u64, Option<String>, Option<u64>, FrameRole, bool) {
        let f = parse_frame(line).unwrap_or_else(|| panic!("no frame in {line}"));
        let module = f.module(line).map(str::to_owned);
        (f.name(line).to_owned(), f.offset, f.size, module, f.address.map(|a| a.0), f.role, f.reliable)
    }

    #[test]
    fn every_form_that_kernels_print() {
        use FrameRole::{Call, Link, Mention, Pc};
        let m = |s: &str| Some(s.to_owned());
        for (line, want) in [
            (" foo+0x1e/0x31 [bad_driver]", ("foo".into(), 0x1e, 0x31, m("bad_driver"), None, Call, true)),
            ("[    1.000000]  ? foo.isra.0+0x1/0x2", ("foo.isra.0".into(), 1, 2, None, None, Call, false)),
            (
                "[<ffffffff81012345>] foo+0x1/0x2 [m]",
                ("foo".into(), 1, 2, m("m"), Some(0xffff_ffff_8101_2345), Call, true),
            ),
            (
                " [<ffffffff81012345>] ? foo+0x1/0x2",
                ("foo".into(), 1, 2, None, Some(0xffff_ffff_8101_2345), Call, false),
            ),
            ("RIP: 0010:foo+0x1/0x2 [m]", ("foo".into(), 1, 2, m("m"), None, Pc, true)),
            (
                "RIP: 0010:[<ffffffff81012345>]  [<ffffffff81012345>] foo+0x1/0x2",
                ("foo".into(), 1, 2, None, Some(0xffff_ffff_8101_2345), Pc, true),
            ),
            (
                "IP: [<ffffffff81012345>] foo+0x1/0x2",
                ("foo".into(), 1, 2, None, Some(0xffff_ffff_8101_2345), Pc, true),
            ),
            ("EIP: foo+0x1/0x2", ("foo".into(), 1, 2, None, None, Pc, true)),
            ("[    3.1] pc : foo+0x1/0x2 [m]", ("foo".into(), 1, 2, m("m"), None, Pc, true)),
            ("lr : foo+0x1/0x2", ("foo".into(), 1, 2, None, None, Link, true)),
            ("PC is at foo+0x1/0x2", ("foo".into(), 1, 2, None, None, Pc, true)),
            ("LR is at foo+0x1/0x2", ("foo".into(), 1, 2, None, None, Link, true)),
            (
                "NIP [c0000000001e2b04] foo+0x1/0x2",
                ("foo".into(), 1, 2, None, Some(0xc000_0000_001e_2b04), Pc, true),
            ),
            (
                "[c000000001b8f9a0] [c0000000001e2b04] foo+0x1/0x2 [m] (unreliable)",
                ("foo".into(), 1, 2, m("m"), Some(0xc000_0000_001e_2b04), Call, false),
            ),
            ("epc : foo+0x1/0x2", ("foo".into(), 1, 2, None, None, Pc, true)),
            (" ra : foo+0x1/0x2", ("foo".into(), 1, 2, None, None, Link, true)),
            (
                "Krnl PSW : 0704c00180000000 0000000000112233 (foo+0x1/0x2 [m])",
                ("foo".into(), 1, 2, m("m"), None, Pc, true),
            ),
            ("([<0000000000112233>] foo+0x1/0x2)", ("foo".into(), 1, 2, None, Some(0x11_2233), Call, true)),
            (
                "BUG: KASAN: slab-use-after-free in foo+0x1/0x2 [m]",
                ("foo".into(), 1, 2, m("m"), None, Mention, true),
            ),
            (" foo+0x1/0x2 net/core/dev.c:12 [inline]", ("foo".into(), 1, 2, None, None, Call, true)),
        ] {
            assert_eq!(parts(line), want, "{line}");
        }
    }

    #[test]
    fn arm_names_two_functions_in_a_line() {
        let line = "[<c0012345>] (foo) from [<c0056789>] (bar+0x1/0x2)";
        let f = parse_frame(line).unwrap();
        assert_eq!((f.name(line), f.role), ("bar", FrameRole::Caller));
        assert_eq!(f.address.map(|a| a.0), Some(0xc005_6789));
        let line = "foo+0x1/0x2 from bar+0x3/0x4";
        let both: Vec<_> = parse_frames(line).map(|f| (f.name(line).to_owned(), f.role)).collect();
        assert_eq!(both, [("foo".into(), FrameRole::Call), ("bar".into(), FrameRole::Caller)]);
    }

    #[test]
    fn what_only_looks_like_one() {
        for line in
            ["a + 0x1/0x2", "foo+0x1", "+0x1/0x2", "foo+0x/0x2", "foo+0x1/2", "x+0xffffffffffffffff1/0x1"]
        {
            assert_eq!(parse_frame(line), None, "{line}");
        }
    }
}

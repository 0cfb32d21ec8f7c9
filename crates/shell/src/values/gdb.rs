//! Values as gdb writes them (`set print pretty on`).

use super::tree::Node;

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Radix {
    /// With their sign.
    #[default]
    Decimal,
    /// With `0x`, two's complement.
    Hex,
    /// Without a sign.
    Unsigned,
    /// With a leading 0.
    Octal,
    /// Digits alone.
    Binary,
}

/// So many equal elements in a row are shortened; gdb's default.
const REPEATS: usize = 10;

/// The value; lines after the first are indented by `indent` and more.
pub fn text(node: &Node, radix: Radix, indent: usize) -> String {
    match node {
        Node::Struct(members) => structure(members, radix, indent),
        Node::Array(elements, more) => array(elements, *more, radix, indent),
        Node::Flexible(at) => format!("{at:#x}"),
        Node::Text(bytes, more) => string(bytes, *more),
        Node::Int(n, size) => number(*n, *size, radix),
        Node::Char(n) if radix != Radix::Decimal => number(*n, 1, radix),
        Node::Char(n) => format!("{n} '{}'", escaped(&[*n as u8], b'\'')),
        Node::Bool(b) => b.to_string(),
        Node::Enum(name) => name.clone(),
        Node::Pointer(at, symbol, text) => pointer(*at, symbol.as_deref(), text.as_deref()),
        Node::Unreadable(why) => format!("<{why}>"),
    }
}

fn structure(members: &[(Option<String>, Node)], radix: Radix, indent: usize) -> String {
    if members.is_empty() {
        return "{<No data fields>}".into();
    }
    let inner = indent + 2;
    let line = |(name, node): &(Option<String>, Node)| {
        let value = text(node, radix, inner);
        match name {
            Some(name) => format!("{:inner$}{name} = {value}", ""),
            None => format!("{:inner$}{value}", ""),
        }
    };
    let lines: Vec<String> = members.iter().map(line).collect();
    format!("{{\n{}\n{:indent$}}}", lines.join(",\n"), "")
}

fn array(elements: &[Node], more: u64, radix: Radix, indent: usize) -> String {
    let mut parts = Vec::new();
    let mut rest = elements;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|n| *n == first).count();
        let one = text(first, radix, indent + 2);
        if same > REPEATS {
            parts.push(format!("{one} <repeats {same} times>"));
        } else {
            parts.extend(std::iter::repeat_n(one, same));
        }
        rest = &rest[same..];
    }
    let dots = if more > 0 { "..." } else { "" };
    format!("{{{}{dots}}}", parts.join(", "))
}

/// A number of `size` bytes.
pub fn number(n: i128, size: u64, radix: Radix) -> String {
    let bits = (size * 8).clamp(1, 64) as u32;
    let cut = n as u64 & (u64::MAX >> (64 - bits));
    match radix {
        Radix::Decimal => n.to_string(),
        Radix::Unsigned => cut.to_string(),
        Radix::Hex => format!("{cut:#x}"),
        Radix::Octal if cut == 0 => "0".into(),
        Radix::Octal => format!("0{cut:o}"),
        Radix::Binary => format!("{cut:b}"),
    }
}

fn pointer(at: u64, symbol: Option<&str>, text: Option<&[u8]>) -> String {
    let mut out = format!("{at:#x}");
    if let Some(symbol) = symbol {
        out += &format!(" <{symbol}>");
    }
    if let Some(text) = text {
        out += &format!(" {}", string(text, false));
    }
    out
}

/// In double quotes; everything that is not printable ASCII in octal, so that nothing from a dump reaches a terminal raw.
pub fn string(bytes: &[u8], more: bool) -> String {
    let dots = if more { "..." } else { "" };
    format!("\"{}\"{dots}", escaped(bytes, b'"'))
}

fn escaped(bytes: &[u8], quote: u8) -> String {
    let one = |b: &u8| match b {
        b'\n' => "\\n".into(),
        b'\t' => "\\t".into(),
        b'\r' => "\\r".into(),
        7 => "\\a".into(),
        8 => "\\b".into(),
        0xb => "\\v".into(),
        0xc => "\\f".into(),
        0x1b => "\\033".into(),
        b'\\' => "\\\\".into(),
        b if *b == quote => format!("\\{}", quote as char),
        b' '..=b'~' => (*b as char).to_string(),
        b => format!("\\{b:03o}"),
    };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: Node) -> String {
        text(&node, Radix::Decimal, 0)
    }

    #[test]
    fn scalars() {
        assert_eq!(show(Node::Int(-3, 4)), "-3");
        assert_eq!(text(&Node::Int(-3, 4), Radix::Hex, 0), "0xfffffffd");
        assert_eq!(text(&Node::Int(-3, 1), Radix::Unsigned, 0), "253");
        assert_eq!(text(&Node::Int(8, 4), Radix::Octal, 0), "010");
        assert_eq!(text(&Node::Int(5, 4), Radix::Binary, 0), "101");
        assert_eq!(show(Node::Char(65)), "65 'A'");
        assert_eq!(show(Node::Text(b"a\"\0\x1b[".to_vec(), false)), r#""a\"\000\033[""#);
        assert_eq!(show(Node::Pointer(16, Some("f+1".into()), None)), "0x10 <f+1>");
    }

    #[test]
    fn nested() {
        let inner = Node::Struct(vec![(Some("counter".into()), Node::Int(1, 4))]);
        let array = Node::Array(vec![inner.clone(), inner], 0);
        assert_eq!(show(array), "{{\n    counter = 1\n  }, {\n    counter = 1\n  }}");
        let many = Node::Array(vec![Node::Int(0, 4); 12], 3);
        assert_eq!(show(many), "{0 <repeats 12 times>...}");
    }
}

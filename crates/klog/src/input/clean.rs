//! Bytes of a console to text: no colours, no carriage returns, nothing that is no text.

/// A line as text: escape sequences and control characters are taken out, other bytes that are no text become `\xNN`.
pub fn text_of(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let plain = line.is_ascii() && !line.iter().any(|b| *b < 0x20 && *b != b'\t' || *b == 0x7f);
    if plain {
        return String::from_utf8_lossy(line).into_owned();
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = without_escapes(line);
    rest.retain(|b| *b >= 0x20 || *b == b'\t');
    for chunk in rest.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out
}

/// Without what colours a terminal: `ESC [ … letter`, `ESC ] … BEL`, `ESC letter`.
fn without_escapes(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        if b != 0x1b {
            out.push(b);
            continue;
        }
        match bytes.next() {
            Some(b'[') => while bytes.next().is_some_and(|b| !(0x40..0x7f).contains(&b)) {},
            Some(b']') => while bytes.next().is_some_and(|b| b != 7 && b != 0x1b) {},
            _ => {}
        }
    }
    out
}

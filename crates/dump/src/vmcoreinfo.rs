//! VMCOREINFO: the text in which the kernel describes itself to dump tools (kernel/vmcore_info.c, since 2.6.24).

use std::ops::Range;

/// Parsed VMCOREINFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmcoreInfo {
    text: String,
    /// Key and value as places in `text`, sorted by key.
    entries: Vec<(Range<usize>, Range<usize>)>,
    truncated: bool,
}

impl VmcoreInfo {
    /// Parses the text up to a NUL; lines without `=` are ignored, the first of two equal keys counts.
    pub fn from_text(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(crate::text::until_nul(bytes)).into_owned();
        // The kernel stops at one page in the middle of a line; every whole line ends with a newline.
        let truncated = !text.is_empty() && !text.ends_with('\n');
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut entries = entries(text.get(..whole).unwrap_or_default());
        entries.sort_by_key(|(key, _)| text.get(key.clone()).unwrap_or_default());
        VmcoreInfo { text, entries, truncated }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text ends within a line: keys at its end are missing.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.entries.partition_point(|(k, _)| self.text.get(k.clone()).unwrap_or_default() < key);
        let (found, value) = self.entries.get(at)?;
        (self.text.get(found.clone())? == key).then(|| self.text.get(value.clone()))?
    }

    /// All keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|(k, v)| Some((self.text.get(k.clone())?, self.text.get(v.clone())?)))
    }

    /// `SYMBOL(name)`: an address, bare hexadecimal.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.hex(&format!("SYMBOL({name})"))
    }

    /// `NUMBER(name)`: signed decimal, or hexadecimal with 0x (unsigned ones above `i64::MAX` wrap).
    pub fn number(&self, name: &str) -> Option<i64> {
        let text = self.get(&format!("NUMBER({name})"))?;
        match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok().map(|n| n as i64),
            None => text.parse().ok().or_else(|| text.parse::<u64>().ok().map(|n| n as i64)),
        }
    }

    /// `OFFSET(struct.member)`.
    pub fn offset(&self, member: &str) -> Option<u64> {
        self.decimal(&format!("OFFSET({member})"))
    }

    /// `SIZE(struct)`.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.decimal(&format!("SIZE({name})"))
    }

    /// `LENGTH(array)`.
    pub fn length(&self, name: &str) -> Option<u64> {
        self.decimal(&format!("LENGTH({name})"))
    }

    /// The value of `key` as bare hexadecimal, such as `KERNELOFFSET`.
    pub fn hex(&self, key: &str) -> Option<u64> {
        let text = self.get(key)?;
        u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    }

    /// The value of `key` as a decimal number, such as `PAGESIZE`.
    pub fn decimal(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// `OSRELEASE`: what `uname -r` said.
    pub fn osrelease(&self) -> Option<&str> {
        self.get("OSRELEASE")
    }

    /// `BUILD-ID` of vmlinux in hexadecimal (since 5.9); `None` if it is not one.
    ///
    /// Some stable kernels (6.1.113 to 118, 6.6.55 to 62, 6.11.3 to 9 …) wrote garbage here.
    pub fn build_id(&self) -> Option<&str> {
        let id = self.get("BUILD-ID")?;
        let plausible = id.len() >= 16 && id.len() % 2 == 0 && id.bytes().all(|b| b.is_ascii_hexdigit());
        plausible.then_some(id)
    }

    /// `PAGESIZE`, if it is a power of two.
    pub fn page_size(&self) -> Option<u64> {
        self.decimal("PAGESIZE").filter(|n| n.is_power_of_two())
    }

    /// Size of a pointer, from `struct list_head` or the width of the symbols.
    pub(crate) fn word(&self) -> Option<u8> {
        match self.size("list_head") {
            Some(16) => Some(8),
            Some(8) => Some(4),
            _ => self.symbol("init_uts_ns").map(|at| if at >> 32 == 0 { 4 } else { 8 }),
        }
    }
}

fn entries(text: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let mut out = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end_matches(['\n', '\r']);
        if let Some(eq) = trimmed.find('=') {
            out.push((at..at + eq, at + eq + 1..at + trimmed.len()));
        }
        at += line.len();
    }
    out
}

#[cfg(test)]
mod tests;

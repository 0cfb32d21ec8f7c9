//! What a file that is no dump looks like.

/// First bytes and what they mean, with an article and advice.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF file"),
    (b"\x1f\x8b", "a gzip file (unpack it first)"),
    (b"\xfd7zXZ\0", "an xz file (unpack it first)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file (unpack it first)"),
    (b"BZh", "a bzip2 file (unpack it first)"),
    (b"\x04\x22\x4d\x18", "an lz4 file (unpack it first)"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
    (b"PAGEDU64", "a Windows crash dump"),
    (b"PAGEDUMP", "a Windows crash dump"),
    (b"EMiL", "a LiME memory image (convert it to raw)"),
    (b"QEVM", "a QEMU snapshot (use dump-guest-memory instead of savevm)"),
    (b"LibvirtQemudSave", "a libvirt save file (use virsh dump --memory-only)"),
    (b"QFI\xfb", "a qcow2 disk image"),
    (b"\xd2\xbe\xd2\xbe", "a VMware snapshot (convert it with vmss2core)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"%PDF", "a PDF document"),
];

/// What a file beginning with `head` looks like.
pub(crate) fn like(head: &[u8]) -> String {
    if head.is_empty() {
        return "empty".into();
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*what).into();
    }
    if is_text(head) {
        return "a text file".into();
    }
    let first: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("unknown data (it begins with {})", first.join(" "))
}

/// Whether `head` is known to be something else than memory.
pub(crate) fn is_foreign(head: &[u8]) -> bool {
    head.is_empty()
        || is_text(head)
        || MAGIC.iter().any(|(magic, _)| magic.len() > 3 && head.starts_with(magic))
}

fn is_text(head: &[u8]) -> bool {
    // A character may be cut at the end of `head`.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => {
            head.get(..e.valid_up_to()).and_then(|h| std::str::from_utf8(h).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b'))
}

#[cfg(test)]
mod tests;

//! The header: where the sections are (include/uapi/linux/btf.h).

use std::ops::Range;

use necropsy_base::{Abi, Cursor, OutOfBounds};

use super::BtfError;

const MAGIC: u16 = 0xeb9f;
/// What every version has; 7.1 adds the layout section's offset and length.
const SHORT: usize = 24;
const WITH_LAYOUT: u32 = 32;

/// Where the sections are in the bytes.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) types: Range<usize>,
    pub(super) strings: Range<usize>,
    /// Entry sizes by kind; empty before 7.1.
    pub(super) layout: Range<usize>,
}

/// The header's fields: (offset behind the header, length) of types, strings, layout.
struct Raw {
    len: u32,
    sections: [(u32, u32); 3],
}

impl Header {
    pub(super) fn parse(bytes: &[u8], abi: Abi) -> Result<Header, BtfError> {
        let raw = raw(bytes, abi)?;
        let range = |section, (offset, size): (u32, u32)| {
            let start = u64::from(raw.len) + u64::from(offset);
            let end = start + u64::from(size);
            let inside = end <= bytes.len() as u64 && end <= u64::from(u32::MAX);
            let range = if inside { Some(start as usize..end as usize) } else { None };
            range.ok_or(BtfError::Section { section, start, end, len: bytes.len() })
        };
        let [types, strings, layout] = raw.sections;
        Ok(Header {
            types: range("type", types)?,
            strings: range("string", strings)?,
            layout: range("layout", layout)?,
        })
    }

    pub(super) fn size(head: &[u8], abi: Abi) -> Option<u64> {
        let raw = raw(head, abi).ok()?;
        let ends = raw.sections.iter().map(|(offset, size)| u64::from(*offset) + u64::from(*size));
        Some(u64::from(raw.len) + ends.max().unwrap_or(0))
    }
}

fn raw(bytes: &[u8], abi: Abi) -> Result<Raw, BtfError> {
    fields(bytes, abi).unwrap_or(Err(BtfError::ShortHeader(bytes.len())))
}

fn fields(bytes: &[u8], abi: Abi) -> Result<Result<Raw, BtfError>, OutOfBounds> {
    let mut c = Cursor::new(bytes, abi);
    let (magic, version, _flags) = (c.u16()?, c.u8()?, c.u8()?);
    if magic != MAGIC {
        return Ok(Err(BtfError::Magic(magic)));
    }
    if version != 1 {
        return Ok(Err(BtfError::Version(version)));
    }
    let len = c.u32()?;
    if (len as usize) < SHORT {
        return Ok(Err(BtfError::ShortHeader(len as usize)));
    }
    let types = (c.u32()?, c.u32()?);
    let strings = (c.u32()?, c.u32()?);
    let layout = if len >= WITH_LAYOUT { (c.u32()?, c.u32()?) } else { (0, 0) };
    Ok(Ok(Raw { len, sections: [types, strings, layout] }))
}

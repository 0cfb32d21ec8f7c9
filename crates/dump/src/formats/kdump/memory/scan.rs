//! All pages in their order, past the cache: what lies together in the file is read together, and decoded into one page that the looker
//! sees while it is still in the CPU's cache.

use std::ops::Range;

use super::super::codec;
use super::super::part::DumpPart;
use super::{GAP, KdumpMemory, Located, SCRATCH};

/// Bytes per read of the file in a scan; what stays in the CPU's cache while the pages are looked at.
const SCAN_SPAN: u64 = 128 << 10;

/// Pages of a scan that lie together in the file.
struct Batch<'a> {
    memory: &'a KdumpMemory,
    found: Vec<(u64, Located<'a>)>,
    /// Where in a part they are; the page of zeros, which is somewhere else, needs no reading.
    span: Option<(&'a DumpPart, Range<u64>)>,
    page: Vec<u8>,
}

impl<'a> Batch<'a> {
    /// Adds a page; those before are decoded first if it is too far from them.
    fn push(&mut self, pfn: u64, located: Located<'a>, look: &mut dyn FnMut(u64, &[u8])) {
        if self.memory.zero_page(&located).is_none() {
            let desc = located.desc;
            let near = |(part, span): &(&DumpPart, Range<u64>)| {
                let follows = desc.offset >= span.end && desc.offset - span.end < GAP;
                follows && std::ptr::eq(*part, located.part) && desc.end() - span.start <= SCAN_SPAN
            };
            if !self.span.as_ref().is_none_or(near) {
                self.decode(look);
            }
            let start = self.span.as_ref().map_or(desc.offset, |(_, span)| span.start);
            self.span = Some((located.part, start..desc.end()));
        }
        self.found.push((pfn, located));
    }

    /// Decodes what is there, page by page.
    fn decode(&mut self, look: &mut dyn FnMut(u64, &[u8])) {
        let mut data = SCRATCH.take();
        let (start, read) = self.span.take().map_or((0, false), |(part, span)| {
            data.resize((span.end - span.start) as usize, 0);
            (span.start, part.read(span.start, &mut data).is_ok())
        });
        for (pfn, located) in self.found.drain(..) {
            if self.memory.zero_page(&located).is_some() {
                look(pfn, &self.memory.zeros);
                continue;
            }
            let from = located.desc.offset.saturating_sub(start) as usize;
            let bytes = data.get(from..from + located.desc.size as usize).filter(|_| read);
            let done = match bytes {
                Some(bytes) => codec::decode(located.desc.flags, bytes, &mut self.page),
                None => located.decode_alone(&mut self.page),
            };
            if done.is_ok() {
                self.memory.learn_zero(&located, &self.page);
                look(pfn, &self.page);
            }
        }
        SCRATCH.set(data);
    }
}

impl KdumpMemory {
    /// Gives each page of `pfns` that is in the dump and can be read to `look`.
    pub(super) fn scan(&self, pfns: Range<u64>, look: &mut dyn FnMut(u64, &[u8])) {
        let mut batch = Batch { memory: self, found: Vec::new(), span: None, page: vec![0; self.size] };
        for part in &self.parts {
            let mut at = pfns.start;
            while let Some(run) = part.run(at).filter(|run| run.start < pfns.end) {
                let run = run.start..run.end.min(pfns.end);
                at = run.end;
                for (pfn, desc) in part.locate_run(run) {
                    if let Ok(desc) = desc {
                        batch.push(pfn, Located { part, desc }, look);
                    }
                }
            }
        }
        batch.decode(look);
    }
}

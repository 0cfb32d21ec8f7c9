//! Raw memory: the bytes of RAM from address 0 on, without any header.

use std::ops::Range;
use std::sync::Arc;

use necropsy_base::{IoError, PhysAddr, PhysMem, RangeSet, ReadError, Why};

use super::{Format, Part};
use crate::chunks::Chunks;
use crate::{DumpMeta, Machine, OpenError, Source, VmcoreInfo, looks, open, scan};

const PIECE: u64 = 16 << 10;
const PIECES: usize = 512;

/// Raw memory; accepted only if VMCOREINFO is found in it, so this must be the last format asked.
pub(crate) struct Raw;

impl Format for Raw {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn probe(&self, head: &[u8]) -> bool {
        !looks::is_foreign(head)
    }

    fn open(&self, parts: &[Part]) -> Result<Source, OpenError> {
        let part = super::single(parts)?;
        let memory = Arc::new(RawMemory::new(part));
        let mut found = scan::scan(memory.as_ref()).into_iter();
        let Some(best) = found.next() else {
            let looks_like = looks::like(&open::head(part)?);
            return Err(OpenError::Unknown { name: part.name.clone(), looks_like });
        };
        let mut meta = DumpMeta::new("raw", best.abi(), best.info.page_size().unwrap_or(4096));
        meta.machine = Machine::from_vmcoreinfo(&best.info);
        meta.phys_base = best.info.number("phys_base");
        meta.vmcoreinfo = Some(best.info);
        meta.notes.push("raw memory: addresses are taken to begin at 0 and to have no holes".into());
        let others: Vec<VmcoreInfo> = found.map(|f| f.info).collect();
        if !others.is_empty() {
            meta.notes.push(format!("memory holds {} more VMCOREINFO texts; the best is used", others.len()));
        }
        Ok(Source { physical: Some(memory), virtual_: None, meta })
    }
}

/// Memory whose addresses are offsets in the file.
struct RawMemory {
    file: Chunks,
    ram: RangeSet<PhysAddr>,
}

impl RawMemory {
    fn new(part: &Part) -> Self {
        let ram = std::iter::once(PhysAddr(0)..PhysAddr(part.store.len())).collect();
        RawMemory { file: Chunks::new(part.store.clone(), PIECE, PIECES), ram }
    }
}

impl PhysMem for RawMemory {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.file.read(at.0, buf).map_err(|e| match e {
            IoError::End { len, .. } => ReadError::phys(PhysAddr(at.0.max(len)), Why::Hole),
            IoError::Os(_) => ReadError::phys(at, Why::Io),
        })
    }

    fn ram(&self) -> &RangeSet<PhysAddr> {
        &self.ram
    }

    fn present(&self, from: PhysAddr) -> Option<Range<PhysAddr>> {
        (from.0 < self.file.len()).then(|| from..PhysAddr(self.file.len()))
    }
}

//! Physical and virtual memory out of an ELF core.

use std::ops::Range;

use necropsy_base::{Abi, Memory, PhysAddr, PhysMem, RangeSet, ReadError, VirtAddr};

use super::Map;

/// Memory by physical address.
pub(super) struct ElfPhysical(Map);

impl ElfPhysical {
    /// A map by physical address.
    pub(super) fn new(map: Map) -> Self {
        ElfPhysical(map)
    }
}

impl PhysMem for ElfPhysical {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.0.read(at.0, buf).map_err(|(at, why)| ReadError::phys(PhysAddr(at), why))
    }

    fn ram(&self) -> &RangeSet<PhysAddr> {
        &self.0.all
    }

    fn present(&self, from: PhysAddr) -> Option<Range<PhysAddr>> {
        self.0.present(from.0).map(|r| PhysAddr(r.start)..PhysAddr(r.end))
    }
}

/// Memory by virtual address.
pub(super) struct ElfVirtual {
    map: Map,
    abi: Abi,
}

impl ElfVirtual {
    /// A map by virtual address.
    pub(super) fn new(map: Map, abi: Abi) -> Self {
        ElfVirtual { map, abi }
    }
}

impl Memory for ElfVirtual {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.map.read(at.0, buf).map_err(|(at, why)| ReadError::kernel(VirtAddr(at), why))
    }

    fn abi(&self) -> Abi {
        self.abi
    }
}

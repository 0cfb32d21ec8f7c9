//! Virtual memory out of physical memory: the kernel's and that of a process.

use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use necropsy_arch::{Arch, Boot, Mapping, PageTables, WalkError};
use necropsy_base::{Abi, Memory, PhysAddr, PhysMem, ReadError, Space, VirtAddr, Why};

/// Translations kept; one slot per page number modulo this.
const SLOTS: usize = 1024;

/// Translations that were found before: one `(page + 1, physical page)` per slot.
struct Found(Vec<RwLock<(u64, u64)>>);

impl Found {
    fn new() -> Self {
        Found((0..SLOTS).map(|_| RwLock::new((0, 0))).collect())
    }
    fn get(&self, page: u64) -> Option<u64> {
        let slot = *self.0[page as usize % SLOTS].read().unwrap_or_else(PoisonError::into_inner);
        (slot.0 == page + 1).then_some(slot.1)
    }
    fn put(&self, page: u64, phys: u64) {
        *self.0[page as usize % SLOTS].write().unwrap_or_else(PoisonError::into_inner) = (page + 1, phys);
    }
}

/// What both kinds of virtual memory share: a page walk with a memory.
struct Walker {
    phys: Arc<dyn PhysMem>,
    arch: &'static dyn Arch,
    tables: PageTables,
    found: Found,
}

impl Walker {
    fn page(&self, page: u64) -> Result<u64, Why> {
        if let Some(phys) = self.found.get(page) {
            return Ok(phys);
        }
        let shift = self.tables.page_shift;
        let map = self.arch.translate(self.phys.as_ref(), &self.tables, VirtAddr(page << shift));
        let phys = map.map_err(|e| e.why())?.phys.0 >> shift;
        self.found.put(page, phys);
        Ok(phys)
    }

    fn to_phys(&self, at: VirtAddr) -> Result<PhysAddr, Why> {
        let shift = self.tables.page_shift;
        Ok(PhysAddr(self.page(at.0 >> shift)? << shift | at.0 & ((1 << shift) - 1)))
    }

    /// Reads page by page; `to_phys` says where each begins.
    fn read(
        &self,
        space: Space,
        at: VirtAddr,
        buf: &mut [u8],
        to_phys: impl Fn(VirtAddr) -> Result<PhysAddr, Why>,
    ) -> Result<(), ReadError> {
        let page = 1u64 << self.tables.page_shift;
        let mut done = 0;
        while done < buf.len() {
            let here = at.offset(done as u64);
            let step = ((page - here.0 % page) as usize).min(buf.len() - done);
            let fail = |why| ReadError { space, at: here.0, why };
            let phys = to_phys(here).map_err(fail)?;
            let part = &mut buf[done..done + step];
            self.phys.read(phys, part).map_err(|e| ReadError {
                at: here.0.wrapping_add(e.at.wrapping_sub(phys.0)),
                ..fail(e.why)
            })?;
            done += step;
        }
        Ok(())
    }
}

/// A range of virtual addresses translated by subtracting a number.
type Linear = (Range<u64>, u64);

/// The kernel's virtual memory.
pub struct KernelMemory {
    walker: Walker,
    abi: Abi,
    image: Linear,
    direct: OnceLock<Linear>,
}

impl KernelMemory {
    /// The kernel memory that `boot` describes.
    pub fn new(phys: Arc<dyn PhysMem>, arch: &'static dyn Arch, abi: Abi, boot: &Boot) -> Self {
        let walker = Walker { phys, arch, tables: boot.tables, found: Found::new() };
        KernelMemory {
            walker,
            abi,
            image: (if boot.linear { boot.image.clone() } else { 0..0 }, boot.delta),
            direct: OnceLock::new(),
        }
    }

    /// Tells where the direct map of all RAM lies; makes reads there cheaper.
    pub fn set_direct_map(&self, range: Range<u64>, delta: u64) {
        let _ = self.direct.set((range, delta));
    }

    /// Virtual addresses of the direct map, once known.
    pub fn direct_map(&self) -> Option<Range<u64>> {
        self.direct.get().map(|d| d.0.clone())
    }

    /// The physical address behind a kernel address.
    pub fn to_phys(&self, at: VirtAddr) -> Result<PhysAddr, Why> {
        let linear = [Some(&self.image), self.direct.get()];
        match linear.into_iter().flatten().find(|(range, _)| range.contains(&at.0)) {
            Some((_, delta)) => Ok(PhysAddr(at.0.wrapping_sub(*delta))),
            None => self.walker.to_phys(at),
        }
    }

    /// The whole page walk, with every step.
    pub fn walk(&self, at: VirtAddr) -> Result<Mapping, WalkError> {
        let w = &self.walker;
        w.arch.translate(w.phys.as_ref(), &w.tables, at)
    }

    /// The physical memory underneath.
    pub fn phys(&self) -> &Arc<dyn PhysMem> {
        &self.walker.phys
    }

    /// How the kernel's page tables read.
    pub fn tables(&self) -> PageTables {
        self.walker.tables
    }
}

impl Memory for KernelMemory {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let linear = [Some(&self.image), self.direct.get()];
        let end = at.0.wrapping_add(buf.len() as u64);
        if let Some((_, delta)) =
            linear.into_iter().flatten().find(|(r, _)| r.contains(&at.0) && end >= at.0 && end <= r.end)
        {
            let phys = PhysAddr(at.0.wrapping_sub(*delta));
            let fail = |e: ReadError| {
                ReadError::kernel(VirtAddr(at.0.wrapping_add(e.at.wrapping_sub(phys.0))), e.why)
            };
            return self.walker.phys.read(phys, buf).map_err(fail);
        }
        self.walker.read(Space::Kernel, at, buf, |a| self.to_phys(a))
    }
    fn abi(&self) -> Abi {
        self.abi
    }
}

/// The virtual memory of a process.
pub struct UserMemory {
    walker: Walker,
    abi: Abi,
}

impl UserMemory {
    /// The memory that the page tables at `root` map.
    pub fn new(kernel: &KernelMemory, root: PhysAddr) -> Self {
        let w = &kernel.walker;
        let tables = PageTables { root, ..w.tables };
        UserMemory {
            walker: Walker { phys: w.phys.clone(), arch: w.arch, tables, found: Found::new() },
            abi: kernel.abi,
        }
    }
    /// The physical address behind a user address.
    pub fn to_phys(&self, at: VirtAddr) -> Result<PhysAddr, Why> {
        self.walker.to_phys(at)
    }
}

impl Memory for UserMemory {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.walker.read(Space::User, at, buf, |a| self.walker.to_phys(a))
    }
    fn abi(&self) -> Abi {
        self.abi
    }
}

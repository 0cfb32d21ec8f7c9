//! From a dump to a kernel.

use std::sync::Arc;

use necropsy_arch::{Arch, BootFacts};
use necropsy_base::{Budget, Memory, MemoryExt, VirtAddr};
use necropsy_debuginfo::locate::Search;
use necropsy_debuginfo::{Kallsyms, Keys};
use necropsy_dump::{DumpMeta, Machine, Source, VmcoreInfo};

use crate::unwind::Methods;
use crate::{KernelMemory, OpenError, Target};

/// What the user may say about a dump.
#[derive(Default)]
pub struct Options {
    /// VMCOREINFO of the kernel, for a dump that has none.
    pub vmcoreinfo: Option<VmcoreInfo>,
    /// Where to look for files with debugging information; `None`: they are not to be used.
    pub search: Option<Arc<Search>>,
    /// The ways of unwinding to use.
    pub methods: Methods,
    /// Limits on long work.
    pub budget: Budget,
}

impl BootFacts for Facts<'_> {
    fn number(&self, name: &str) -> Option<i64> {
        self.info.number(name)
    }
    fn symbol(&self, name: &str) -> Option<u64> {
        self.info.symbol(name)
    }
    fn page_shift(&self) -> u8 {
        let size = self.info.page_size().unwrap_or(self.meta.page_size);
        if size.is_power_of_two() && (4096..=65536).contains(&size) {
            size.trailing_zeros() as u8
        } else {
            12
        }
    }
    fn phys_base(&self) -> Option<i64> {
        self.meta.phys_base
    }
    fn mapped(&self, addresses: &std::ops::Range<u64>) -> Option<(u64, u64)> {
        let segment = self.meta.segments.iter().find(|s| addresses.contains(&s.vaddr))?;
        Some((segment.vaddr, segment.paddr))
    }
}

struct Facts<'a> {
    info: &'a VmcoreInfo,
    meta: &'a DumpMeta,
}

impl Target {
    /// Finds the kernel in a dump: reads VMCOREINFO and the symbol table, nothing else.
    pub fn open(source: Source, options: Options) -> Result<Arc<Target>, OpenError> {
        let Source { physical, mut meta, .. } = source;
        let phys = physical.ok_or(OpenError::NoMemory)?;
        meta.vmcoreinfo = options.vmcoreinfo.or(meta.vmcoreinfo);
        let info = meta.vmcoreinfo.clone().ok_or(OpenError::NoVmcoreinfo)?;
        let arch = find_arch(&meta)?;
        let boot = arch.boot(&Facts { info: &info, meta: &meta }).map_err(OpenError::MissingKey)?;
        let kernel = Arc::new(KernelMemory::new(phys, arch, meta.abi, &boot));
        let mut target = Target::new(meta, arch, kernel.clone(), Some(kernel.clone()), options.budget);
        target.methods = options.methods;
        target.boot_image = boot.image.clone();
        target.debug.finder = options.search;
        if info.truncated() {
            target.note("VMCOREINFO is cut short: keys at its end are missing");
        }
        match find_kallsyms(kernel.as_ref(), &info, boot.image.clone()) {
            Ok(found) => target.kallsyms = Some(found),
            Err(e) => target.note(format!("no symbol table: {e}")),
        }
        target.find_direct_map(&kernel);
        target.cross_check(&info);
        Ok(Arc::new(target))
    }

    /// The direct map makes reads of most structures cheaper; without it they go through the page tables.
    fn find_direct_map(&self, kernel: &KernelMemory) {
        let read = |name: &str| self.symbol(name).and_then(|at| self.memory.u64(at).ok());
        let info = self.meta.vmcoreinfo.as_ref();
        let number = |name: &str| info.and_then(|i| i.number(name));
        let ram = kernel.phys().ram().end().map_or(0, |end| end.0);
        if let Some((start, delta)) = self.arch.direct_map(&read, &number) {
            kernel.set_direct_map(start..start.saturating_add(ram), delta);
        }
    }
}

fn find_arch(meta: &DumpMeta) -> Result<&'static dyn Arch, OpenError> {
    let by_uts = meta.uts.as_ref().map(|u| u.machine.clone());
    let name = match meta.machine {
        Some(Machine::X86_64) => "x86_64".into(),
        Some(Machine::Aarch64) => "aarch64".into(),
        other => by_uts.unwrap_or_else(|| format!("{other:?}")),
    };
    necropsy_arch::by_name(&name).ok_or(OpenError::Machine(name))
}

/// Symbols whose address VMCOREINFO gives: they decide how the table is encoded.
const ANCHORS: &[&str] = &["_stext", "swapper_pg_dir", "init_uts_ns", "node_online_map", "mem_section"];

fn find_kallsyms(
    mem: &dyn Memory,
    info: &VmcoreInfo,
    image: std::ops::Range<u64>,
) -> Result<Kallsyms, necropsy_debuginfo::KallsymsError> {
    let anchors: Vec<(&str, u64)> =
        ANCHORS.iter().filter_map(|name| info.symbol(name).map(|at| (*name, at))).collect();
    let symbol = |name: &str| info.symbol(name).map(VirtAddr);
    let keys = || {
        Some(Keys {
            names: symbol("kallsyms_names")?,
            num_syms: symbol("kallsyms_num_syms")?,
            token_table: symbol("kallsyms_token_table")?,
            token_index: symbol("kallsyms_token_index")?,
            offsets: symbol("kallsyms_offsets"),
            relative_base: symbol("kallsyms_relative_base"),
            addresses: symbol("kallsyms_addresses"),
        })
    };
    if let Some(keys) = keys()
        && let Ok(found) = Kallsyms::from_keys(mem, &keys, &anchors)
    {
        return Ok(found);
    }
    // The text begins the image: what KASLR left free before it need not be searched.
    let text = info.symbol("_stext").filter(|at| image.contains(at)).unwrap_or(image.start);
    Kallsyms::find(mem, VirtAddr(text & !0x1f_ffff)..VirtAddr(image.end), &anchors)
}

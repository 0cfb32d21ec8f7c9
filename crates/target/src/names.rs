//! What addresses are called: the kernel's symbols and those of its modules.

use std::ops::Range;

use necropsy_base::{Near, Symbols, VirtAddr};
use necropsy_debuginfo::Kallsyms;

use crate::filed::Filed;
use crate::{LoadError, Target};

/// Pairs of symbols that enclose code. `.init.text` is freed after boot, but what ran there may still be on a stack.
const TEXT: &[(&str, &str)] =
    &[("_stext", "_etext"), ("_sinittext", "_einittext"), ("__entry_text_start", "__entry_text_end")];

impl Target {
    /// The kernel's symbol table.
    pub fn kallsyms(&self) -> Option<&Kallsyms> {
        self.kallsyms.as_ref()
    }

    /// Address of a kernel symbol. A per-CPU one may be an offset: see [`Target::percpu_symbol`]. Kernels built without
    /// `KALLSYMS_ALL` name only code; of data only what VMCOREINFO tells is known then.
    pub fn symbol(&self, name: &str) -> Option<VirtAddr> {
        self.told_symbol(name).or_else(|| self.filed_symbol(name))
    }

    /// Address of a kernel symbol by what the dump itself tells.
    pub(crate) fn told_symbol(&self, name: &str) -> Option<VirtAddr> {
        let told = || self.meta.vmcoreinfo.as_ref()?.symbol(name);
        self.kallsyms.as_ref().and_then(|table| table.lookup(name)).or_else(told).map(VirtAddr)
    }

    /// Whether the dump names its data. `linux_banner` is in every kernel.
    fn names_data(&self) -> bool {
        self.kallsyms.as_ref().is_some_and(|table| table.lookup("linux_banner").is_some())
    }

    /// Address of a symbol that only the kernel's file names.
    fn filed_symbol(&self, name: &str) -> Option<VirtAddr> {
        if self.names_data() {
            return None;
        }
        self.filed()?.address(name)
    }

    /// The symbols of the kernel's file, at their addresses in memory.
    fn filed(&self) -> Option<&Filed> {
        let debug = self.kernel_debug()?;
        Some(self.filed.get_or_init(|| Filed::new(&debug.file.symbols(), debug.bias)))
    }

    /// Address of a kernel symbol, or the error that says it is not there.
    pub fn need_symbol(&self, name: &str) -> Result<VirtAddr, LoadError> {
        self.symbol(name).ok_or_else(|| LoadError::NoSymbol(name.to_owned()))
    }

    /// The symbol that covers `at`, of the kernel or of a module.
    pub fn near(&self, at: VirtAddr) -> Option<Near> {
        if self.image().contains(&at.0) { self.near_in_kernel(at) } else { self.modules().near(self, at) }
    }

    fn near_in_kernel(&self, at: VirtAddr) -> Option<Near> {
        if !self.names_data()
            && let Some(filed) = self.filed()
        {
            return filed.near(at);
        }
        let table = self.kallsyms.as_ref()?;
        let index = table.at(at.0)?;
        let start = VirtAddr(table.address(index)?);
        let size = table.next_address(index).and_then(|next| next.checked_sub(start.0));
        Some(Near { name: table.name(index)?, start, size, module: None })
    }

    /// From the first to the last address of the kernel image, as far as symbols tell.
    pub fn image(&self) -> Range<u64> {
        let bound = |names: [&str; 3]| names.iter().find_map(|n| self.symbol(n)).map(|a| a.0);
        match (bound(["_text", "_stext", "_head"]), bound(["_end", "__bss_stop", "_einittext"])) {
            (Some(start), Some(end)) if start < end => start..end,
            _ => 0..0,
        }
    }

    /// Where the kernel's data may lie: up to the end of the image, or as far as an image can reach.
    pub fn image_data(&self) -> Range<u64> {
        let start = self.symbol("_etext").map_or(self.boot_image.start, |a| a.0);
        start..self.symbol("_end").map_or(self.boot_image.end, |a| a.0).max(start)
    }

    /// Addresses of the kernel's own code.
    pub fn kernel_text(&self) -> &[Range<u64>] {
        self.text.get_or_init(|| {
            let pair = |(a, b): &(&str, &str)| Some(self.symbol(a)?.0..self.symbol(b)?.0);
            TEXT.iter().filter_map(pair).filter(|r| r.start < r.end).collect()
        })
    }

    /// Whether `at` is code of the kernel or of a module.
    pub fn is_text(&self, at: VirtAddr) -> bool {
        self.kernel_text().iter().any(|r| r.contains(&at.0)) || self.modules().text_of(at).is_some()
    }

    /// Whether `at` is code that was freed after boot.
    pub fn is_freed_text(&self, at: VirtAddr) -> bool {
        let bounds = self.symbol("_sinittext").zip(self.symbol("_einittext"));
        bounds.is_some_and(|(start, end)| (start..end).contains(&at))
    }

    /// `function+0x1e/0x31 [module]`, or the bare number.
    pub fn describe(&self, at: VirtAddr) -> String {
        let Some(near) = self.near(at) else {
            return format!("{:#x}", at.0);
        };
        let module = near.module.map(|m| format!(" [{m}]")).unwrap_or_default();
        format!("{}+{:#x}{module}", near.name, at.0 - near.start.0)
    }
}

impl Symbols for Target {
    fn near(&self, at: VirtAddr) -> Option<Near> {
        Target::near(self, at)
    }
    fn address(&self, name: &str) -> Option<VirtAddr> {
        self.symbol(name).or_else(|| self.modules().symbol(self, name).map(|s| s.1))
    }
}
